"""Verdicts on disk, so that a run can be gone on with, and the report by file."""

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from tests.mutants.judge import Verdict
from tests.mutants.mutate import Mutant, mutants_of
from tests.mutants.rooms import ROOT, room_of

_FILE = ROOT / "var" / "mutants" / "verdicts.ndjson"
_EQUIVALENT = Path(__file__).parent / "equivalent.toml"
_AGAIN = (Verdict.SURVIVED, Verdict.NO_TEST, Verdict.NOT_JUDGED)


class Results:
    """The last verdict on each mutant, by its name."""

    def __init__(self) -> None:
        lines = _FILE.read_bytes().splitlines() if _FILE.exists() else []
        self._known: dict[str, dict[str, Any]] = {row["name"]: row for row in map(orjson.loads, lines)}
        self.equivalent: dict[str, str] = {
            f"{file}::{each['function']}::{each['before']} -> {each['after']}": each["reason"]
            for file, listed in tomllib.loads(_EQUIVALENT.read_text()).items()
            for each in listed
        }

    def is_open(self, mutant: Mutant, *, again: bool) -> bool:
        """It is to be judged."""
        known = self.verdict(mutant)
        return mutant.name not in self.equivalent and (known is None or (again and known in _AGAIN))

    def add(self, mutant: Mutant, verdict: Verdict, killer: str) -> None:
        """Note a verdict at once: the next run goes on behind it."""
        row = {"name": mutant.name, "verdict": verdict, "killer": killer}
        self._known[mutant.name] = row
        _FILE.parent.mkdir(parents=True, exist_ok=True)
        with _FILE.open("ab") as file:
            file.write(orjson.dumps(row) + b"\n")

    def verdict(self, mutant: Mutant) -> Verdict | None:
        """None: not judged yet."""
        known = self._known.get(mutant.name)
        return None if known is None else Verdict(known["verdict"])


def report(results: Results, files: Iterable[str], *, survivors: bool) -> str:
    """A Markdown table by file and by room; the files' own verdicts only."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    left: list[str] = []
    for file in files:
        for mutant in mutants_of(file):
            verdict = _shown(results, mutant)
            for key in (file, f"**{room_of(file)}**"):
                counts[key][verdict] += 1
            if verdict in (Verdict.SURVIVED, Verdict.NO_TEST):
                left.append(
                    f"{verdict} {mutant.file}:{mutant.line}\n    {mutant.before}\n    {mutant.after}\n"
                )
    columns = ("killed", "timed out", "survived", "no test", "not judged", "equivalent", "open")
    lines = [f"| file | {' | '.join(columns)} | % |", f"|---|{'--:|' * (len(columns) + 1)}"]
    for name, found in sorted(counts.items()):
        lines.append(f"| {name} | {' | '.join(str(found[each]) for each in columns)} | {_share(found)} |")
    return "\n".join([*lines, *(left if survivors else ())]) + "\n"


def _shown(results: Results, mutant: Mutant) -> str:
    if mutant.name in results.equivalent:
        return "equivalent"
    return results.verdict(mutant) or "open"


def _share(found: Counter[str]) -> str:
    killed = found[Verdict.KILLED] + found[Verdict.TIMED_OUT]
    judged = killed + found[Verdict.SURVIVED] + found[Verdict.NO_TEST]
    return f"{100 * killed / judged:.0f}" if judged else "-"
