"""Reads of records at 500 a second alone, beside a surge of 2,000 changes a second, and the surge
alone, in one run: milliseconds a read, how far the surge is behind, processor time a read.

Real PostgreSQL and S3; each API process (`python -m api`, with its log), the writer and the
readers are a process each. Reads are due at fixed times, and a read's time begins when it was
due, so that a slow answer makes the later ones late, too. Nine of ten are point reads; the tenth
asks for the state of a time, by turns `as_of` and `known_at`. A consumer of the feed is killed
and started again while it takes the changes; at the end it has every change once behind its
cursor, in order.

    python -m benchmarks.records [--seconds 30] [--rate 500] [--changes 2000] [--apis 1] [--model]
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from activities.apply.applier import Applier
from api.client import TidegateClient
from api.records_client import RecordsClient
from benchmarks.late_parents import child_id, event, staged
from benchmarks.model_builds import building
from cli.api import new_token
from cli.local.engine_processes import settings_of
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from schemas.salesforce.record_ids import whole_id
from schemas.security.access import CallerRole
from workers.clients import open_clients
from workers.settings import FILE_VARIABLE, Settings

_TEXT = "A case is described in some thousand characters. " * 80
_BATCH_SECONDS = 2
_CONNECTIONS = 40
"""Below the most requests of one caller."""
_TIMED_EVERY = 10
_POINT_MS, _TIMED_MS = 20, 100
"""The goals: p99 of point reads, and of reads at a time."""
_CONSUMER_SECONDS = 2.0
_FEED_SECONDS = 300.0
"""For all changes; a process of a consumer may take ten seconds to start on a busy machine."""
_SPAWN = multiprocessing.get_context("spawn")


@dataclass
class Reading:
    """Milliseconds of each read of a phase."""

    point: list[float] = field(default_factory=list)
    as_of: list[float] = field(default_factory=list)
    known_at: list[float] = field(default_factory=list)
    failed: int = 0

    def shown(self) -> dict[str, Any]:
        """Percentiles of each kind."""
        kinds = {"point_ms": self.point, "as_of_ms": self.as_of, "known_at_ms": self.known_at}
        return {name: shown(values) for name, values in kinds.items()} | {"failed": self.failed}


@dataclass(frozen=True)
class Served:
    """The API processes, and who asks them."""

    ports: list[int]
    processes: list[subprocess.Popen[bytes]]
    token: str

    @property
    def url(self) -> str:
        """Of the first."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def spent(self) -> dict[str, float]:
        """Seconds of processor time so far, by kind of process."""
        databases = [each for each in psutil.Process().children(recursive=True) if "postgres" in each.name()]
        apis = [psutil.Process(each.pid) for each in self.processes]
        return {"api": _seconds_of(apis), "postgresql": _seconds_of(databases)}


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


def write(settings: dict[str, Any], asked: argparse.Namespace, surge: int, told: Any) -> None:
    """Land, stage and apply a batch every two seconds; tells how long each was behind its time.
    `surge` is the number of surges before: a change that comes twice would cost next to nothing.
    """
    parts = open_clients(Settings.model_validate(settings))
    applier = Applier(parts.warehouse, parts.store, parts.catalogue, parts.protector)
    size, behind, began = asked.changes * _BATCH_SECONDS, [], time.monotonic()
    batches = asked.seconds // _BATCH_SECONDS
    for number in range(batches):
        due = began + number * _BATCH_SECONDS
        time.sleep(max(0.0, due - time.monotonic()))
        first = asked.records + (surge * batches + number) * size
        events = changes(first, size, asked.records, "UPDATE")
        applier.apply(list(staged(parts, events)))
        behind.append(time.monotonic() - due)
    told.put(behind)


@contextmanager
def serving(folder: Path, settings: dict[str, Any], token: str, count: int) -> Iterator[Served]:
    """Serve the API as in production until left, with its log in a file."""
    processes, ports = [], [free_port() for _ in range(count)]
    for number, port in enumerate(ports):
        file = folder / f"api-{number}.json"
        file.write_text(json.dumps(settings | {"api": settings["api"] | {"port": port}}))
        with (folder / f"api-{number}.log").open("wb") as log:
            command = [sys.executable, "-m", "api"]
            environment = os.environ | {FILE_VARIABLE: str(file)}
            processes.append(subprocess.Popen(command, env=environment, stderr=log))  # noqa: S603 -- ours
    try:
        yield Served(ports, processes, token)
    finally:
        for each in processes:
            each.kill()
            each.wait()


