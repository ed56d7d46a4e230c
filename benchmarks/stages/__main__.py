"""Processor time per change, by step of the road: where the next gain is.

Real parts, one step after another: an org's surge is landed once, then its raw batches are taken
through each step by itself. PostgreSQL's own processor time is read from its processes.

    python -m benchmarks.stages [--changes 20000] [--sql] [--catalogue FILE]
"""

import argparse
import asyncio
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson
import psutil

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from benchmarks.stages.statements import timed_statements
from cli.local.engine_processes import settings_of
from cli.local.sandbox import start_traffic, traffic_state
from cli.local.up import DELIVERED_EVENTS
from clients.salesforce.session import SessionSource
from clients.salesforce.streaming.cometd_frames import load_frame
from clients.salesforce.streaming.stream import StreamMessage
from clients.storage.chain import Chain
from sandbox.stack import RunningSandbox, running_sandbox
from schemas.catalogue import load_catalogue
from schemas.ingest.messages import ApplyInput
from schemas.ingest.raw import Manifest
from workers.addresses import salesforce_address
from workers.clients import ProcessClients, open_clients
from workers.salesforce import stream_opener
from workers.settings import Settings


class Steps:
    """Processor seconds by step."""

    def __init__(self, postgres_pid: int) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._postgres = psutil.Process(postgres_pid)
        self._ended = 0.0

    @contextmanager
    def step(self, name: str, *, warehouse: bool = False) -> Iterator[None]:
        """Count our own processor time, and PostgreSQL's beside it when the step uses it."""
        begin, begin_postgres = time.process_time(), self._postgres_seconds()
        yield
        self.seconds[name] += time.process_time() - begin
        if warehouse:
            self.seconds[f"{name}: in PostgreSQL"] += self._postgres_seconds() - begin_postgres

    def _postgres_seconds(self) -> float:
        total = 0.0
        for process in [self._postgres, *self._postgres.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        return total


async def receive(settings: Settings, count: int) -> list[StreamMessage]:
    """The org's events over the lanes' default transport."""
    from schemas.ingest.messages import FollowInput

    request = FollowInput(
        org="o", lane="bench", channel="/data/ChangeEvents", position="origin", first_replay=-2
    )
    messages: list[StreamMessage] = []
    sessions = SessionSource(salesforce_address(settings.salesforce))
    catalogue = load_catalogue(settings.catalogue)
    async with stream_opener(settings, sessions, catalogue)(request, -2) as stream:
        received = 0
        while received < count:
            news = await stream.read(wait_seconds=5)
            received += sum(len(each.data["payload"]["ChangeEventHeader"]["recordIds"]) for each in news)
            messages += news
    return messages


def measure(sandbox: RunningSandbox, changes: int, catalogue: Path | None) -> dict[str, float]:
    """Microseconds of processor time a change, by step."""
    given = settings_of(sandbox.endpoints) | ({} if catalogue is None else {"catalogue": str(catalogue)})
    settings = Settings.model_validate(given)
    postgres = next(child for child in sandbox.group.children if child.name == "postgres")
    steps = Steps(postgres.process.pid)
    control = sandbox.endpoints.salesforce.control_url
    start_traffic(control, rate=120_000, seconds=changes / 2_000, seed=7)
    while traffic_state(control)["running"]:
        time.sleep(0.2)
    with steps.step("receive and decode"):
        messages = asyncio.run(receive(settings, changes))
    parts = open_clients(settings)
    manifests = _land(steps, parts, messages)
    _stage_and_apply(steps, parts, manifests)
    total = sum(manifest.changes for manifest in manifests)
    return {name: seconds / total * 1e6 for name, seconds in steps.seconds.items()}


def _land(steps: Steps, parts: ProcessClients, messages: list[StreamMessage]) -> list[Manifest]:
    frame = orjson.dumps([{"data": message.data, "channel": "c"} for message in messages[:2_000]]).decode()
    with steps.step("(of receive: JSON of 2,000 events)"):
        load_frame(frame)
    buffer = LandingBuffer(parts.protector, BatchLimits())
    with steps.step("protect PII, JSON"):
        buffer.add(messages)
    time.sleep(1.1)
    raw = buffer.peek()
    chain = Chain(parts.store, org=parts.settings.salesforce.org_id, lane=f"bench-{uuid.uuid4().hex[:8]}")
    manifests, start = [], "origin"
    for first in range(0, len(raw), 6_000):
        with steps.step("land (Parquet, S3)"):
            manifest, _ = chain.land(raw.slice(first, 6_000), start=start)
        manifests.append(manifest)
        start = manifest.end
    return manifests


def _stage_and_apply(steps: Steps, parts: ProcessClients, manifests: list[Manifest]) -> None:
    applier = Applier(parts.warehouse, parts.store, parts.catalogue)
    batches = BatchActivities(parts.store, parts.catalogue, GroupCommit(applier.apply))
    by_object: dict[str, list[ApplyInput]] = defaultdict(list)
    for manifest in manifests:
        with steps.step("stage (decode, check, Parquet, S3)"):
            staged = batches._stage(manifest)
        for share in staged.objects:
            by_object[share.object].append(ApplyInput(manifest=manifest, staged=share))
    for items in by_object.values():
        for item in items:
            with steps.step("apply", warehouse=True):
                applier.apply([item])


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--sql", action="store_true", help="also the warehouse's time by statement")
    parser.add_argument("--catalogue", type=Path, help="in place of the one that ships")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        Path(folder).chmod(0o755)
        allow = {"delivered_events": DELIVERED_EVENTS}
        with running_sandbox(Path(folder), allow=allow) as sandbox, ExitStack() as stack:
            statements = stack.enter_context(timed_statements()) if arguments.sql else {}
            figures = measure(sandbox, arguments.changes, arguments.catalogue)
    for name, microseconds in figures.items():
        sys.stdout.write(f"{microseconds:8.1f} µs  {name}\n")
    for name, seconds in sorted(statements.items(), key=lambda each: -sum(each[1])):
        sys.stdout.write(f"{sum(seconds):8.2f} s  {len(seconds):6} calls  {name}\n")


if __name__ == "__main__":
    main()
