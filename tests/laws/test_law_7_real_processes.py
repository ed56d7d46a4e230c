"""Law 7 in the logs and spans of real processes: no mark is in them, at level DEBUG.

Marks travel in change events and in writebacks by external id, whose look-ups have the id in
their query. A lost answer, a refusal and a killed worker add the lines of failures.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.builders.waiting import wait_for
from tests.support.engines.real_engine import RealEngine, real_engine

pytestmark = [pytest.mark.service, pytest.mark.slow]

MARK = "Zq7Personal"
ITEMS: list[dict[str, Any]] = [
    {
        "object": "Case",
        "external_id": f"{MARK}-{number}",
        "key": f"k{number}",
        "fields": {"Subject": f"{MARK} subject", "Status": "New" if number else f"{MARK} no choice"},
    }
    for number in range(6)
]


@pytest.fixture(scope="module")
def travelled() -> Iterator[RealEngine]:
    """An engine that has carried marks in and out, and has ended."""
    with real_engine(log={"level": "DEBUG"}) as engine:
        engine.fault(point="http", kind="reset_after", match="/composite/sobjects", times=2)
        engine.fault(point="http", kind="status", match="/queryAll", times=1, status=503)
        engine.submit(
            ITEMS, traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01", tracestate=f"v={MARK}", baggage=f"b={MARK}"
        )
        # Paths that no route has, and values in paths and queries.
        engine.ask("GET", f"/v1/writebacks/{MARK}/{MARK}?key={MARK}", "writer")
        engine.ask("GET", f"/v1/writebacks?key={MARK}", "reader")
        engine.ask("GET", f"/v1/ledger/{MARK}?key={MARK}", "")
        engine.create("Contact", {"LastName": MARK, "Email": f"{MARK}@example.org"})
        engine.kill("worker-batches")
        engine.settle_writebacks()
        wait_for(lambda: b"queryAll" in engine.output(), seconds=30, every=0.5)
        engine.received.wait_for(lambda it: bool(it.named("activity apply_batch")))
        engine.processes.stop()
        yield engine


def test_no_mark_is_in_the_logs_of_real_processes(travelled: RealEngine) -> None:
    for file in sorted(travelled.logs.glob("*.log")):
        found = [line for line in file.read_text().splitlines() if MARK.lower() in line.lower()]
        assert found == [], file.name


def test_no_mark_is_in_a_span(travelled: RealEngine) -> None:
    assert len(travelled.received.bodies) > 3
    assert [body for body in travelled.received.bodies if MARK.lower().encode() in body.lower()] == []


def test_a_failed_span_has_an_errors_kind_and_none_of_its_words(travelled: RealEngine) -> None:
    failed = [each for each in travelled.received.spans if each.is_error]
    assert {each.name for each in failed} >= {"salesforce.call"}
    assert all(each.attributes["error.type"] and not each.status_message for each in failed)
    assert all(each.events == 0 for each in travelled.received.spans)


def test_every_call_by_external_id_has_a_line_of_our_own(travelled: RealEngine) -> None:
    calls = [each["facts"] for each in travelled.lines() if each["logger"] == "clients.salesforce.call_log"]
    by_id = [each for each in calls if each["route"].endswith("/queryAll")]
    assert {each.get("status") for each in by_id} >= {200, 503}
    assert all(set(each) <= {"method", "route", "status", "ms", "lease_class", "error"} for each in calls)


def test_lines_of_a_step_name_their_batch_and_the_batchs_trace(travelled: RealEngine) -> None:
    steps = [each for each in travelled.lines() if each.get("activity") == "send_writebacks"]
    assert steps
    assert all(each["batch"].startswith("Case/") and len(each["trace_id"]) == 32 for each in steps)


def test_other_lines_than_json_are_the_words_of_the_command_alone(travelled: RealEngine) -> None:
    others = {line for line in travelled.output().splitlines() if line and not line.startswith(b"{")}
    assert all(line.endswith(b"is ready") for line in others), others


def test_a_path_that_no_route_has_is_shown_without_its_rest(travelled: RealEngine) -> None:
    routes = {each["facts"]["route"] for each in travelled.lines() if each["logger"].startswith("api.mid")}
    assert "/v1/writebacks/…" in routes
