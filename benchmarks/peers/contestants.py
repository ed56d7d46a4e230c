"""A reader of an object in `benchmarks.peers`: a process, its rows counted, its time taken from its
start to its end.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.backfills import backfill
from cli.local.measurements import ProcessMeter
from cli.local.up import Running
from cli.state import settings_file
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.warehouse.sql import apply as sql
from sandbox.endpoints import Endpoints
from schemas.catalogue import default_catalogue
from schemas.ids import part_lane
from tests.real_clients.airbyte_source import Source
from tests.real_clients.client import environment
from tests.real_clients.org import SalesforceOrg
from tests.real_clients.singer_tap import Tap
from workers.addresses import s3_address
from workers.clients import connect_temporal
from workers.settings import load_settings

_ID = re.compile(rb'"Id": ?"(\w{18})"')
_RECORD = re.compile(rb'\{"type": ?"RECORD"')
_LONG_AGO = timedelta(days=90)
"""Before the oldest record that is filled in."""


class RunningOrg(SalesforceOrg):
    """The sandbox's org, for clients that others wrote."""

    def __init__(self, folder: Path, endpoints: Endpoints) -> None:
        self.folder = folder
        self.url = endpoints.salesforce.login_url
        self.tls_url = endpoints.salesforce.tls_login_url
        ports = {"--tls-port": self.tls_url, "--pubsub-port": f"//{endpoints.salesforce.pubsub_endpoint}"}
        self._ports = {name: urlsplit(url).port or 0 for name, url in ports.items()}


@dataclass(frozen=True)
class Reading:
    """One contestant's result for one object."""

    seconds: float
    """From the start of its process (of its workflow) to the end."""
    cpu_seconds: float
    """Of its own processes."""
    rows: int
    records: int
    """Different ids among the rows."""
    more: Mapping[str, Any] = field(default_factory=dict)


Contestant = Callable[[str], Reading]
"""Reads an object, named by its API name."""


def airbyte(org: SalesforceOrg, folder: Path, core: int | None) -> Contestant:
    """airbyte-source-salesforce by Bulk API 2.0."""
    source = Source(
        org, _made(folder / "airbyte"), force_use_bulk_api=True, start_date=f"{_start():%Y-%m-%dT%H:%M:%SZ}"
    )
    return lambda name: _peer(org, source.read_command(name, "full_refresh"), core)


def tap(org: SalesforceOrg, folder: Path, core: int | None, api_type: str) -> Contestant:
    """tap-salesforce; `api_type` is BULK (Bulk API 1.0) or REST."""
    made = Tap(org, _made(folder / f"tap-{api_type}"), api_type, start_date=f"{_start():%Y-%m-%dT%H:%M:%SZ}")
    return lambda name: _peer(org, made.sync_command(name), core)


def to_raw(org: SalesforceOrg, folder: Path, core: int | None) -> Contestant:
    """Our reading and landing without batches, in one process."""

    def read(name: str) -> Reading:
        window = f"raw-{time.time_ns()}"
        given = {"settings": str(settings_file(folder)), "object": name, "window": window}
        given |= {"tls_url": org.tls_url, "ca_file": str(org.ca_file)}
        output, request = folder / "to_raw.json", folder / "to_raw.request.json"
        request.write_text(json.dumps(given))
        command = [sys.executable, "-m", "benchmarks.peers.to_raw"]
        seconds, cpu = timed(command, output, core, environment=dict(os.environ), stdin=request)
        told = json.loads(output.read_text())
        ids = list(_landed_ids(folder, name, window, told["parts"]))
        told["rows_told"] = told.pop("rows")
        told["reading_rows_a_second"] = round(len(ids) / max(told["reading_seconds"], 0.001))
        told["reading_rows_a_cpu_second"] = round(len(ids) / max(told["reading_cpu_seconds"], 0.001))
        return Reading(seconds, cpu, len(ids), len(set(ids)), told)

    return read


def to_curated(running: Running, folder: Path) -> Contestant:
    """The whole engine: a backfill from its start until its last batch is applied."""
    roots, dsn = running.roots(), running.endpoints.warehouse.dsn

    def read(name: str) -> Reading:
        meter = ProcessMeter(roots)
        meter.start()
        began = time.monotonic()
        state = asyncio.run(_backfill(folder, name))
        seconds = time.monotonic() - began
        meter.stop()
        used = meter.cpu_seconds()
        ours = sum(cpu for process, cpu in used.items() if process.startswith("worker"))
        table = sql.current_table(default_catalogue().object(name))
        with psycopg.connect(dsn) as connection:
            query = f"SELECT COUNT(*), COUNT(DISTINCT record_id) FROM {table} WHERE is_complete"
            rows, records = connection.execute(query.encode()).fetchall()[0]
        more = {"cpu_seconds_by_process": used, "rows_told": state.counts.rows}
        return Reading(seconds, ours, int(rows), int(records), more | {"batches": state.counts.batches})

    return read


def timed(
    command: list[str],
    output: Path,
    core: int | None,
    *,
    environment: Mapping[str, str],
    stdin: Path | None = None,
) -> tuple[float, float]:
    """Run a command that must succeed, its standard output into a file, on one core unless that is
    None.

    Returns the seconds it took and the processor seconds that the kernel counts for it and its
    children.
    """

    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    errors = output.with_suffix(".err")
    with output.open("wb") as out, errors.open("wb") as err, (stdin or Path(os.devnull)).open("rb") as given:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 -- the commands are those of this folder
            command, stdin=given, stdout=out, stderr=err, env=dict(environment), preexec_fn=pin
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = errors.read_text(errors="replace")[-3_000:]
        raise SystemExit(f"{command[0]} ended with {process.returncode}\n{said}")
    return seconds, used.ru_utime + used.ru_stime


def _peer(org: SalesforceOrg, command: list[str], core: int | None) -> Reading:
    output = org.folder / "peer.jsonl"
    seconds, cpu = timed(command, output, core, environment=environment(org))
    ids: set[bytes] = set()
    rows = 0
    with output.open("rb") as lines:
        for line in lines:
            if _RECORD.match(line):
                rows += 1
                ids.update(_ID.findall(line)[:1])
    size = output.stat().st_size
    output.unlink()
    return Reading(seconds, cpu, rows, len(ids), {"output_mb": round(size / 2**20)})


async def _backfill(folder: Path, name: str) -> Any:
    settings = load_settings(settings_file(folder))
    client = await connect_temporal(settings)
    return await backfill(client, settings.salesforce.org_id, name)


def _landed_ids(folder: Path, name: str, window: str, parts: int) -> Iterator[str]:
    """The record ids in the raw files, as often as they are there."""
    settings = load_settings(settings_file(folder))
    store, table = ObjectStore(s3_address(settings.s3)), default_catalogue().object(name).table
    for number in range(parts):
        chain = Chain(store, org=settings.salesforce.org_id, lane=part_lane(table, window, number, 0))
        for manifest in chain.walk():
            body = pa.BufferReader(store.get(manifest.raw_key))
            yield from pq.read_table(body, columns=["Id"])["Id"].to_pylist()


def _start() -> datetime:
    return datetime.now(UTC) - _LONG_AGO


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
