"""A real Prometheus over a running engine: every panel shows something, a healthy engine raises no
alert, and a frozen warehouse raises the one that is meant for it.

The tests share an engine, and run in the order of this file.
"""

import json
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from api.client import TidegateClient
from cli.api import local_token
from cli.local.sandbox import start_traffic
from cli.local.surge import READY_SECONDS, wait_for_followers
from cli.local.up import Running, running_all
from cli.state import metrics_file, settings_file
from deploy.observability.engine_boards import LANES, OVERVIEW
from deploy.observability.org_boards import BUDGETS, WRITEBACKS
from deploy.observability.panels import Board
from deploy.observability.process_board import WORKERS
from deploy.observability.webhook_board import WEBHOOKS
from sandbox.ports import free_port
from tests.incidents.shell import tidegate
from tests.incidents.webhooks import served_receiver
from tests.observability.prometheus import Prometheus, watching
from tests.support.builders.waiting import SLOWNESS, wait_for

pytestmark = [pytest.mark.observability, pytest.mark.service, pytest.mark.slow]

BOARDS = (OVERVIEW, LANES, WRITEBACKS, WEBHOOKS, BUDGETS, WORKERS)
RATE = 1_200
"""Changes a minute: enough for every series, and little beside whatever else the machine does."""
LONG_SECONDS = 7_200
FROZEN_SECONDS = 180
HEALTHY_SECONDS = 200
"""Longer than the `for` of each alert that pages."""
WATCHDOG = "TidegateWatchdog"
TRUE_OF_THE_SANDBOX = {"TidegateSchemaDecision"}
"""The sandbox's org has calculated fields that its catalogue lacks."""


@dataclass
class Watched:
    """An engine under traffic, and who watches it."""

    running: Running
    prometheus: Prometheus
    api: TidegateClient

    def write_back(self, count: int) -> None:
        """Submit so many writebacks."""
        changes = [
            {
                "object": "Case",
                "external_id": f"watched-{uuid.uuid4().hex}",
                "key": uuid.uuid4().hex,
                "fields": {"Subject": "Watched", "Status": "New"},
            }
            for _ in range(count)
        ]
        assert not self.api.submit(changes).refused


@contextmanager
def receivers_on_this_machine() -> Iterator[None]:
    """Settings of the engine's processes, and of commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGATE_WEBHOOK__ALLOW_HTTP", "true")
        patch.setenv("TIDEGATE_WEBHOOK__NETWORKS", '["127.0.0.0/8"]')
        yield


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="tidegate-observability-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        with (
            receivers_on_this_machine(),
            served_receiver() as receiver,
            running_all(folder, fresh=True, api_port=port, metrics=True) as running,
        ):
            wait_for_followers(running.endpoints, seconds=READY_SECONDS * SLOWNESS)
            added = tidegate(
                settings_file(folder), "webhook", "add", "cases", receiver.url, "--object", "Case"
            )
            assert added.code == 0, str(added)
            start_traffic(running.endpoints.salesforce.control_url, rate=RATE, seconds=LONG_SECONDS, seed=1)
            (folder / "prometheus").mkdir()
            with (
                TidegateClient(f"http://127.0.0.1:{port}", local_token(folder)[0], tries=12) as client,
                watching(metrics_file(folder), folder / "prometheus") as prometheus,
            ):
                yield Watched(running, prometheus, client)


@contextmanager
def frozen(root: psutil.Process) -> Iterator[None]:
    """The process and those below it stand still, as with a disk that does not answer."""
    stopped = [root, *root.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(stopped):
            process.resume()


def panels_without_series(watched: Watched, board: Board) -> list[str]:
    return [
        f"{panel.title}: {query.expr}"
        for panel in board.panels
        for query in panel.queries
        if not watched.prometheus.series(query.expr)
    ]


def test_every_process_is_scraped(watched: Watched) -> None:
    listed = json.loads(metrics_file(Path(watched.running.engine.settings_file).parent).read_text())
    assert {each["labels"]["process"] for each in listed} == {
        "api",
        "batches",
        "lanes",
        "backfill",
        "writebacks",
    }
    wait_for(
        lambda: not watched.prometheus.down(),
        seconds=30,
        every=1,
        why=lambda: watched.prometheus.down(),
    )


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_panel_shows_something(watched: Watched, board: Board) -> None:
    def is_shown() -> bool:
        watched.write_back(20)
        return not panels_without_series(watched, board)

    wait_for(is_shown, seconds=60, every=5, why=lambda: panels_without_series(watched, board))


def test_a_panel_that_asks_for_nothing_is_found(watched: Watched) -> None:
    assert watched.prometheus.series("sum(rate(tidegate_changes_totall[1m]))") == []


def test_a_healthy_engine_raises_no_alert_but_the_watchdog(watched: Watched) -> None:
    seen: set[str] = set()
    ends = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < ends:
        watched.write_back(5)
        seen |= watched.prometheus.firing()
        time.sleep(5)
    assert seen - TRUE_OF_THE_SANDBOX == {WATCHDOG}


def test_a_frozen_warehouse_raises_the_alert_of_changes_that_wait(watched: Watched) -> None:
    (server,) = [child for child in watched.running.sandbox.children if child.name == "postgres"]
    began = time.monotonic()
    with frozen(psutil.Process(server.process.pid)):
        wait_for(
            lambda: "TidegateChangesWait" in watched.prometheus.firing(),
            seconds=240,
            every=2,
            why=lambda: f"only {watched.prometheus.firing()} fire",
        )
        assert "TidegateRemoteUnknown" in watched.prometheus.firing()
        # Changes are late after two minutes, and are counted once they are applied.
        time.sleep(max(0.0, FROZEN_SECONDS - (time.monotonic() - began)))
    # The burn alerts go on for as long as their windows reach back.
    wait_for(
        lambda: not {"TidegateChangesWait", "TidegateRemoteUnknown"} & watched.prometheus.firing(),
        seconds=240,
        every=2,
        why=lambda: f"{watched.prometheus.firing()} still fire",
    )
    burns = 'ALERTS{alertname="TidegateFreshnessBurnsFast",alertstate="firing"}'
    wait_for(lambda: bool(watched.prometheus.series(burns)), seconds=240, every=2)
