"""Webhooks whose receivers work, beside others that fail or hang, and without these, in one run;
then how many changes a second one webhook carries.

Real Temporal, PostgreSQL and S3; the worker, the receivers and the writer are a process each. A
latency is from the commit in the warehouse until the request has come in at the receiver. Every
change has to come to every working receiver, each record's in order.

    python -m benchmarks.webhooks [--seconds 60] [--rate 40] [--healthy 3] [--backlog 10000]
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web
from temporalio.worker import Worker

from activities import webhook
from activities.apply.applier import Applier
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from benchmarks.late_parents import event, staged
from benchmarks.records import case_id, shown
from cli.local.engine_processes import settings_of
from clients.temporal.webhooks import start_webhook
from clients.warehouse.records.feed import ChangeFeed
from clients.warehouse.records.sessions import ReadSessions
from clients.webhook.control import Author
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from schemas import names
from schemas.security.access import RecordScope
from workers.addresses import warehouse_address
from workers.clients import connect_temporal, open_clients
from workers.roles import workflow_worker
from workers.settings import Settings
from workers.webhook.control import places, webhook_control
from workers.webhook.deliver import open_webhooks

_BATCH_SECONDS = 2.0
_RECORDS = 500
_US = Author("bench", "a benchmark")
_SPAWN = multiprocessing.get_context("spawn")
_PATIENT: dict[str, Any] = {"trust_env": False, "timeout": 60.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Receivers:
    """All receivers: `/NAME` of one that works, `/fail-NAME`, `/hang-NAME`, and `/some-NAME`, which
    refuses one record in ten.
    """

    def __init__(self) -> None:
        self._came: dict[str, list[float]] = {}
        self._ids: dict[str, set[str]] = {}
        self._last: dict[tuple[str, str], str] = {}
        self._disordered = 0

    async def take(self, request: web.Request) -> web.Response:
        """Answer as the name says."""
        name, now = request.match_info["name"], time.time()
        if name.startswith("fail"):
            return web.Response(status=500)
        if name.startswith("hang"):
            await asyncio.sleep(3_600)
        change = json.loads(await request.read())["data"]
        if name.startswith("some") and int(change["id"][10:15]) % 10 == 0:
            return web.Response(status=500)
        number = request.headers["webhook-id"]
        ids = self._ids.setdefault(name, set())
        if number not in ids:
            ids.add(number)
            applied = (datetime.fromisoformat(change["applied_at"]) - _EPOCH).total_seconds()
            self._came.setdefault(name, []).append((now - applied) * 1_000)
            place = (name, change["id"])
            self._disordered += change["change_order"] < self._last.get(place, "")
            self._last[place] = change["change_order"]
        return web.Response(status=204)

    async def figures(self, _: web.Request) -> web.Response:
        """Latencies by name, which are then forgotten; ids are not."""
        came, self._came = self._came, {}
        return web.json_response({"came": came, "disordered": self._disordered})

    async def counts(self, _: web.Request) -> web.Response:
        """How many came, by name."""
        return web.json_response({name: len(ids) for name, ids in self._ids.items()})


def receive(port: int) -> None:
    """Serve every receiver until killed."""
    made = Receivers()
    app = web.Application()
    app.router.add_get("/figures", made.figures)
    app.router.add_get("/counts", made.counts)
    app.router.add_post("/{name}", made.take)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, handle_signals=False)


def work(settings: dict[str, Any], told: Any) -> None:
    """Deliver until killed."""
    asyncio.run(_work(Settings.model_validate(settings), told))


async def _work(settings: Settings, told: Any) -> None:
    parts = await asyncio.to_thread(open_clients, settings)
    client = await connect_temporal(settings)
    async with open_webhooks(parts) as hooks, workflow_worker(client):
        steps = Worker(
            client,
            task_queue=names.WEBHOOK_QUEUE,
            activities=webhook.activities(hooks),
            interceptors=[ErrorTranslationInterceptor()],
        )
        async with steps:
            told.put("ready")
            await asyncio.Event().wait()


def write(settings: dict[str, Any], first: int, count: int, rate: int, told: Any) -> None:
    """Apply so many changes a second."""
    parts = open_clients(Settings.model_validate(settings))
    applier = Applier(parts.warehouse, parts.store, parts.catalogue, parts.protector)
    size = max(1, round(rate * _BATCH_SECONDS))
    began = time.monotonic()
    for number, start in enumerate(range(first, first + count, size)):
        time.sleep(max(0.0, began + number * _BATCH_SECONDS - time.monotonic()))
        applier.apply(list(staged(parts, _events(start, min(size, first + count - start)))))
    told.put("done")


def _events(first: int, count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(first, first + count):
        made = event(
            number, "Case", case_id(number % _RECORDS), {"Status": f"s{number}", "Subject": "x" * 200}
        )
        kind = "CREATE" if number < _RECORDS else "UPDATE"
        made["payload"]["ChangeEventHeader"]["changeType"] = kind
        found.append(made)
    return found


def add(settings: Settings, url: str, hooks: Sequence[str]) -> None:
    """Add webhooks that begin now."""
    asyncio.run(_add(settings, url, hooks))


async def _add(settings: Settings, url: str, hooks: Sequence[str]) -> None:
    client = await connect_temporal(settings)
    parts = await asyncio.to_thread(open_clients, settings)
    sessions = ReadSessions(warehouse_address(settings.warehouse))
    begins = await places(ChangeFeed(sessions), [parts.catalogue.object("Case")], "latest")
    scope = RecordScope(objects=("Case",))
    with webhook_control(settings) as control:
        for name in hooks:
            await asyncio.to_thread(control.add, name, f"{url}/{name}", scope, begins, _US)
            await start_webhook(client, settings.salesforce.org_id, name)
    await sessions.close()


def pause(settings: Settings, hooks: Sequence[str]) -> None:
    """End their deliveries."""
    with webhook_control(settings) as control:
        for name in hooks:
            control.pause(name, _US)


class Run:
    """One run over a sandbox."""

    def __init__(self, endpoints: Any, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.values = settings_of(endpoints)
        self.values["webhook"] = {"allow_http": True, "networks": ["127.0.0.0/8"]}
        self.settings = Settings.model_validate(self.values)
        self.written = 0
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.told = _SPAWN.Queue()
        self.processes = [_started(receive, port), _started(work, self.values, self.told)]
        self.told.get(timeout=120)

    def all(self) -> dict[str, Any]:
        """The three phases."""
        healthy = [f"healthy-{number}" for number in range(self.asked.healthy)]
        troubled = ["fail-1", "fail-2", "hang-1", "hang-2", "some-1"]
        self.write(_RECORDS, 1_000)
        add(self.settings, self.url, healthy)
        alone = _told("alone", self.phase(healthy))
        add(self.settings, self.url, troubled)
        beside = _told("beside", self.phase(healthy))
        pause(self.settings, [*healthy, *troubled])
        carried = self.carry()
        for process in self.processes:
            process.kill()
        return {"alone": alone, "beside": beside, "carried": carried}

    def phase(self, healthy: Sequence[str]) -> dict[str, Any]:
        """Latencies of the working receivers while changes are applied."""
        before = self.counts()
        count = self.asked.rate * self.asked.seconds
        self.figures()
        self.write(count, self.asked.rate)
        wanted = {name: before.get(name, 0) + count for name in healthy}
        self.wait(wanted)
        found = self.figures()
        latencies = [each for name in healthy for each in found["came"][name]]
        return {
            "latency_ms": shown(latencies),
            "lost": sum(wanted.values()) - sum(self.counts()[name] for name in healthy),
            "disordered": found["disordered"],
        }

    def carry(self) -> dict[str, Any]:
        """Changes a second of one webhook with a backlog."""
        add(self.settings, self.url, ["carries"])
        pause(self.settings, ["carries"])
        self.write(self.asked.backlog, 4_000)
        with webhook_control(self.settings) as control:
            control.resume("carries", _US)
        began = time.monotonic()
        asyncio.run(_wake(self.settings, "carries"))
        self.wait({"carries": self.asked.backlog})
        seconds = time.monotonic() - began
        return {
            "changes": self.asked.backlog,
            "seconds": round(seconds, 1),
            "a_second": round(self.asked.backlog / seconds),
        }

    def write(self, count: int, rate: int) -> None:
        """Apply changes in a process of their own."""
        process = _started(write, self.values, self.written, count, rate, self.told)
        self.told.get(timeout=900)
        process.join()
        self.written += count

    def wait(self, wanted: dict[str, int]) -> None:
        """Until each has got so many."""
        ends = time.monotonic() + 600
        while time.monotonic() < ends:
            found = self.counts()
            if all(found.get(name, 0) >= count for name, count in wanted.items()):
                return
            time.sleep(0.2)

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = httpx.get(f"{self.url}/counts", **_PATIENT).json()
        return found

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/figures", **_PATIENT).json()
        return found


def _told(phase: str, figures: dict[str, Any]) -> dict[str, Any]:
    """The figures, which are shown at once: a phase takes a minute or more."""
    sys.stderr.write(f"{phase}: {json.dumps(figures)}\n")
    return figures


async def _wake(settings: Settings, name: str) -> None:
    client = await connect_temporal(settings)
    await start_webhook(client, settings.salesforce.org_id, name, wakes=True)


def _started(target: Any, *args: Any) -> BaseProcess:
    process = _SPAWN.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def main() -> None:
    """Run, print, and fail when a change was lost or came out of order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=40, help="Changes a second.")
    parser.add_argument("--healthy", type=int, default=3, help="Receivers that work.")
    parser.add_argument("--backlog", type=int, default=10_000)
    parser.add_argument("--report", type=Path, help="Where the figures are written as JSON.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_sandbox(Path(folder)) as sandbox:
            found = Run(sandbox.endpoints, given).all()
    text = json.dumps(found, indent=2)
    sys.stdout.write(f"{text}\n")
    if given.report is not None:
        given.report.write_text(text)
    phases = (found["alone"], found["beside"])
    sys.exit(0 if not any(each["lost"] or each["disordered"] for each in phases) else 1)


if __name__ == "__main__":
    main()
