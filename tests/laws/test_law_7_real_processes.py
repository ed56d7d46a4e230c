"""Law 7 in real processes: no mark is in their logs and spans at level DEBUG, and no protected one
in any file, table, history or metric.

Marks travel in change events and in writebacks by external id, whose look-ups have the id in
their query. A lost answer, a refusal and a killed worker add the lines of failures.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.laws.test_law_7_no_clear_pii import holds, laid_open
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

SEALED = "Qx9Sealed"
"""In protected fields only: it must be nowhere outside of the org."""
REFUSED: list[dict[str, Any]] = [
    {
        "object": "Contact",
        "external_id": f"sealed-{number}",
        "key": f"sealed-{number}",
        "fields": {"LastName": f"{SEALED} {number}", "Email": f"{SEALED} no address" if number else None},
    }
    for number in range(3)
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
        for number in range(20):
            engine.create(
                "Contact", {"LastName": f"{SEALED} {number}", "Email": f"{SEALED}{number}@example.org"}
            )
        engine.submit(REFUSED)
        engine.kill("worker-batches")
        engine.settle_writebacks()
        wait_for(lambda: b"queryAll" in engine.output(), seconds=30, every=0.5)
        engine.received.wait_for(lambda it: bool(it.named("activity apply_batch")))
        backfill = engine.ask("POST", "/v1/backfills", json={"object": "Contact", "reason": "law 7"})
        state = backfill.raise_for_status().json()["state_url"]
        wait_for(lambda: engine.ask("GET", state).json().get("status") == "completed", seconds=90, every=0.5)
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


def test_a_protected_value_is_in_no_file_outside_the_org(travelled: RealEngine) -> None:
    """Objects, tables, write-ahead logs and histories are files here; Parquet is laid open."""
    searched, found = 0, []
    for file in travelled.folder.rglob("*"):
        of_the_org = "salesforce" in file.relative_to(travelled.folder).parts or file.name == "salesforce.log"
        if of_the_org or not file.is_file():
            continue
        searched += 1
        if holds(laid_open(file.read_bytes()), SEALED):
            found.append(str(file.relative_to(travelled.folder)))
    assert searched > 100
    assert found == []


def test_a_protected_value_is_in_no_text_of_a_table(travelled: RealEngine) -> None:
    for dsn in (travelled.endpoints.warehouse.dsn, travelled.endpoints.operational.dsn):
        with psycopg.connect(dsn) as connection:
            tables = connection.execute(
                "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables "
                "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall()
                assert [row for row in rows if holds(row[0].encode(), SEALED)] == [], table


def test_a_refusals_code_and_fields_are_in_clear_and_its_words_are_for_operators(
    travelled: RealEngine,
) -> None:
    query = "SELECT code, reason, words FROM writeback WHERE object = 'Contact' AND state = 'dead'"
    with psycopg.connect(travelled.endpoints.operational.dsn) as connection:
        rows = connection.execute(query).fetchall()
    assert len(rows) == 2
    for code, reason, words in rows:
        assert code == "INVALID_EMAIL_ADDRESS"
        assert reason.startswith("Salesforce refuses Email.")
        assert words.startswith("tg")
