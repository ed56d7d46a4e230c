"""A whole object from the org, by Tidegate and by two published connectors, in one run on one
machine.

Tidegate reads it twice: to raw alone (encrypted Parquet with manifests in S3; one process), and
to curated (the whole engine, until the last batch is applied). airbyte-source-salesforce and
tap-salesforce write the records to their standard output, which is a file here; they encrypt
nothing and load nothing. Each must deliver every record exactly once. All but the whole engine
are held to one core and read over HTTPS.

The first figures count from the start of the process to its end. Then the same after taking off
what it spends on an object of ten records: its imports, logins, questions and waits.

    python -m benchmarks.peers [--object Account] [--rows 300000] [--long-texts] [--report FILE]

`make bench-peers` installs the connectors first.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.backfills import engine_over, fill
from benchmarks.peers.contestants import Contestant, Reading, RunningOrg, airbyte, tap, to_curated, to_raw
from cli.local.engine_processes import write_settings
from cli.local.up import DELIVERED_EVENTS
from cli.state import settings_file
from sandbox.stack import RunningSandbox, running_sandbox
from tests.real_clients.client import ClientError

RAW, CURATED = "raw", "curated"
NAMES = {
    RAW: "Tidegate to raw",
    "airbyte": "Airbyte, Bulk API 2.0",
    "tap-bulk": "tap-salesforce, Bulk API 1.0",
    "tap-rest": "tap-salesforce, REST",
    CURATED: "Tidegate to curated",
}
SMALL_ROWS = 10
"""Records of the object that shows what a contestant spends before the first row."""


def main() -> None:
    """Let every contestant read the small object and the large one, and print the table."""
    arguments = _arguments()
    figures: list[dict[str, Any]] = []
    try:
        with tempfile.TemporaryDirectory(prefix="tidegate-peers-") as temporary:
            Path(temporary).chmod(0o755)
            for name, contestant in contestants(Path(temporary), arguments):
                sys.stderr.write(f"{NAMES[name]}: an object of {SMALL_ROWS} records\n")
                start = contestant(_small(arguments.object))
                sys.stderr.write(f"{NAMES[name]}: {arguments.rows:,} records of {arguments.object}\n")
                figures.append(figures_of(name, start, contestant(arguments.object), arguments.rows))
                sys.stderr.write(f"{json.dumps(figures[-1])}\n")
    except ClientError as error:
        raise SystemExit(str(error)) from error
    # Cells do not fit into the 80 columns that a pipe is taken to have.
    Console(width=None if sys.stdout.isatty() else 120).print(as_table(figures))
    if arguments.report is not None:
        what = {name: getattr(arguments, name) for name in ("object", "rows", "long_texts", "cores")}
        arguments.report.write_text(json.dumps({**what, "contestants": figures}, indent=2) + "\n")
    if wrong := [NAMES[each["contestant"]] for each in figures if not each["is_exact"]]:
        raise SystemExit(f"did not deliver every record exactly once: {', '.join(wrong)}")


def contestants(folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Contestant]]:
    """The wanted ones, ready to read; the engine runs only for the one that needs it."""
    core = None if arguments.cores == 0 else max(os.sched_getaffinity(0))
    with _filled_sandbox(folder, arguments) as sandbox:
        org = RunningOrg(folder / "salesforce", sandbox.endpoints)
        for name in arguments.contestants:
            match name:
                case "raw":
                    yield name, to_raw(org, folder, core)
                case "airbyte":
                    yield name, airbyte(org, folder, core)
                case "tap-bulk":
                    yield name, tap(org, folder, core, "BULK")
                case "tap-rest":
                    yield name, tap(org, folder, core, "REST")
                case _:
                    with engine_over(sandbox, folder) as running:
                        yield name, to_curated(running, folder)


def figures_of(name: str, start: Reading, whole: Reading, rows: int) -> dict[str, Any]:
    """Input of a contestant: `start` is its reading of the small object."""
    seconds, cpu = whole.seconds - start.seconds, whole.cpu_seconds - start.cpu_seconds
    return {
        "contestant": name,
        "is_exact": (whole.rows, whole.records) == (rows, rows),
        **{key: value for key, value in _rounded(asdict(whole)).items() if key != "more"},
        **_rounded(dict(whole.more)),
        "rows_a_second": round(whole.rows / whole.seconds),
        "rows_a_cpu_second": round(whole.rows / whole.cpu_seconds),
        "cpu_us_a_row": round(whole.cpu_seconds / max(whole.rows, 1) * 1e6, 1),
        "start_seconds": round(start.seconds, 2),
        "start_cpu_seconds": round(start.cpu_seconds, 2),
        **_net(seconds, cpu, whole.rows, start),
    }


def _net(seconds: float, cpu: float, rows: int, start: Reading) -> dict[str, float | None]:
    """Figures without the start; None when what is left is too little beside it to say anything."""
    is_long, is_much = seconds > start.seconds / 2, cpu > start.cpu_seconds / 2
    return {
        "net_rows_a_second": round(rows / seconds) if is_long else None,
        "net_rows_a_cpu_second": round(rows / cpu) if is_much else None,
        "net_cpu_us_a_row": round(cpu / max(rows, 1) * 1e6, 1) if is_much else None,
    }


def as_table(figures: list[dict[str, Any]]) -> Table:
    """A line a contestant; in parentheses what is left when the start is taken off."""
    table = Table(
        "", "exact", "seconds", "rows/s", "rows a CPU second", "CPU µs a row", title="(start taken off)"
    )
    for each in figures:
        net = [each[f"net_{name}"] for name in ("rows_a_second", "rows_a_cpu_second", "cpu_us_a_row")]
        whole = [each[name] for name in ("rows_a_second", "rows_a_cpu_second", "cpu_us_a_row")]
        table.add_row(
            NAMES[each["contestant"]],
            "yes" if each["is_exact"] else f"NO: {each['rows']:,} rows, {each['records']:,} records",
            f"{each['seconds']:,.1f}",
            *(f"{before:,} ({_shown(after)})" for before, after in zip(whole, net, strict=True)),
        )
        if "reading_seconds" in each:
            each_row = 1e6 / each["reading_rows_a_cpu_second"]
            rates = (each["reading_rows_a_second"], each["reading_rows_a_cpu_second"])
            cells = [f"{each['reading_seconds']:,.1f}", *(f"{rate:,}" for rate in rates), f"{each_row:.1f}"]
            table.add_row("  once its job is complete", "", *cells)
    return table


@contextmanager
def _filled_sandbox(folder: Path, arguments: argparse.Namespace) -> Iterator[RunningSandbox]:
    with running_sandbox(folder, fresh=True, allow={"delivered_events": DELIVERED_EVENTS}) as sandbox:
        write_settings(settings_file(folder), sandbox.endpoints)
        control = sandbox.endpoints.salesforce.control_url
        sys.stderr.write("filling the org\n")
        fill(control, _small(arguments.object), SMALL_ROWS, days=30)
        fill(control, arguments.object, arguments.rows, long_texts=arguments.long_texts, days=30)
        yield sandbox


def _small(object_name: str) -> str:
    """Another object."""
    return "Account" if object_name != "Account" else "Contact"


def _shown(number: float | None) -> str:
    return "?" if number is None else f"{number:,}"


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in values.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--object", default="Account", help="with records that the sandbox can fill in")
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--long-texts", action="store_true", help="records of 4 KB instead of 1")
    parser.add_argument(
        "--cores", type=int, choices=(0, 1), default=1, help="0: contestants are not held to one"
    )
    parser.add_argument("--contestants", default=",".join(NAMES), type=lambda text: text.split(","))
    parser.add_argument("--report", type=Path, help="write the figures to this file as JSON")
    found = parser.parse_args()
    if unknown := [name for name in found.contestants if name not in NAMES]:
        parser.error(f"no contestant {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return found


if __name__ == "__main__":
    main()
