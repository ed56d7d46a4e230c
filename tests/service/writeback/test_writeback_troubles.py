"""Writebacks of which one is unlike the others: it concerns no other, and is sent as it was meant
or not at all.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from temporalio.client import Client

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.writeback.retry_discard import Unsent
from sandbox.org.faults.faults import FaultRule
from schemas import names
from schemas.catalogue import DEFAULT_CATALOGUE, Catalogue, load_catalogue
from schemas.writeback.control import WritebackChoice
from schemas.writeback.messages import FormInput, QueueState, WritebackControl
from tests.service.writeback.test_writebacks import case, effects, in_org, someone_changes
from tests.support.builders.waiting import until
from tests.support.engines.served_org import served_org
from tests.support.engines.small_engine import SmallEngine, serving_engine
from tests.support.engines.writing_back import WritingEngine, writing
from transforms.writeback.outcomes import UNREADABLE


@pytest.fixture
async def writer(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    await engine.served.sessions.session()  # so that a fault meets the call and not the login
    async with writing(engine) as found:
        yield found


def without_field(catalogue: Catalogue, object_name: str, name: str) -> Catalogue:
    """The catalogue as it is when somebody has taken a field out."""
    spec = catalogue.objects[object_name]
    fields = {each: field for each, field in spec.fields.items() if each != name}
    changed = spec.model_copy(update={"fields": fields})
    return catalogue.model_copy(update={"objects": {**catalogue.objects, object_name: changed}})


@pytest.fixture
async def two_keys(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[WritingEngine]:
    """Of an org in which accounts have two external id fields."""
    file = tmp_path / "catalogue.yaml"
    known = yaml.safe_load(DEFAULT_CATALOGUE.read_text())
    other = {"type": "string", "length": 64, "external_id": True}
    known["objects"]["Account"]["fields"]["OtherId__c"] = other
    file.write_text(yaml.safe_dump(known))
    async with served_org(tmp_path / "org", file) as served:
        org, catalogue = f"b{uuid.uuid4().hex[:10]}", load_catalogue(file)
        made = SmallEngine(client, served, store, warehouse, database, org, catalogue)
        async with serving_engine(made) as engine, writing(engine) as found:
            yield found


async def test_each_record_is_found_by_the_external_id_field_that_its_writeback_names(
    two_keys: WritingEngine,
) -> None:
    two_keys.accepted(
        *(
            {
                "object": "Account",
                "external_id": f"{field}-{number}",
                "key_field": field,
                "key": f"{field}-{number}",
                "fields": {"Name": f"{field} {number}"},
            }
            for number in range(3)
            for field in ("ExternalId__c", "OtherId__c")
        )
    )
    await two_keys.start("Account")
    rows = await two_keys.settled()
    assert {row.state for row in rows} == {"done"}
    connection = two_keys.engine.served.org.store.connection
    found = connection.execute(
        'SELECT Name, ExternalId__c, OtherId__c FROM "Account" ORDER BY Name'
    ).fetchall()
    assert [tuple(row) for row in found] == [
        *((f"ExternalId__c {number}", f"ExternalId__c-{number}", None) for number in range(3)),
        *((f"OtherId__c {number}", None, f"OtherId__c-{number}") for number in range(3)),
    ]


async def test_what_the_catalogue_has_no_more_is_a_dead_letter_and_keeps_nothing_else_from_being_sent(
    writer: WritingEngine,
) -> None:
    writer.accepted(
        case(1, fields={"Subject": "a", "Status": "New", "Origin": "Web"}),
        case(2),
        case(3, fields={"Subject": "c", "Status": "New"}),
    )
    whole = writer.steps.catalogue
    writer.steps.catalogue = without_field(whole, "Case", "Origin")
    queue = await writer.start()
    rows = await writer.settled()
    assert [(row.state, row.code) for row in rows] == [
        ("dead", "not_in_catalogue"),
        ("done", None),
        ("done", None),
    ]
    assert "Case.Origin" in rows[0].reason
    assert (writer.claims(), writer.engine.audit.verify()) == ([], [])
    writer.steps.catalogue = whole
    Unsent(writer.store).retry(WritebackChoice(numbers=(rows[0].number,)), by="an operator", reason="back")
    await queue.signal(names.WAKE)
    await writer.settled()
    assert set(effects(writer).values()) == {1}
    assert in_org(writer)["C-1"] == "a"


async def test_an_object_that_the_catalogue_has_no_more_leaves_no_batch_open(writer: WritingEngine) -> None:
    writer.accepted(case(1), case(2))
    whole = writer.steps.catalogue
    others = {name: each for name, each in whole.objects.items() if name != "Case"}
    writer.steps.catalogue = whole.model_copy(update={"objects": others})
    await writer.start()
    assert {(row.state, row.code) for row in await writer.settled()} == {("dead", "not_in_catalogue")}
    assert writer.claims() == []


async def test_a_batch_that_was_perhaps_sent_and_cannot_be_looked_up_any_more_is_a_dead_letter_that_says_so(
    writer: WritingEngine,
) -> None:
    writer.accepted(case(1, fields={"Subject": "a", "Status": "New", "Origin": "Web"}), case(2))
    formed = writer.steps.forming.form(FormInput(org=writer.engine.org, object="Case", most_open=1))
    writer.steps.batches.begin_sending(
        formed.batches[0].batch, sent_at=datetime.now(UTC), before={}, settled={}
    )
    whole = writer.steps.catalogue
    writer.steps.catalogue = without_field(whole, "Case", "Origin")
    await writer.start()
    first, second = await writer.settled()
    assert (first.state, first.code) == ("dead", "unknown_outcome")
    assert second.state == "done"


async def test_words_of_the_org_that_no_column_takes_are_kept_as_far_as_they_can_be(
    writer: WritingEngine,
) -> None:
    rule = FaultRule(point="row", kind="error", match="Case", times=1, code="X" * 200, message="a\0b")
    writer.engine.served.org.faults.add(rule)
    writer.accepted(case(1), case(2))
    await writer.start()
    rows = await writer.settled()
    (dead,) = (row for row in rows if row.state == "dead")
    assert dead.code == UNREADABLE
    assert dead.reason.startswith("Salesforce refuses the row.")
    assert writer.engine.protector.decrypt("writeback.words", dead.words) == "ab"
    assert sum(effects(writer).values()) == 1


async def test_what_was_read_too_long_ago_overwrites_nothing_that_was_changed_since(
    writer: WritingEngine,
) -> None:
    writer.accepted(case(1))
    queue = await writer.start()
    await writer.settled()
    await asyncio.sleep(1.1)  # LastModifiedDate has whole seconds
    usual = writer.steps.terms
    writer.steps.terms = replace(usual, read_within=timedelta(0))
    deadline = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    writer.accepted(case(1, key="later", fields={"Subject": "ours"}, deadline=deadline))
    await queue.signal(names.WAKE)

    async def is_formed() -> bool:
        return writer.states()[-1] == "open"

    await until(is_formed)
    await asyncio.sleep(1)
    assert [batch.state for batch in writer.batches()] == ["closed", "formed"]
    someone_changes(writer, 1, Subject="theirs")
    writer.steps.terms = usual
    rows = await writer.settled()
    assert (rows[-1].state, in_org(writer)) == ("held", {"C-1": "theirs"})


async def test_an_own_write_that_queries_do_not_show_yet_is_waited_for(writer: WritingEngine) -> None:
    writer.engine.served.org.dials.records.query_delay_seconds = 2
    writer.accepted(
        case(1),
        case(1, key="a", fields={"Subject": "a"}, may_create=False),
        case(1, key="b", fields={"Subject": "b"}, only_if={"Subject": "a"}),
    )
    await writer.start()
    first, second, third = await writer.settled()
    assert [(row.state, row.code, row.reason) for row in (first, second, third)] == [("done", None, None)] * 3
    assert [row.replaced for row in (second, third)] == [{"Subject": "subject 1"}, {"Subject": "a"}]
    assert list(effects(writer).values()) == [3]


async def test_a_pause_by_somebody_with_a_long_name_is_in_force_and_on_record(writer: WritingEngine) -> None:
    queue = await writer.start()
    await queue.signal(names.PAUSE, WritebackControl(by="x" * 300, reason="a\0b"))

    async def is_paused() -> bool:
        state: QueueState = await queue.query(names.LANE_STATE, result_type=QueueState)
        return state.paused_because == f"paused by {'x' * 242} (unverified): a\\x00b"

    await until(is_paused)
    assert [act.by for _, act in writer.engine.audit.rows()] == ["x" * 255]


@pytest.mark.parametrize("external_id", ["A-1", "MÜNCHEN-1"])
async def test_a_child_waits_for_its_parent_in_whatever_letters_that_is_named(
    writer: WritingEngine, external_id: str
) -> None:
    parent = {"object": "Account", "external_id": external_id, "key": "p", "fields": {"Name": "parent"}}
    child = case(1, fields={"Subject": "s", "Status": "New", "Account": {"ExternalId__c": external_id}})
    writer.accepted(parent, child)
    org, forming = writer.engine.org, writer.steps.forming
    assert forming.form(FormInput(org=org, object="Case", most_open=1)).batches == ()
    await writer.start("Account")
    await writer.start("Case")
    rows = await writer.settled()
    assert [(row.state, row.attempts) for row in rows] == [("done", 1), ("done", 1)]
