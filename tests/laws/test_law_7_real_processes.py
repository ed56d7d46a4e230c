"""Law 7 in real processes: no mark is in their logs and spans at level DEBUG, and no protected one
in any file, table, history or metric.

Marks travel in change events and in writebacks by external id, whose look-ups have the id in
their query. A lost answer, a refusal and a killed worker add the lines of failures. The protected
mark also comes by a polled lane, in a field that nobody knows, and in the header of a bad event.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from cli.state import settings_file
from clients.storage.data_key import org_data_key
from clients.storage.objects import ObjectStore
from clients.writeback.refusal_words import CONTEXT as WORDS
from schemas.catalogue import default_catalogue
from tests.laws.test_law_7_no_clear_pii import holds, laid_open
from tests.support.builders.waiting import wait_for
from tests.support.command_line import command
from tests.support.engines.histories import histories
from tests.support.engines.real_engine import RealEngine, real_engine
from transforms.pii import Protector
from workers.addresses import s3_address
from workers.clients import connect_temporal
from workers.settings import Settings, load_settings

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
        "fields": {"LastName": f"{SEALED} {number}", "Email": f"{SEALED}{number}@example.org"},
    }
    for number in range(3)
]
"""Salesforce refuses them, with words that quote the value."""
NO_ADDRESS = {
    "object": "Contact",
    "external_id": "sealed-9",
    "key": "sealed-9",
    "fields": {"LastName": f"{SEALED} 9", "Email": f"{SEALED} no address"},
}
"""Refused at intake."""
LANES = [
    {"name": "contacts", "channel": "/data/ContactChangeEvent"},
    {"name": "cases", "channel": "/data/CaseChangeEvent"},
    {"name": "accounts", "way": "poll", "object": "Account", "interval": "PT1S"},
]


@dataclass
class Travelled:
    """An engine that has carried marks in and out, and has ended; its stores still answer."""

    engine: RealEngine
    settings: Settings
    protector: Protector
    metrics: dict[str, str]
    """As scraped before the end."""

    @classmethod
    def through(cls, engine: RealEngine) -> "Travelled":
        """End the engine."""
        metrics = engine.scrape()
        engine.processes.stop()
        settings = load_settings(settings_file(engine.folder))
        where = s3_address(settings.s3)
        key = org_data_key(engine.org, where, ObjectStore(where))
        return cls(engine, settings, Protector(key, default_catalogue()), metrics)

    def opened(self, context: str, query: str) -> list[str]:
        """Values of a query's only column, decrypted."""
        rows = self.engine.warehouse(query)
        return [str(self.protector.decrypt(context, token)) for (token,) in rows]

    def histories(self) -> dict[str, bytes]:
        """Every history of Temporal."""

        async def read() -> dict[str, bytes]:
            return await histories(await connect_temporal(self.settings))

        return asyncio.run(read())


@pytest.fixture(scope="module")
def travelled() -> Iterator[Travelled]:
    with real_engine(log={"level": "DEBUG"}, lanes=LANES) as engine:
        engine.fault(point="http", kind="reset_after", match="/composite/sobjects", times=2)
        engine.fault(point="http", kind="status", match="/queryAll", times=1, status=503)
        engine.submit(
            ITEMS, traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01", tracestate=f"v={MARK}", baggage=f"b={MARK}"
        )
        ask_for_marks(engine)
        engine.create("Contact", {"LastName": MARK, "Email": f"{MARK}@example.org"})
        for number in range(20):
            engine.create(
                "Contact", {"LastName": f"{SEALED} {number}", "Email": f"{SEALED}{number}@example.org"}
            )
        engine.create("Account", {"Name": SEALED, "Description": f"{SEALED} polled"})
        inject_bad_header(engine)
        drift(engine)
        refuse_writebacks(engine)
        engine.kill("worker-batches")
        engine.settle_writebacks()
        wait_for(lambda: b"queryAll" in engine.output(), seconds=30, every=0.5)
        engine.received.wait_for(lambda it: bool(it.named("activity apply_batch")))
        backfill = engine.ask("POST", "/v1/backfills", json={"object": "Contact", "reason": "law 7"})
        state = backfill.raise_for_status().json()["state_url"]
        wait_for(lambda: engine.ask("GET", state).json().get("status") == "completed", seconds=90, every=0.5)
        wait_for_rows(engine, "curated.account_current")
        wait_for_rows(engine, "ops.quarantine WHERE reason = 'bad_header'")
        yield Travelled.through(engine)


def ask_for_marks(engine: RealEngine) -> None:
    """Paths that no route has, and values in paths and queries."""
    engine.ask("GET", f"/v1/writebacks/{MARK}/{MARK}?key={MARK}", "writer")
    engine.ask("GET", f"/v1/writebacks?key={MARK}", "reader")
    engine.ask("GET", f"/v1/ledger/{MARK}?key={MARK}", "")


def inject_bad_header(engine: RealEngine) -> None:
    """An event whose header quotes the value in a part that is read, and in one that nobody
    knows.
    """
    header = {
        "entityName": "Contact",
        "recordIds": ["003Tg0000099999AAA"],
        "changeType": "CREATE",
        "commitTimestamp": 1_790_000_000_000,
        "commitNumber": SEALED,
        "sequenceNumber": 1,
        "commitUser": "005Tg0000000001AAA",
        "more": {"of": SEALED},
    }
    data = {"payload": {"ChangeEventHeader": header, "LastName": SEALED}}
    engine.control("inject", {"data": data, "entity": "Contact", "unchecked": True})


def drift(engine: RealEngine) -> None:
    """A field that nobody knows comes with values, and the engine adds and fills it."""
    field = {"name": "Secret__c", "type": "string", "length": 80, "fills": f"{SEALED} old"}
    engine.control("fields/Contact", field)
    engine.create("Contact", {"LastName": SEALED, "Secret__c": f"{SEALED} drift"})
    wait_for_rows(engine, "ops.quality WHERE rule = 'unknown_field' AND field = 'Secret__c'")
    ended = asyncio.run(command(settings_file(engine.folder), "drift", "--check", "--reason", "law 7"))
    assert ended.exit_code == 0, ended.output
    query = "SELECT count(*) FROM curated.contact_current WHERE secret IS NULL"
    wait_for(lambda: engine.warehouse(query) == [(0,)], seconds=90, every=0.5)


def refuse_writebacks(engine: RealEngine) -> None:
    """Salesforce refuses every write of a contact from now on."""
    engine.fault(
        point="row",
        kind="error",
        match="Contact",
        code="FIELD_CUSTOM_VALIDATION_EXCEPTION",
        message=f"{SEALED} is known already.",
        fields=["Email"],
    )
    engine.submit(REFUSED)
    told = engine.ask("POST", "/v1/writebacks", "writer", json={"writebacks": [NO_ADDRESS]})
    assert "takes an e-mail address" in told.text


def wait_for_rows(engine: RealEngine, rows: str) -> None:
    wait_for(lambda: engine.warehouse(f"SELECT count(*) FROM {rows}") != [(0,)], seconds=90, every=0.5)


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
