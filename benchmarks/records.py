"""Reads of records beside a surge: 500 a second while 2,000 changes a second are staged and
applied, and without the surge, in one run.

Real PostgreSQL and S3; the API, the writer and the readers are a process each. Reads are due at
fixed times, and a read's time begins when it was due, so that a slow answer makes the later ones
late, too. Nine of ten are point reads, the tenth asks what was known at the beginning. A
consumer of the feed is killed and started again every two seconds; at the end it has every
change once behind its cursor, in order.

    python -m benchmarks.records [--seconds 30] [--rate 500] [--changes 2000] [--records 20000]
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import uvicorn

from activities.apply.applier import Applier
from api.app import build_api
from api.client import TidegateClient
from api.records_client import RecordsClient
from api.server.options import server_options
from benchmarks.late_parents import child_id, event, staged
from cli.api import new_token
from cli.local.engine_processes import settings_of
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from schemas.salesforce.record_ids import whole_id
from schemas.security.access import CallerRole
from workers.clients import open_clients
from workers.settings import Settings

_TEXT = "A case is described in some thousand characters. " * 80
_BATCH_SECONDS = 2
_CONNECTIONS = 40
"""Below the most requests of one caller."""
_KNOWN_EVERY = 10
_SPAWN = multiprocessing.get_context("spawn")


@dataclass
class Reading:
    """Milliseconds of each read of a phase."""

    point: list[float] = field(default_factory=list)
    known: list[float] = field(default_factory=list)
    failed: int = 0


def case_id(number: int) -> str:
    """A case's id, whose last three characters fit."""
    return whole_id(child_id(number)[:15])


def changes(first: int, count: int, records: int, kind: str) -> list[dict[str, Any]]:
    """Events: a create, or an update of a status."""
    found = []
    for number in range(first, first + count):
        fields = {"Status": f"s{number}", "Subject": f"Case {number}", "Description": _TEXT}
        made = event(number, "Case", case_id(number % records), fields)
        made["payload"]["ChangeEventHeader"]["changeType"] = kind
        found.append(made)
    return found


def write(settings: dict[str, Any], asked: argparse.Namespace, told: Any) -> None:
    """Land, stage and apply a batch every two seconds; tells how long each was behind its time."""
    parts = open_clients(Settings.model_validate(settings))
    applier = Applier(parts.warehouse, parts.store, parts.catalogue, parts.protector)
    size, behind, began = asked.changes * _BATCH_SECONDS, [], time.monotonic()
    for number in range(asked.seconds // _BATCH_SECONDS):
        due = began + number * _BATCH_SECONDS
        time.sleep(max(0.0, due - time.monotonic()))
        events = changes(asked.records + number * size, size, asked.records, "UPDATE")
        applier.apply(list(staged(parts, events)))
        behind.append(time.monotonic() - due)
    told.put(behind)


def serve(settings: dict[str, Any], port: int) -> None:
    """Serve the API until killed."""
    made = Settings.model_validate(settings)
    uvicorn.run(build_api(made).served, **server_options(made.api) | {"port": port})


async def read(port: int, token: str, asked: argparse.Namespace, known_at: datetime) -> Reading:
    """Reads at their times, over connections that are kept."""
    found, began = Reading(), asyncio.get_running_loop().time() + 0.5
    due = asyncio.Queue[int]()
    for number in range(asked.rate * asked.seconds):
        due.put_nowait(number)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        loop = asyncio.get_running_loop()
        while not due.empty():
            number = due.get_nowait()
            at = began + number / asked.rate
            await asyncio.sleep(max(0.0, at - loop.time()))
            is_known = number % _KNOWN_EVERY == 0
            path = f"/v1/records/Case/{case_id(number * 7_919 % asked.records)}"
            path += f"?known_at={quote(known_at.isoformat())}" if is_known else ""
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            (found.known if is_known else found.point).append((loop.time() - at) * 1_000)
            found.failed += b" 200 " not in head[:20]
        writer.close()

    await asyncio.gather(*(work() for _ in range(_CONNECTIONS)))
    return found


def consume(url: str, token: str, cursors: Any, after: str) -> None:
    """Follow the feed, and tell each change's cursor, until killed."""
    with RecordsClient(url, token) as tidegate:
        for change in tidegate.changes("Case", after=after):
            cursors.send(change.cursor)


def follow(url: str, token: str, after: str, count: int, seconds: float) -> list[str]:
    """Cursors that a consumer took that is killed every two seconds and goes on behind the last."""
    taken, ends = [after], time.monotonic() + seconds
    while len(taken) - 1 < count and time.monotonic() < ends:
        here, there = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=consume, args=(url, token, there, taken[-1]))
        process.start()
        there.close()
        killed = time.monotonic() + 6
        try:
            while time.monotonic() < killed and len(taken) - 1 < count:
                if here.poll(0.2):
                    taken.append(here.recv())
        except EOFError:
            pass  # it was killed in the middle of telling one, and the next one gets it again
        process.kill()
        process.join()
    return taken[1:]


