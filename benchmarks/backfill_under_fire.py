"""Millions of old records are backfilled while a surge changes the same records; then everything is
compared.

The org is filled; the engine follows it; a surge begins, half of whose changes hit old records
all over the tables; every object is backfilled meanwhile; the surge ends with the last backfill.
At rest, every record of the org is compared with its row, field by field, every event of the
org's bus is looked for in the change log, and every change in the history. Exits 0 only if all
of it holds.

    python -m benchmarks.backfill_under_fire [--records 5000000] [--rate 120000] [--report FILE]

Disk, all copies together: 3.2 KB a record of 1 KB, 20 KB a change of the surge (2.4 GB a minute
at 120,000), 6 GB of write-ahead log. Five million records are 16 GB, the log, and what the surge
brings while they are read. Fifty thousand take a minute.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks.backfills import (
    LANE,
    SHARES,
    backfill_all,
    disk_bytes,
    engine_over,
    fill,
    folder_bytes,
    spread,
)
from benchmarks.proofs import broken_history, missing_events, records_in_both
from cli.local import measurements
from cli.local.compare_records import Comparison, compare_all
from cli.local.sandbox import answered, start_traffic, traffic_state
from cli.local.surge import org_state
from cli.local.up import DELIVERED_EVENTS, Running
from cli.state import settings_file
from sandbox.org.data.store import DATABASE_FILE
from sandbox.stack import running_sandbox
from schemas.backfill import BackfillState
from schemas.catalogue import load_catalogue
from workers.clients import connect_temporal, open_clients
from workers.settings import load_settings

_BEFORE_SECONDS = 3.0
"""Of the surge, before the first backfill."""
_REST_SECONDS = 900.0
_LEAST_FREE = 2 * 2**30
"""Bytes of disk below which it gives up."""


@dataclass(frozen=True)
class Fire:
    """The backfills and the surge around them."""

    states: dict[str, BackfillState]
    began: datetime
    ended: datetime
    rest_seconds: float
    """From the end of both until every change of the surge was applied; infinite when it never was.
    """
    traffic: dict[str, float]
    is_covered: bool
    """Whether the surge went on until the last backfill had ended."""
    committed: int
    """Changes of the org, by its own count."""


def main() -> None:
    """Fill, follow, fire, backfill, compare."""
    arguments = _arguments()
    with _folder(arguments.state) as folder:
        allow = {"delivered_events": DELIVERED_EVENTS}
        with running_sandbox(folder, fresh=True, allow=allow) as sandbox:
            filled = _fill(sandbox.endpoints.salesforce.control_url, arguments)
            empty = disk_bytes(folder)
            with engine_over(sandbox, folder) as running:
                meter = measurements.ProcessMeter(running.roots())
                meter.start()
                fire = asyncio.run(_fire(running, folder, arguments))
                meter.stop()
                figures = {**filled, **_figures(running, fire, meter), **_disk_figures(folder, empty)}
                figures |= _prove(running, folder)
    failures = judge(figures)
    figures["holds"] = not failures
    text = json.dumps(figures, indent=2) + "\n"
    sys.stdout.write(text)
    if arguments.report is not None:
        arguments.report.write_text(text)
    if failures:
        raise SystemExit("does not hold: " + "; ".join(failures))


def judge(figures: dict[str, Any]) -> list[str]:
    """Assertions that do not hold, a sentence each."""
    stream = figures["stream"]
    accounted = stream["applied"] + stream["duplicate"] + stream["quarantined"]
    checks = {
        f"{figures['records_different']} records differ from the org": figures["records_different"] == 0,
        "the surge's changes never came to rest": figures["rest_seconds"] is not None,
        "changes were committed that were not landed": stream["landed"] >= figures["changes_committed"],
        "landed changes are unaccounted for": stream["landed"] == accounted,
        f"{figures['quarantined']} changes are in quarantine": figures["quarantined"] == 0,
        f"a backfill did not end well: {figures['stages']}": set(figures["stages"].values()) == {"done"},
        f"events are not in the change log: {figures['events_missing']}": not figures["events_missing"],
        f"the history is not the change log's: {figures['history_faults']}": not any(
            count for faults in figures["history_faults"].values() for count in faults.values()
        ),
    }
    return [sentence for sentence, holds in checks.items() if not holds]


def _fill(control: str, arguments: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    for name, records in spread(arguments.records).items():
        _say(f"filling {records:,} records of {name}")
        fill(control, name, records, long_texts=arguments.long_texts)
    return {"records_filled": arguments.records, "fill_seconds": round(time.monotonic() - began, 1)}


async def _fire(running: Running, folder: Path, arguments: argparse.Namespace) -> Fire:
    settings = load_settings(settings_file(folder))
    client = await connect_temporal(settings)
    control = running.endpoints.salesforce.control_url
    start_traffic(
        control,
        rate=arguments.rate,
        seconds=arguments.seconds,
        seed=arguments.seed,
        old_share=arguments.old_share,
    )
    await asyncio.sleep(_BEFORE_SECONDS)
    began = datetime.now(UTC)
    _say(f"backfilling {', '.join(SHARES)}")
    work = asyncio.create_task(
        backfill_all(client, settings.salesforce.org_id, list(SHARES), at_once=arguments.at_once)
    )
    await _watch(running, folder, work, arguments.records)
    ended = datetime.now(UTC)
    states = await work
    is_covered = bool(traffic_state(control)["running"])
    answered(lambda http: http.delete(f"{control}/traffic"))
    traffic = traffic_state(control)
    committed = org_state(running.endpoints)["changes_committed"]
    rest = await asyncio.to_thread(_rest, running, committed)
    return Fire(states, began, ended, rest, traffic, is_covered, committed)


async def _watch(running: Running, folder: Path, work: "asyncio.Task[Any]", records: int) -> None:
    """Tell every five seconds how far it is, until `work` has ended."""
    began = time.monotonic()
    with psycopg.connect(running.endpoints.warehouse.dsn, autocommit=True) as connection:
        while not work.done():
            await asyncio.wait({work}, timeout=5)
            if shutil.disk_usage(folder).free < _LEAST_FREE:
                raise SystemExit("there is hardly any disk left: give fewer records, or another --state")
            everything, stream = await asyncio.to_thread(_sums, connection)
            with suppress(httpx.HTTPError):  # busy; the next time it will answer
                committed = (await asyncio.to_thread(org_state, running.endpoints))["changes_committed"]
                _say(
                    f"{time.monotonic() - began:6.0f} s: {everything.landed - stream.landed:,} of {records:,} rows applied; "
                    f"{committed:,} changes, {committed - stream.landed:,} under way"
                )


def _sums(connection: psycopg.Connection) -> tuple[measurements.LedgerSums, measurements.LedgerSums]:
    return measurements.ledger_sums(connection), measurements.ledger_sums(connection, lane=LANE)


def _rest(running: Running, committed: int) -> float:
    began = time.monotonic()
    with psycopg.connect(running.endpoints.warehouse.dsn, autocommit=True) as connection:
        while measurements.ledger_sums(connection, lane=LANE).landed < committed:
            if time.monotonic() - began > _REST_SECONDS:
                return float("inf")
            time.sleep(0.2)
    return time.monotonic() - began


def _figures(running: Running, fire: Fire, meter: measurements.ProcessMeter) -> dict[str, Any]:
    catalogue, seconds = load_catalogue(), (fire.ended - fire.began).total_seconds()
    rows = sum(state.counts.rows for state in fire.states.values())
    with psycopg.connect(running.endpoints.warehouse.dsn) as connection:
        fresh = measurements.freshness(connection, catalogue, lane=LANE, received=(fire.began, fire.ended))
        sums = {
            "all": measurements.ledger_sums(connection),
            "stream": measurements.ledger_sums(connection, lane=LANE),
        }
        versions = measurements.history_versions(connection, catalogue)
    cpu = meter.cpu_seconds()
    return {
        "rows_backfilled": rows,
        "backfill_seconds": round(seconds, 1),
        "rows_a_second": round(rows / seconds),
        "stages": {name: state.stage for name, state in fire.states.items()},
        "seconds_by_object": {name: _lasted(state) for name, state in fire.states.items()},
        "api_calls": sum(state.counts.calls for state in fire.states.values()),
        "surge_seconds": round(fire.traffic["elapsed_seconds"], 1),
        "surge_rate_per_minute": fire.traffic["rate_per_minute"],
        "surge_outlasted_backfill": fire.is_covered,
        "changes_committed": fire.committed,
        "stream": asdict(sums["stream"]),
        "quarantined": sums["all"].quarantined,
        "rebuilt_records": sums["all"].rebuilt,
        "history_versions": versions,
        "freshness_during_backfill_seconds": fresh["total"],
        "freshness_received_to_curated_seconds": fresh["ours"],
        "rest_seconds": round(fire.rest_seconds, 1) if fire.rest_seconds < float("inf") else None,
        "cpu_seconds_by_process": cpu,
        "peak_memory_mb": round(meter.peak.pss / 1e6),
    }


def _prove(running: Running, folder: Path) -> dict[str, Any]:
    _say("comparing every record, every event, every version")
    began = time.monotonic()
    compared = _compare(running, folder)
    catalogue, org_file = load_catalogue(), folder / "salesforce" / DATABASE_FILE
    with psycopg.connect(running.endpoints.warehouse.dsn) as connection:
        missing = missing_events(connection, catalogue, org_file, LANE)
        both = sum(records_in_both(connection, spec, LANE) for spec in catalogue.objects.values())
        faults = {
            spec.name: broken_history(connection, spec) for spec in catalogue.objects.values() if spec.history
        }
    return {
        "records_compared": compared.records,
        "records_different": compared.different,
        "differences": compared.shown,
        "records_read_and_changed": both,
        "events_missing": missing,
        "history_faults": faults,
        "proof_seconds": round(time.monotonic() - began, 1),
    }


def _compare(running: Running, folder: Path) -> Comparison:
    parts = open_clients(load_settings(settings_file(folder)))
    try:
        where = running.endpoints
        return compare_all(
            where.salesforce.control_url, where.warehouse.dsn, parts.catalogue, parts.protector
        )
    finally:
        parts.warehouse.close()
        parts.audit.close()


def _disk_figures(folder: Path, filled: dict[str, int]) -> dict[str, Any]:
    now = disk_bytes(folder)
    now["of which write-ahead log"] = folder_bytes(folder / "postgres" / "pg_wal")
    return {
        "disk_mb": {name: round(size / 1e6) for name, size in now.items()},
        "disk_mb_when_filled": {name: round(size / 1e6) for name, size in filled.items()},
    }


def _lasted(state: BackfillState) -> float | None:
    if state.began_at is None or state.ended_at is None:
        return None
    return round((state.ended_at - state.began_at).total_seconds(), 1)


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="tidegate-fire-") as temporary:
        # The PostgreSQL server runs as another user and must be able to enter.
        Path(temporary).chmod(0o755)
        yield Path(temporary)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=5_000_000, help="old ones, spread over every object")
    parser.add_argument("--rate", type=int, default=120_000, help="changes a minute")
    parser.add_argument("--seconds", type=float, default=3_600, help="of the surge at most")
    parser.add_argument("--old-share", type=float, default=0.5, help="of the changes that hit old records")
    parser.add_argument(
        "--at-once", type=int, default=len(SHARES), help="objects that are backfilled at a time"
    )
    parser.add_argument("--long-texts", action="store_true", help="records of 4 KB instead of 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, help="folder for all state, kept; a temporary one by default")
    parser.add_argument("--report", type=Path, help="write the figures to this file as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
