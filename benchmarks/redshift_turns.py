"""Where the time of a turn goes, before the stand-in for Redshift: one landed surge, staged once,
then applied turn by turn.

Each statement's time is the stand-in's own; what lies between two statements of a transaction is
ours. Without the engine's processes beside it, so the figures move less than those of
`benchmarks.redshift`.

    python -m benchmarks.redshift_turns [--rate 120000] [--turns 3] [--turn-seconds 30]
        [--commit-ms 600] [--copy-ms 1500]
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from benchmarks.quality_steps import land
from cli.local.engine_processes import settings_of
from cli.local.up import DELIVERED_EVENTS
from sandbox.redshift.__main__ import COMMIT_MS, COPY_MS, STATEMENT_TIMES
from sandbox.stack import Ports, RunningSandbox, running_sandbox
from schemas.ingest.messages import ApplyInput
from workers.clients import open_clients
from workers.settings import Settings

_KIND = re.compile(
    r"\s*(COPY|INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE\s+TEMP\s+TABLE|DROP\s+TABLE|LOCK\s+TABLE|\w+)"
    r"\s*([\w.]*)",
    re.IGNORECASE,
)
_FROM = re.compile(r"\bFROM\s+([\w.]+)", re.IGNORECASE)


def main() -> int:
    """Print a table by kind of statement for each turn."""
    asked = _arguments()
    os.environ[COMMIT_MS], os.environ[COPY_MS] = str(asked.commit_ms), str(asked.copy_ms)
    with tempfile.TemporaryDirectory(prefix="tidegate-turns-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user and must be able to enter
        times = folder / "statements.jsonl"
        os.environ[STATEMENT_TIMES] = str(times)
        allow = {"delivered_events": DELIVERED_EVENTS}
        with running_sandbox(folder / "state", ports=Ports(redshift=0), allow=allow) as sandbox:
            parts = open_clients(Settings.model_validate(settings_of(sandbox.endpoints)))
            seconds = asked.turns * asked.turn_seconds
            manifests = land(parts, seconds, asked.rate, sandbox.endpoints.salesforce.control_url)
            applier = Applier(parts.warehouse, parts.store, parts.catalogue, parts.protector)
            batches = BatchActivities(parts.store, parts.catalogue, GroupCommit(applier.apply))
            for place, part in enumerate(_parts(manifests, asked.turns)):
                groups: dict[str, list[ApplyInput]] = defaultdict(list)
                for manifest in part:
                    for share in batches._stage(manifest).objects:
                        groups[share.object].append(ApplyInput(manifest=manifest, staged=share))
                times.write_text("") if place else None
                seen = times.stat().st_size
                used, began = _processor(sandbox), time.monotonic()
                applier.apply_turn(list(groups.values()))
                took = time.monotonic() - began
                changes = sum(manifest.changes for manifest in part)
                _show(place + 1, changes, took, times.read_text()[seen:], full=asked.full)
                spent = {name: seconds - used[name] for name, seconds in _processor(sandbox).items()}
                shown = ", ".join(
                    f"{name} {seconds:.1f}" for name, seconds in spent.items() if seconds >= 0.05
                )
                sys.stdout.write(f"processor seconds: {shown}\n")
                sys.stdout.flush()
    return 0


def _processor(sandbox: RunningSandbox) -> dict[str, float]:
    """Processor seconds so far by process, its children included."""
    roots = {child.name: child.process.pid for child in sandbox.group.children} | {"ours": os.getpid()}
    found = dict.fromkeys(roots, 0.0)
    for name, pid in roots.items():
        process = psutil.Process(pid)
        for each in [process, *(process.children(recursive=True) if name != "ours" else ())]:
            with suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                found[name] += times.user + times.system
    return found


def _parts(some: Sequence[Any], count: int) -> Iterable[Sequence[Any]]:
    size = -(-len(some) // count)
    return (some[first : first + size] for first in range(0, len(some), size))


def _show(turn: int, changes: int, took: float, lines: str, *, full: bool) -> None:
    statements = [json.loads(line) for line in lines.splitlines()]
    by_kind: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for each in statements:
        kind = by_kind[_kind(each["text"], full=full)]
        kind[0] += 1
        kind[1] += each["ended"] - each["began"]
        kind[2] += each["planning"]
    spent = sum(kind[1] for kind in by_kind.values())
    out = sys.stdout.write
    out(f"\nturn {turn}: {changes:,} changes in {took:.1f} s, load {os.getloadavg()[0]:.1f}\n")
    out(f"{'statements':44} {'number':>6} {'seconds':>8} {'of it judging':>14}\n")
    for name, (number, seconds, planning) in sorted(by_kind.items(), key=lambda each: -each[1][1]):
        out(f"{name:44} {number:6.0f} {seconds:8.2f} {planning:14.2f}\n")
    out(f"{'all statements':44} {len(statements):6} {spent:8.2f}\n")
    out(f"{'outside of statements (ours)':44} {'':6} {took - spent:8.2f}\n")
    sys.stdout.flush()


def _kind(text: str, *, full: bool) -> str:
    found = _KIND.match(text)
    if found is None:
        return text[:20]
    verb, table = " ".join(found[1].upper().split()), found[2]
    if verb in ("SELECT", "WITH"):
        source = _FROM.search(text)
        table = source[1] if source else ""
    elif verb in ("SET", "BEGIN", "COMMIT"):
        table = ""
    if full:
        return f"{verb} {table}".strip()
    bare = table.rpartition(".")[2]
    end = bare.rpartition("_")[2] if not table.startswith("ops.") and "_" in bare else bare
    return f"{verb} {'… ' if end != bare else ''}{end}".strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.redshift_turns", description=__doc__)
    parser.add_argument("--rate", type=int, default=120_000, help="changes a minute")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--turn-seconds", type=float, default=30, help="of changes in a turn")
    parser.add_argument("--commit-ms", type=float, default=600, help="milliseconds of a commit")
    parser.add_argument("--copy-ms", type=float, default=1_500, help="least milliseconds of a COPY")
    parser.add_argument("--full", action="store_true", help="by table, not by kind of table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
