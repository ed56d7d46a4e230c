"""Processor time a change with the quality rules on and off: the same demo, turn by turn, in one
run.

On: the shipped catalogue's own (required fields, references and their parents), and beside them
`min` and `max` on every number, `pattern` on every e-mail and phone in plaintext, `not_after` on
the stamps that the org sets, `unique` on every external id. Off: every rule `off`.

    python -m benchmarks.quality_cost [--rounds 2] [--seconds 60] [--rate 122000]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from schemas.catalogue import DEFAULT_CATALOGUE, Catalogue

_NUMBERS = {"int", "double", "percent", "currency"}
_OFF = {"required": "off", "references": "off", "parent": "off"}


def with_rules(given: dict[str, Any]) -> dict[str, Any]:
    """The catalogue with every kind of rule."""
    return each_field(given, ruled)


def without_rules(given: dict[str, Any]) -> dict[str, Any]:
    """The catalogue with every rule off."""
    return each_field(given, lambda entry: entry | {"severity": _OFF})


def each_field(given: dict[str, Any], change: Any) -> dict[str, Any]:
    common = {name: change(entry) for name, entry in given["every_object"].items()}
    objects = {
        name: spec | {"fields": {field: change(entry) for field, entry in spec["fields"].items()}}
        for name, spec in given["objects"].items()
    }
    made = {"every_object": common, "objects": objects}
    Catalogue.model_validate(made)
    return made


def ruled(entry: dict[str, Any]) -> dict[str, Any]:
    is_clear = entry.get("pii", "none") == "none"
    if entry["type"] in _NUMBERS and is_clear:
        return entry | {"min": -1e15, "max": 1e15}
    if entry["type"] in ("email", "phone") and is_clear:
        return entry | {"pattern": r"[^\n]{1,80}"}
    if entry["type"] == "datetime" and is_clear and entry.get("required"):
        return entry | {"not_after": "now"}
    return entry | {"unique": True} if entry.get("external_id") else entry


def _demo(catalogue: Path, folder: Path, seconds: float, rate: int) -> dict[str, Any]:
    report = folder / "report.json"
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "demo",
        "--catalogue",
        str(catalogue),
        "--report",
        str(report),
    ]
    command += ["--home", str(folder / "state"), "--seconds", str(seconds), "--rate", str(rate)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- our own command
    if not report.exists():
        raise SystemExit(f"the demo ended without a report:\n{done.stderr[-2_000:]}")
    found: dict[str, Any] = json.loads(report.read_text())
    if found["records_different"]:
        raise SystemExit(f"{found['records_different']} records differ with {catalogue.name}")
    return found


def main() -> None:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=122_000, help="changes a minute; few make small groups")
    asked = parser.parse_args()
    given = yaml.safe_load(DEFAULT_CATALOGUE.read_text(encoding="utf-8"))
    figures: dict[str, list[float]] = {"on": [], "off": []}
    with tempfile.TemporaryDirectory(prefix="tidegate-quality-") as name:
        folder = Path(name)
        for kind, made in (("on", with_rules(given)), ("off", without_rules(given))):
            (folder / f"{kind}.yaml").write_text(yaml.safe_dump(made, sort_keys=False), encoding="utf-8")
        for turn in range(asked.rounds):
            for kind in ("on", "off") if turn % 2 == 0 else ("off", "on"):
                report = _demo(folder / f"{kind}.yaml", folder, asked.seconds, asked.rate)
                cost = report["cpu_seconds"] / report["changes_sent"] * 1e6
                figures[kind].append(cost)
                by = report["cpu_microseconds_per_change"]
                sys.stdout.write(
                    f"rules {kind:3}: {cost:6.1f} µs a change (workers {by['worker-batches']}, PostgreSQL {by['postgres']})\n"
                )
                sys.stdout.flush()
    on, off = statistics.mean(figures["on"]), statistics.mean(figures["off"])
    sys.stdout.write(f"rules on {on:.1f} µs, off {off:.1f} µs: {(on / off - 1) * 100:+.1f} %\n")


if __name__ == "__main__":
    main()
