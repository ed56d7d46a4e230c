"""Law 7 in real processes: no mark is in their logs and spans at level DEBUG, and no protected one
in any file, table, history or metric.

Marks travel in change events and in writebacks by external id, whose look-ups have the id in
their query. A lost answer, a refusal and a killed worker add the lines of failures. The protected
mark also comes by a polled lane, in a field that nobody knows, and in the header of a bad event.
"""

import re
from collections.abc import Iterator

import psycopg
import pytest

from clients.writeback.refusal_words import CONTEXT as WORDS
from tests.laws.test_law_7_no_clear_pii import holds
from tests.support.builders.laid_open import laid_open
from tests.support.engines.marks_travelled import MARK, REFUSED, SEALED, Travelled, marks_travelled

pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture(scope="module")
def travelled() -> Iterator[Travelled]:
    with marks_travelled() as made:
        yield made


def test_no_mark_is_in_the_logs_of_real_processes(travelled: Travelled) -> None:
    for file in sorted(travelled.engine.logs.glob("*.log")):
        found = [line for line in file.read_text().splitlines() if MARK.lower() in line.lower()]
        assert found == [], file.name


def test_no_mark_is_in_a_span(travelled: Travelled) -> None:
    assert len(travelled.engine.received.bodies) > 3
    assert [body for body in travelled.engine.received.bodies if MARK.lower().encode() in body.lower()] == []


def test_a_failed_span_has_an_errors_kind_and_none_of_its_words(travelled: Travelled) -> None:
    failed = [each for each in travelled.engine.received.spans if each.is_error]
    assert {each.name for each in failed} >= {"salesforce.call"}
    assert all(each.attributes["error.type"] and not each.status_message for each in failed)
    assert all(each.events == 0 for each in travelled.engine.received.spans)


def test_every_call_by_external_id_has_a_line_of_our_own(travelled: Travelled) -> None:
    calls = [
        each["facts"] for each in travelled.engine.lines() if each["logger"] == "clients.salesforce.call_log"
    ]
    by_id = [each for each in calls if each["route"].endswith("/queryAll")]
    assert {each.get("status") for each in by_id} >= {200, 503}
    assert all(set(each) <= {"method", "route", "status", "ms", "lease_class", "error"} for each in calls)


def test_lines_of_a_step_name_their_batch_and_the_batchs_trace(travelled: Travelled) -> None:
    steps = [each for each in travelled.engine.lines() if each.get("activity") == "send_writebacks"]
    assert steps
    assert {each["batch"].partition("/")[0] for each in steps} == {"Case", "Contact"}
    assert all(len(each["trace_id"]) == 32 for each in steps)


def test_other_lines_than_json_are_the_words_of_the_command_alone(travelled: Travelled) -> None:
    others = {line for line in travelled.engine.output().splitlines() if line and not line.startswith(b"{")}
    assert all(line.endswith(b"is ready") for line in others), others


def test_a_path_that_no_route_has_is_shown_without_its_rest(travelled: Travelled) -> None:
    routes = {
        each["facts"]["route"] for each in travelled.engine.lines() if each["logger"].startswith("api.mid")
    }
    assert "/v1/writebacks/…" in routes


def test_a_protected_value_is_in_no_file_outside_the_org(travelled: Travelled) -> None:
    """Objects, tables, write-ahead logs and histories are files here; Parquet is laid open."""
    searched, found = 0, []
    for file in travelled.engine.folder.rglob("*"):
        of_the_org = (
            "salesforce" in file.relative_to(travelled.engine.folder).parts or file.name == "salesforce.log"
        )
        if of_the_org or not file.is_file():
            continue
        searched += 1
        if holds(laid_open(file.read_bytes()), SEALED):
            found.append(str(file.relative_to(travelled.engine.folder)))
    assert searched > 100
    assert found == []


def test_a_protected_value_is_in_no_text_of_a_table(travelled: Travelled) -> None:
    for dsn in (travelled.engine.endpoints.warehouse.dsn, travelled.engine.endpoints.operational.dsn):
        with psycopg.connect(dsn) as connection:
            tables = connection.execute(
                "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables "
                "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall()
                assert [row for row in rows if holds(row[0].encode(), SEALED)] == [], table


def test_a_protected_value_is_in_no_history(travelled: Travelled) -> None:
    """Neither as Temporal keeps it, nor behind the codec."""
    kept = travelled.histories()
    kinds = {name.partition("/")[0] for name in kept}
    assert kinds >= {"lane", "batch", "backfill", "writeback", "drift"}
    assert [name for name, body in kept.items() if holds(body, SEALED)] == []


def test_a_protected_value_is_in_no_metric(travelled: Travelled) -> None:
    assert len(travelled.metrics) == 10
    assert any("tidegate_" in text for text in travelled.metrics.values())
    assert [each for each, text in travelled.metrics.items() if holds(text.encode(), SEALED)] == []


def test_the_protected_value_came_by_every_road(travelled: Travelled) -> None:
    """Else nothing would have been searched for."""
    names = "SELECT name FROM curated.account_current"
    assert travelled.opened("Account.Name", names) == [SEALED]
    secrets = travelled.opened("Contact.Secret__c", "SELECT secret FROM curated.contact_current")
    assert {f"{SEALED} old", f"{SEALED} drift"} <= set(secrets)
    [(event, detail)] = travelled.engine.warehouse(
        "SELECT event, detail FROM ops.quarantine WHERE reason = 'bad_header'"
    )
    tokens = re.findall(r"tg[\w.=-]+", event)
    opened = [opened_as(travelled, token, "unknown", "Contact.LastName") for token in tokens]
    assert sum(SEALED in each for each in opened) == 3
    assert detail == "the ChangeEventHeader lacks or misspells commitNumber"


def opened_as(travelled: Travelled, token: str, *contexts: str) -> str:
    for context in contexts:
        try:
            return str(travelled.protector.decrypt(context, token))
        except ValueError:
            continue
    return ""


def test_a_refusals_code_and_fields_are_in_clear_and_its_words_are_for_operators(
    travelled: Travelled,
) -> None:
    query = "SELECT code, reason, words FROM writeback WHERE object = 'Contact' AND state = 'dead'"
    with psycopg.connect(travelled.engine.endpoints.operational.dsn) as connection:
        rows = connection.execute(query).fetchall()
    assert len(rows) == len(REFUSED)
    for code, reason, words in rows:
        assert code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        assert reason.startswith("Salesforce refuses Email.")
        assert travelled.protector.decrypt(WORDS, words) == f"{SEALED} is known already."
