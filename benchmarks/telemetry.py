"""Processor time a change of landing, staging and applying with traces off and on: the same surge,
turn by turn, in one run.

A surge is received once. Each turn lands it in a lane of its own and takes it through Temporal's
workflow and the real steps into new tables, with the interceptors of a worker. Our own processor
time is counted, the sending of spans included; the receiver is a process of its own that throws
them away.

    python -m benchmarks.telemetry [--seconds 30] [--rate 122000] [--rounds 4] [--batch 4000]
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
from temporalio.worker import Worker

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.ingest.follow_lane import start_batch
from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from activities.ingest.landing_span import LandingTime
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from activities.runtime.log_interceptor import LogFieldsInterceptor
from activities.runtime.span_interceptor import SpanInterceptor
from benchmarks.stages.__main__ import receive
from cli.local.engine_processes import settings_of
from cli.local.sandbox import start_traffic, traffic_state
from cli.local.up import DELIVERED_EVENTS
from clients.storage.chain import Chain
from clients.telemetry.otel import OtelSpans
from clients.telemetry.spans import install
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.shadow.schemas import drop_statements, shadow_prefix
from clients.warehouse.stored_names import keep_names
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from schemas import names
from workers.clients import ProcessClients, catalogue_file, connect_temporal, open_clients, open_warehouse
from workers.roles import workflow_worker
from workers.settings import Settings

KINDS = ("off", "on")


class Turn:
    """One pass of the surge, in a lane and tables of its own."""

    def __init__(self, parts: ProcessClients, raw: pa.Table, batch: int) -> None:
        self._parts, self._raw, self._batch = parts, raw, batch

    async def run(self, lane: str) -> float:
        """Processor seconds of ours."""
        settings = self._parts.settings
        warehouse = open_warehouse(settings, prefix=shadow_prefix("bench"))
        file = catalogue_file(settings)
        warehouse.ensure_tables(keep_names(warehouse, file))
        live = LiveCatalogue.over(file, warehouse)
        applier = Applier(warehouse, self._parts.store, live)
        steps = BatchActivities(self._parts.store, live, GroupCommit(applier.apply))
        client = await connect_temporal(settings)
        interceptors = [SpanInterceptor(), LogFieldsInterceptor(), ErrorTranslationInterceptor()]
        worker = Worker(
            client,
            task_queue=names.BATCH_QUEUE,
            activities=[steps.stage_batch, steps.apply_objects, steps.apply_batch],
            interceptors=interceptors,
        )
        chain, start = Chain(self._parts.store, org=settings.salesforce.org_id, lane=lane), "origin"
        async with workflow_worker(client), worker:
            began = time.process_time()
            for first in range(0, len(self._raw), self._batch):
                landing, part = LandingTime(), self._raw.slice(first, self._batch)
                manifest, is_ours = await asyncio.to_thread(chain.land, part, start=start)
                await start_batch(client, manifest, landing=landing.landed(is_ours=is_ours))
                await client.get_workflow_handle(manifest.workflow_id).result()
                start = manifest.end
            used = time.process_time() - began
        with warehouse.transaction() as transaction:
            for statement in drop_statements("bench"):
                transaction.execute(statement)
        warehouse.close()
        return used


def received(parts: ProcessClients, seconds: float, rate: int, control: str) -> pa.Table:
    """The surge's events, protected, as a raw table."""
    start_traffic(control, rate=rate, seconds=seconds, seed=7)
    while traffic_state(control)["running"]:
        time.sleep(0.2)
    messages = asyncio.run(receive(parts.settings, int(rate * seconds / 60)))
    buffer = LandingBuffer(parts.protector, BatchLimits())
    buffer.add(messages)
    time.sleep(1.1)
    return buffer.peek()


@contextmanager
def receiver() -> Iterator[str]:
    """The URL of a receiver that throws spans away, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.telemetry", "--receive", str(port)]
    process = subprocess.Popen(command)  # noqa: S603 -- ours
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def throw_away(port: int) -> None:
    """Answer every request with 200, until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def measure(asked: argparse.Namespace, parts: ProcessClients, control: str) -> dict[str, list[float]]:
    """Microseconds a change of each turn, by kind."""
    raw = received(parts, asked.seconds, asked.rate, control)
    changes = sum(raw["changes"].to_pylist())
    sys.stdout.write(f"{changes} changes in batches of {asked.batch} events\n")
    telemetry = parts.settings.telemetry
    maker = OtelSpans(telemetry, org=parts.settings.salesforce.org_id, process="benchmark")
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(asked.rounds + 1):
        for kind in KINDS if turn % 2 == 0 else reversed(KINDS):
            install(maker if kind == "on" else None)
            used = asyncio.run(Turn(parts, raw, asked.batch).run(f"bench-{turn}-{kind}"))
            if turn:  # the first one warms up
                found[kind].append(used / changes * 1e6)
                sys.stdout.write(f"{kind:4} {found[kind][-1]:7.1f} µs a change\n")
                sys.stdout.flush()
    install(None)
    maker.close()
    return found


def main() -> None:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=int, default=122_000)
    parser.add_argument("--batch", type=int, default=4_000, help="Events of a batch.")
    parser.add_argument("--receive", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.receive is not None:
        throw_away(asked.receive)
        return
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name, receiver() as url:
        folder = Path(name)
        folder.chmod(0o755)
        with running_sandbox(folder, allow={"delivered_events": DELIVERED_EVENTS}) as sandbox:
            given = settings_of(sandbox.endpoints) | {"telemetry": {"endpoint": url}}
            parts = open_clients(Settings.model_validate(given))
            found = measure(asked, parts, sandbox.endpoints.salesforce.control_url)
    off, on = (statistics.median(found[kind]) for kind in KINDS)
    sys.stdout.write(
        f"median: off {off:.1f}, on {on:.1f} µs a change ({(on / off - 1) * 100:+.1f} %); "
        f"least: off {min(found['off']):.1f}, on {min(found['on']):.1f}\n"
    )


if __name__ == "__main__":
    main()