def _seconds_of(processes: Sequence[psutil.Process]) -> float:
    found = 0.0
    for each in processes:
        try:
            found += sum(each.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue  # a session that has ended
    return found


async def read(served: Served, asked: argparse.Namespace, known_at: datetime) -> Reading:
    """Reads at their times, over connections that are kept."""
    found, began = Reading(), asyncio.get_running_loop().time() + 0.5
    due = asyncio.Queue[int]()
    for number in range(asked.rate * asked.seconds):
        due.put_nowait(number)
    moment = quote(known_at.isoformat())

    def kind(number: int) -> tuple[list[float], str]:
        if number % _TIMED_EVERY:
            return found.point, ""
        by_turns = number // _TIMED_EVERY % 2
        return (found.as_of, f"?as_of={moment}") if by_turns else (found.known_at, f"?known_at={moment}")

    async def work(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        loop = asyncio.get_running_loop()
        while not due.empty():
            number = due.get_nowait()
            at, (times, query) = began + number / asked.rate, kind(number)
            await asyncio.sleep(max(0.0, at - loop.time()))
            path = f"/v1/records/Case/{case_id(number * 7_919 % asked.records)}{query}"
            said = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.token}\r\n\r\n"
            writer.write(said.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append((loop.time() - at) * 1_000)
            found.failed += b" 200 " not in head[:20]
        writer.close()

    await asyncio.gather(*(work(served.ports[each % len(served.ports)]) for each in range(_CONNECTIONS)))
    return found


def consume(url: str, token: str, cursors: Any, after: str) -> None:
    """Follow the feed, and tell each change's cursor, until killed."""
    with RecordsClient(url, token) as tidegate:
        for change in tidegate.changes("Case", after=after):
            cursors.send(change.cursor)


def follow(url: str, token: str, after: str, count: int, seconds: float) -> list[str]:
    """Cursors that a consumer took that is killed after two seconds of changes, and goes on behind
    the last.
    """
    taken, ends = [after], time.monotonic() + seconds
    while len(taken) - 1 < count and time.monotonic() < ends:
        here, there = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=consume, args=(url, token, there, taken[-1]))
        process.start()
        there.close()
        killed = ends
        try:
            while time.monotonic() < killed and len(taken) - 1 < count:
                if here.poll(0.2):
                    taken.append(here.recv())
                    # A process may take long to start: its two seconds begin with its first change.
                    killed = min(killed, time.monotonic() + _CONSUMER_SECONDS)
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
    served: Served, asked: argparse.Namespace, settings: dict[str, Any], *, reads: bool, surge: int | None
) -> dict[str, Any]:
    """One phase's figures. `surge` is the number of surges before; None = without one."""
    told, writer = _SPAWN.Queue(), None
    known_at, before = datetime.now(UTC), served.spent()
    if surge is not None:
        writer = _started(write, settings, asked, surge, told)
    figures = asyncio.run(read(served, asked, known_at)).shown() if reads else {}
    spent = {name: seconds - before[name] for name, seconds in served.spent().items()}
    if writer is not None:
        figures["behind_s"] = shown(told.get(timeout=600))
        writer.join()
    else:
        count = asked.rate * asked.seconds
        each = {name: round(1_000 * seconds / count, 2) for name, seconds in spent.items()}
        figures["processor_ms_a_read"] = each
    return figures


def _started(target: Any, *args: Any) -> BaseProcess:
    process = _SPAWN.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def run(folder: Path, endpoints: Any, asked: argparse.Namespace) -> dict[str, Any]:
    """The phases, then the feed's proof."""
    token, entry = new_token("bench", CallerRole.READER)
    settings = settings_of(endpoints)
    settings["api"] = {"tokens": [entry | {"records": {"objects": ["Case"]}}]}
    parts = open_clients(Settings.model_validate(settings))
    applier = Applier(parts.warehouse, parts.store, parts.catalogue, parts.protector)
    for item in staged(parts, changes(0, asked.records, asked.records, "CREATE")):
        applier.apply([item])
    with serving(folder, settings, token, asked.apis) as served:
        with (
            TidegateClient(served.url, token, tries=10),
            RecordsClient(served.url, token, tries=10) as tidegate,
        ):
            before = [each.cursor for each in tidegate.changes("Case", waits=False)]
        asyncio.run(read(served, argparse.Namespace(**vars(asked) | {"seconds": 2}), datetime.now(UTC)))
        found = {
            "reads": phase(served, asked, settings, reads=True, surge=None),
            "reads_and_surge": phase(served, asked, settings, reads=True, surge=0),
        }
        if asked.model:
            file = folder / "api-0.json"
            with building(file, folder / "model") as builds:
                with_model = phase(served, asked, settings, reads=True, surge=1)
            found["reads_surge_and_model"] = with_model | {"builds_s": builds}
        count = asked.changes * _BATCH_SECONDS * (asked.seconds // _BATCH_SECONDS)
        count *= 2 if asked.model else 1
        taken = follow(served.url, token, before[-1], count, seconds=_FEED_SECONDS)
        found["surge"] = phase(served, asked, settings, reads=False, surge=2)
    goals = {name: _within_goals(found[name]) for name in found if name != "surge"}
    fed = {"changes": count, "taken": len(taken), "in_order_once": taken == sorted(set(taken))}
    return found | {"within_goals": goals, "feed": fed}


def _within_goals(figures: dict[str, Any]) -> bool:
    timed = max(figures["as_of_ms"]["p99"], figures["known_at_ms"]["p99"])
    return bool(figures["point_ms"]["p99"] < _POINT_MS and timed < _TIMED_MS)


def main() -> None:
    """Run, print, and fail when the feed lost or repeated a change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=500, help="Reads a second.")
    parser.add_argument("--changes", type=int, default=2_000, help="Changes a second of the surge.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--apis", type=int, default=1, help="API processes; readers take turns.")
    parser.add_argument("--model", action="store_true", help="Build the reporting model beside it, too.")
    parser.add_argument("--report", type=Path, help="Where the figures are written as JSON.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_sandbox(Path(folder)) as sandbox:
            found = run(Path(folder), sandbox.endpoints, given)
    text = json.dumps(found, indent=2)
    sys.stdout.write(f"{text}\n")
    if given.report is not None:
        given.report.write_text(text)
    feed = found["feed"]
    sys.exit(0 if feed["in_order_once"] and feed["taken"] == feed["changes"] else 1)


if __name__ == "__main__":
    main()
