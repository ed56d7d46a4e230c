"""Measure a full proof of a large object: calls, time and memory, with three differences found and
repaired.

Fills a fresh sandbox with old records of one object, backfills them, plants three differences
(one record stands at an old time, two are missing), and reconciles by `--depth ids`. Measured
calls stand beside those that the plan says, and the plan for 35 million. Prints one JSON object.

    python -m benchmarks.reconcile [--records 5000000] [--object Opportunity] [--no-log]
        [--state FOLDER]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from temporalio.client import Client

from benchmarks.backfills import disk_bytes, folder_bytes
from cli.local.measurements import ProcessMeter
from cli.local.surge import wait_for_followers
from cli.local.up import Running, running_all
from cli.state import settings_file
from clients.temporal.run_kinds import RECONCILE
from clients.temporal.runs import run_handle, start_run
from clients.warehouse.sql.apply import change_table, current_table, history_table
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.catalogue import default_catalogue
from schemas.ids import backfill_workflow_id
from schemas.reconcile import Depth, ReconcileInput, ReconcileState
from transforms.reconcile.cost import calls_needed
from workers.clients import connect_temporal
from workers.settings import Settings, load_settings

DAYS = 700
LARGE = 35_000_000


def main() -> None:
    """Fill, backfill, plant, reconcile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--object", default="Opportunity")
    parser.add_argument("--settle", type=float, default=5)
    parser.add_argument("--no-log", action="store_true")
    parser.add_argument("--state", type=Path, help="where the folder of all state is made, and removed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-reconcile-", dir=arguments.state) as folder:
        Path(folder).chmod(0o755)
        with running_all(Path(folder), fresh=True) as running:
            wait_for_followers(running.endpoints)
            settings = load_settings(settings_file(Path(folder)))
            figures = asyncio.run(_measure(running, settings, arguments))
            disk = disk_bytes(Path(folder)) | {
                "write-ahead log": folder_bytes(Path(folder) / "postgres" / "pg_wal")
            }
            figures["disk_mb"] = {part: round(size / 1e6) for part, size in disk.items()}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


async def _measure(running: Running, settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    name, records = arguments.object, arguments.records
    began = time.monotonic()
    await asyncio.to_thread(_fill, running, name, records)
    filled = time.monotonic()
    client = await connect_temporal(settings)
    reading = ProcessMeter(running.roots())
    reading.start()
    read = await _backfill(client, settings.salesforce.org_id, name)
    backfilled = time.monotonic()
    reading.stop()
    _plant(running, name)
    meter = ProcessMeter(running.roots())
    meter.start()
    request = ReconcileInput(
        org=settings.salesforce.org_id,
        object=name,
        depth=Depth.IDS,
        checks_log=not arguments.no_log,
        settle=timedelta(seconds=arguments.settle),
        by="benchmark",
    )
    started = await start_run(client, RECONCILE, request)
    state: ReconcileState = await run_handle(client, RECONCILE, started).result()
    meter.stop()
    ended = time.monotonic()
    return {
        "records": read.counts.rows,
        "verdict": state.sentence(),
        "found": state.found,
        "left": state.left,
        "calls": state.calls,
        "calls_planned": calls_needed(records, 3, days=DAYS, depth=Depth.IDS).calls,
        "calls_planned_for_35_million": calls_needed(LARGE, 3, days=DAYS, depth=Depth.IDS).calls,
        "costs": [cost.model_dump() for cost in state.costs],
        "log_records": None if state.log is None else state.log.records,
        "fill_seconds": round(filled - began, 1),
        "backfill_seconds": round(backfilled - filled, 1),
        "backfill_calls": read.counts.calls,
        "backfill_peak_mb": round(reading.peak.pss / 1e6),
        "backfill_cpu_seconds_by_process": reading.cpu_seconds(),
        "reconcile_seconds": round(ended - backfilled, 1),
        "peak_memory_mb": round(meter.peak.pss / 1e6),
        "cpu_seconds_by_process": meter.cpu_seconds(),
    }


def _fill(running: Running, name: str, records: int) -> None:
    plan = {"object": name, "records": records, "days": DAYS}
    url = f"{running.endpoints.salesforce.control_url}/fill"
    httpx.post(url, json=plan, timeout=None).raise_for_status()  # noqa: S113 -- millions of records take minutes


async def _backfill(client: Client, org: str, name: str) -> BackfillState:
    state: BackfillState = await client.execute_workflow(
        names.BACKFILL_WORKFLOW,
        BackfillInput(org=org, object=name, window="all", by="benchmark"),
        id=backfill_workflow_id(org, name, "all"),
        task_queue=names.WORKFLOW_QUEUE,
        result_type=BackfillState,
    )
    return state


def _plant(running: Running, name: str) -> None:
    """A record that stands at an old time, and two that are missing: what lost events leave
    behind.
    """
    spec = default_catalogue().object(name)
    with psycopg.connect(running.endpoints.warehouse.dsn) as connection:
        tables = [current_table(spec), change_table(spec), *([history_table(spec)] if spec.history else [])]
        rows = connection.execute(f"SELECT record_id FROM {tables[0]} LIMIT 3".encode()).fetchall()
        stale, *missing = (row[0] for row in rows)
        for table in tables:
            earlier = "last_modified_date = last_modified_date - INTERVAL '40 days'"
            connection.execute(f"UPDATE {table} SET {earlier} WHERE record_id = %s".encode(), (stale,))
            connection.execute(f"DELETE FROM {table} WHERE record_id = ANY(%s)".encode(), (missing,))


if __name__ == "__main__":
    main()
