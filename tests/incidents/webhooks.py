"""Webhooks of an incident: a receiver whose answers the test changes, and times that are moved back
because a test does not wait for ten minutes.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.incidents.engine import RunningEngine
from tests.support.builders.waiting import wait_for
from tests.support.scripted.receiver import BROKEN, Receiver, Reply, receiver

LOCAL = {
    "allow_http": True,
    "networks": ["127.0.0.0/8"],
    "timeout": "PT2S",
    "first_wait": "PT0.05S",
}
"""Settings of an engine whose receivers are on this machine, and which tries them again soon."""


@contextmanager
def served_receiver() -> Iterator[Receiver]:
    """A receiver that takes everything until its `answers` are replaced; served by a thread."""
    ready = threading.Event()
    made: list[Receiver] = []
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with receiver() as each:
            made.append(each)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(60), "the receiver does not start"
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def add_webhook(engine: RunningEngine, name: str, url: str) -> None:
    """Have changes of Case posted there, until the test ends."""
    ended = engine.tidegate("webhook", "add", name, url, "--object", "Case")
    assert ended.code == 0, str(ended)
    engine.undo.callback(engine.tidegate, "webhook", "remove", name, "--reason", "the test ends")


def refuse(receiver: Receiver, engine: RunningEngine, name: str, reply: Reply = BROKEN) -> str:
    """Have the receiver take nothing, and let it have done so for eleven minutes; returns a record
    whose change waits for it.
    """
    receiver.answers = lambda _: reply
    case, _ = engine.org.case()
    earlier = "UPDATE webhook SET failing_since = failing_since - interval '11 minutes' WHERE name = %s"
    wait_for(lambda: _execute(engine, f"{earlier} AND failing_since IS NOT NULL", name) == 1, every=0.5)
    return case


def make_old(engine: RunningEngine, name: str) -> None:
    """Let what is held have been refused a day earlier."""
    earlier = "UPDATE webhook_held SET failed_at = failed_at - interval '25 hours' WHERE webhook = %s"
    wait_for(lambda: _execute(engine, f"{earlier} AND failed_at IS NOT NULL", name) > 0, every=0.5)


def wait_for_taken(receiver: Receiver, record: str) -> None:
    """Return when the receiver has taken a change of the record."""
    wait_for(lambda: bool(receiver.taken_of(record)), why=lambda: f"nothing of {record} was taken")


def shown(engine: RunningEngine, name: str) -> dict[str, Any]:
    """The webhook, as the list has it."""
    found = json.loads(engine.tidegate("webhook", "list", "--json").out)
    return next(each for each in found if each["webhook"]["name"] == name)


def _execute(engine: RunningEngine, statement: str, name: str) -> int:
    with psycopg.connect(engine.endpoints.operational.dsn, autocommit=True) as connection:
        return connection.execute(statement.encode(), [name]).rowcount
