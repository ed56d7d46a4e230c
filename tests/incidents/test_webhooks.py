"""Incidents of webhooks: a receiver that is gone, one that refuses a record, and a pause."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.incidents.engine import RunningEngine
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow]


@dataclass
class Hook:
    """A receiver that answers with one status; of `refused`, a record, with 500."""

    status: int = 204
    refused: str = ""
    records: list[str] = field(default_factory=list)
    """Of the messages that it took, in order."""

    def answer(self, body: bytes) -> int:
        """The status for a message."""
        record = str(json.loads(body)["data"].get("id", ""))
        if self.status != 204 or record == self.refused:
            return 500 if record == self.refused else self.status
        self.records.append(record)
        return self.status


@contextmanager
def receiving(hook: Hook) -> Iterator[str]:
    """Serve a receiver; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(hook.answer(body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        server.server_close()


def add(engine: RunningEngine, name: str, hook: Hook) -> None:
    """Add a webhook for cases; it is removed when the test ends."""
    url = engine.undo.enter_context(receiving(hook))
    engine.undo.callback(engine.tidegate, "webhook", "remove", name, "--reason", "the test ends")
    made = engine.tidegate("webhook", "add", name, url, "--object", "Case")
    assert made.code == 0, str(made)


def test_a_receiver_that_is_gone_disables_its_webhook_until_it_is_resumed(engine: RunningEngine) -> None:
    hook = Hook(status=410)
    add(engine, "gone", hook)
    told = engine.wait_for_problem("webhook.disabled", "gone")
    assert "410" in told.text

    hook.status = 204
    assert engine.runbook("webhook-disabled", NAME="gone").code == 0
    wait_for(lambda: len(hook.records) > 3)
    engine.wait_until_clean()


def test_a_change_that_is_refused_for_too_long_is_named_until_it_is_posted_again(
    engine: RunningEngine,
) -> None:
    hook = Hook()
    add(engine, "refuses", hook)
    wait_for(lambda: bool(hook.records))
    hook.refused = hook.records[0]
    engine.tidegate("webhook", "replay", "refuses", "--after", "first", "--reason", "the receiver asks")
    engine.wait_for_problem("webhook.dead", "refuses")
    assert hook.refused in engine.runbook("webhook-dead", NAME="refuses").out

    hook.refused = ""
    assert engine.tidegate("webhook", "retry", "refuses", "--all").code == 0
    engine.wait_until_clean()


def test_a_pause_is_explained_and_wakes_nobody(engine: RunningEngine) -> None:
    add(engine, "paused", Hook())
    paused = engine.tidegate("webhook", "pause", "paused", "--by", "release-team", "--reason", "release")
    assert paused.code == 0, str(paused)

    told = engine.wait_for_notice("webhook.paused", "paused")
    assert "release-team" in told.text
    assert engine.look().is_clean, "a notice wakes nobody"

    assert engine.runbook("webhook-paused", NAME="paused").code == 0
    assert not engine.has_notice("webhook.paused")
    engine.wait_until_clean()
