"""Writebacks of an incident: one is submitted as a sender does, and its state is waited for."""

import json
from typing import Any

import psycopg

from sandbox.processes import Child
from tests.incidents.engine import RunningEngine
from tests.support.builders.waiting import wait_for


def known_case(engine: RunningEngine) -> tuple[str, str]:
    """A Case that the change log has: a writeback to a record that has just been made is held.
    Returns its id and its external id.
    """
    record, external_id = engine.org.case()
    wait_for(lambda: engine.tidegate("trace", record).code == 0, every=0.3)
    return record, external_id


def submit_one(engine: RunningEngine, external_id: str, **fields: str) -> int:
    """Submit a writeback of a Case; returns its number."""
    sets = [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]
    words = ["writeback", "submit", "--object", "Case", "--external-id", external_id, *sets]
    ended = engine.tidegate(*words, "--no-create", "--json")
    assert ended.code == 0, str(ended)
    return max(int(each["number"]) for each in _listed(engine))


def wait_for_state(engine: RunningEngine, number: int, state: str, *, seconds: float = 60) -> dict[str, Any]:
    """The writeback, once it is in that state."""
    seen: list[dict[str, Any]] = [{}]

    def has_come() -> bool:
        seen[0] = shown(engine, number)
        return seen[0]["state"] == state

    wait_for(has_come, seconds=seconds, every=0.5, why=lambda: seen[0])
    return seen[0]


def shown(engine: RunningEngine, number: int) -> dict[str, Any]:
    """The writeback with its attempts."""
    found: dict[str, Any] = json.loads(engine.tidegate("writeback", "show", str(number), "--json").out)
    return found


def age_writeback(engine: RunningEngine, number: int) -> None:
    """Let it have been accepted five minutes earlier: a test does not wait for so long. It is
    guarded from when it was accepted: the record was made since then.
    """
    with psycopg.connect(engine.endpoints.operational.dsn, autocommit=True) as connection:
        earlier = (
            "UPDATE writeback SET guarded_from = accepted_at, accepted_at = accepted_at - interval '5 minutes' "
            "WHERE number = %s"
        )
        assert connection.execute(earlier, [number]).rowcount == 1


def freeze_under_way(engine: RunningEngine) -> Child:
    """Freeze the sender while a batch is under way, and let that have been sent eleven minutes
    earlier. Returns its process.
    """
    found: list[Child] = []
    earlier = "UPDATE writeback_batch SET sent_at = sent_at - interval '11 minutes' WHERE state = 'sent'"

    def is_under_way() -> bool:
        found[:] = [engine.freeze_worker("writebacks")]
        with psycopg.connect(engine.endpoints.operational.dsn, autocommit=True) as connection:
            if connection.execute(earlier).rowcount:
                return True
        engine.thaw_worker(found[0])  # it had given the call up, and sends it again
        return False

    wait_for(is_under_way, every=0.5)
    return found[0]


def discard_all(engine: RunningEngine) -> None:
    """Let everything go that nobody will send any more."""
    for state in ("dead", "held", "superseded"):
        engine.tidegate(
            "writeback", "discard", "--state", state, "--object", "Case", "--reason", "the test ends"
        )


def _listed(engine: RunningEngine) -> list[dict[str, Any]]:
    found = json.loads(engine.tidegate("writeback", "list", "--object", "Case", "--json").out)
    rows: list[dict[str, Any]] = found["writebacks"]
    return rows