def shown(values: Sequence[float]) -> dict[str, float]:
    """Percentiles."""
    ordered = sorted(values)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found = {name: round(ordered[int(share * (len(ordered) - 1))], 1) for name, share in at.items()}
    return found | {"max": round(ordered[-1], 1), "count": len(ordered)}


def phase(
    where: tuple[int, int], token: str, asked: argparse.Namespace, settings: dict[str, Any], *, surge: bool
) -> dict[str, Any]:
    """One phase's figures. `where`: the API's port and process."""
    port, pid = where
    known_at, told, writer = datetime.now(UTC), _SPAWN.Queue(), None
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    if surge:
        writer = _started(write, settings, asked, told)
    found = asyncio.run(read(port, token, asked, known_at))
    spent = sum(process.cpu_times()[:2]) - before
    figures = {"point_ms": shown(found.point), "known_at_ms": shown(found.known), "failed": found.failed}
    figures["processor_ms_a_read"] = round(1_000 * spent / (asked.rate * asked.seconds), 2)
    if writer is not None:
        figures["behind_s"] = shown(told.get(timeout=600))
        writer.join()
    return figures


def _started(target: Any, *args: Any) -> BaseProcess:
    process = _SPAWN.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def run(endpoints: Any, asked: argparse.Namespace) -> dict[str, Any]:
    """Both phases, then the feed's proof."""
    token, entry = new_token("bench", CallerRole.READER)
    settings = settings_of(endpoints)
    settings["api"] = {"tokens": [entry | {"records": {"objects": ["Case"]}}]}
    parts = open_clients(Settings.model_validate(settings))
    applier = Applier(parts.warehouse, parts.store, parts.catalogue, parts.protector)
    for item in staged(parts, changes(0, asked.records, asked.records, "CREATE")):
        applier.apply([item])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    api = _started(serve, settings, port)
    with TidegateClient(url, token, tries=10), RecordsClient(url, token, tries=10) as tidegate:
        before = [each.cursor for each in tidegate.changes("Case", waits=False)]
    quiet = phase((port, api.pid or 0), token, asked, settings, surge=False)
    beside = phase((port, api.pid or 0), token, asked, settings, surge=True)
    count = asked.changes * _BATCH_SECONDS * (asked.seconds // _BATCH_SECONDS)
    taken = follow(url, token, before[-1], count, seconds=120)
    in_order = taken == sorted(set(taken))
    api.kill()
    return {
        "without": quiet,
        "beside": beside,
        "feed": {"changes": count, "taken": len(taken), "in_order_once": in_order},
    }


def main() -> None:
    """Run, print, and fail when the feed lost or repeated a change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=500, help="Reads a second.")
    parser.add_argument("--changes", type=int, default=2_000, help="Changes a second of the surge.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--report", type=Path, help="Where the figures are written as JSON.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_sandbox(Path(folder)) as sandbox:
            found = run(sandbox.endpoints, given)
    text = json.dumps(found, indent=2)
    sys.stdout.write(f"{text}\n")
    if given.report is not None:
        given.report.write_text(text)
    feed = found["feed"]
    sys.exit(0 if feed["in_order_once"] and feed["taken"] == feed["changes"] else 1)


if __name__ == "__main__":
    main()
