"""The road of a writeback: accepted, formed into a batch, sent once, done; or looked up, tried
again, held, dead.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from sandbox.org.faults.faults import FaultRule
from sandbox.org.state.dml import Dml, Write
from schemas import names
from schemas.writeback.messages import (
    ConflictPolicy,
    FormInput,
    PauseChange,
    QueueState,
    SetPauseInput,
    WritebackControl,
)
from tests.support.builders.waiting import until
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.writing_back import AT_ONCE, WritingEngine, writing

LOCKED = FaultRule(
    point="row",
    kind="error",
    match="Case",
    times=1,
    code="UNABLE_TO_LOCK_ROW",
    message="unable to obtain exclusive access to this record",
)


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
async def writer(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    await engine.served.sessions.session()  # so that a fault meets the call and not the login
    async with writing(engine) as found:
        yield found


def case(number: int, *, key: str = "", fields: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    values = {"Subject": f"subject {number}", "Status": "New"} if fields is None else fields
    return {"external_id": f"C-{number}", "key": key or f"k-{number}", "fields": values, **other}


def effects(writer: WritingEngine) -> Counter[str]:
    """Record id -> events that the org made of it, by its own log."""
    found: Counter[str] = Counter()
    for (text,) in writer.engine.served.org.store.connection.execute("SELECT body FROM events"):
        for record_id in orjson.loads(text)["payload"]["ChangeEventHeader"]["recordIds"]:
            found[record_id] += 1
    return found


def in_org(writer: WritingEngine, field: str = "Subject") -> dict[str, Any]:
    """External id -> a field's value."""
    rows = writer.engine.served.org.store.connection.execute(
        f'SELECT ExternalId__c, "{field}" FROM "Case" WHERE IsDeleted = 0'
    )
    return dict(rows)


async def test_what_is_accepted_is_in_the_org_once_for_two_calls_a_thousand(writer: WritingEngine) -> None:
    writer.accepted(*(case(number) for number in range(450)))
    await writer.start()
    rows = await writer.settled()
    assert {(row.state, row.created) for row in rows} == {("done", True)}
    (batch,) = writer.batches()
    assert (batch.state, batch.done, batch.calls) == ("closed", 450, 2)
    assert set(effects(writer).values()) == {1}
    assert len(in_org(writer)) == 450


@pytest.mark.parametrize(
    "kind", ["reset_before", "reset_after", "truncate", "status", "html", "expire_session"]
)
async def test_a_call_that_goes_wrong_has_its_effect_once(writer: WritingEngine, kind: str) -> None:
    write = "PATCH /services/data/v67.0/composite/sobjects/Case"
    # With 503 the governor has every call wait for ten seconds: one of the kinds is enough for
    # that.
    status = 503 if kind == "status" else 500
    writer.engine.served.org.faults.add(
        FaultRule(point="http", kind=kind, match=write, times=1, status=status)
    )
    writer.accepted(*(case(number) for number in range(20)))
    await writer.start()
    rows = await writer.settled()
    assert {row.state for row in rows} == {"done"}
    assert list(effects(writer).values()) == [1] * 20


async def test_a_batch_that_was_about_to_be_sent_when_its_worker_died_is_looked_up_and_sent_once(
    writer: WritingEngine,
) -> None:
    writer.accepted(case(1))
    formed = writer.steps.forming.form(FormInput(org=writer.engine.org, object="Case", most_open=1))
    writer.steps.batches.begin_sending(
        formed.batches[0].batch, sent_at=datetime.now(UTC), before={}, settled={}
    )
    await writer.start()
    rows = await writer.settled()
    assert [row.state for row in rows] == ["done"]
    assert list(effects(writer).values()) == [1]
    assert [batch.again for batch in writer.batches()] == [1, 0]


async def test_a_row_that_meets_a_lock_is_tried_again_and_its_neighbours_are_done(
    writer: WritingEngine,
) -> None:
    writer.engine.served.org.faults.add(LOCKED)
    writer.accepted(*(case(number) for number in range(5)))
    await writer.start()
    rows = await writer.settled()
    assert Counter((row.state, row.attempts) for row in rows) == {("done", 1): 4, ("done", 2): 1}
    assert list(effects(writer).values()) == [1] * 5


async def test_a_row_that_is_refused_for_good_is_a_dead_letter_with_salesforces_words(
    writer: WritingEngine,
) -> None:
    writer.accepted(case(1), case(2, fields={"Status": "No such status"}))
    await writer.start()
    good, bad = await writer.settled()
    assert (good.state, bad.state) == ("done", "dead")
    assert bad.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert bad.reason.startswith("Salesforce refuses Status. Take one of the picklist's values")
    words = writer.engine.protector.decrypt("writeback.words", bad.words)
    assert "No such status" in words
    assert "No such status" not in bad.reason


async def test_writebacks_of_one_record_arrive_in_their_order_and_merged_ones_as_one(
    writer: WritingEngine,
) -> None:
    writer.accepted(case(1, key="a"), case(1, key="b", fields={"Subject": "second"}))
    merged = [case(2, key=f"m{n}", fields={"Subject": f"{n}", "Status": "New"}, mode="merged") for n in "123"]
    writer.accepted(*merged)
    await writer.start()
    rows = await writer.settled()
    assert {row.state for row in rows} == {"done"}
    assert in_org(writer) == {"C-1": "second", "C-2": "3"}
    assert sorted(effects(writer).values()) == [1, 2]


async def test_nothing_is_sent_while_paused_and_nothing_is_lost(writer: WritingEngine) -> None:
    queue = await writer.start()
    control = WritebackControl(by="an operator", reason="maintenance")
    await queue.signal(names.PAUSE, control)

    async def told() -> str:
        state: QueueState = await queue.query(names.LANE_STATE, result_type=QueueState)
        return state.paused_because

    async def is_paused() -> bool:
        return "an operator (unverified): maintenance" in await told()

    await until(is_paused)
    writer.accepted(case(1))
    await queue.signal(names.WAKE)
    await asyncio.sleep(1)
    assert (writer.states(), in_org(writer)) == (["waiting"], {})
    await queue.signal(names.RESUME, control)
    await writer.settled()
    assert in_org(writer) == {"C-1": "subject 1"}
    acts = [act.act for _, act in writer.engine.audit.rows()]
    assert acts == ["writeback.pause", "writeback.resume", "writeback.batch"]


async def test_a_batch_formed_before_a_pause_is_not_sent_after_it(writer: WritingEngine) -> None:
    writer.accepted(case(1))
    formed = writer.steps.forming.form(FormInput(org=writer.engine.org, object="Case", most_open=1))
    control = WritebackControl(by="somebody", whole_org=True)
    writer.steps.pauses.set(
        SetPauseInput(object="Case", change=PauseChange.PAUSE, control=control, at=datetime.now(UTC))
    )
    sent = writer.steps.batches.begin_sending(
        formed.batches[0].batch, sent_at=datetime.now(UTC), before={}, settled={}
    )
    assert not sent


async def test_a_drain_sends_what_was_there_and_nothing_that_comes_later(writer: WritingEngine) -> None:
    writer.accepted(case(1))
    drain = SetPauseInput(
        object="Case", change=PauseChange.DRAIN, control=WritebackControl(by="x"), at=datetime.now(UTC)
    )
    writer.steps.pauses.set(drain)
    writer.accepted(case(2))
    await writer.start()

    async def first_is_done() -> bool:
        return writer.states()[0] == "done"

    await until(first_is_done)
    await asyncio.sleep(0.5)
    assert writer.states() == ["done", "waiting"]


def someone_changes(writer: WritingEngine, number: int, **fields: Any) -> None:
    """Another user writes a record."""
    org = writer.engine.served.org
    row = org.store.connection.execute('SELECT Id FROM "Case" WHERE ExternalId__c = ?', (f"C-{number}",))
    Dml(org).write([Write("update", "Case", fields, row.fetchone()[0])], user="005000000000099AAA", origin="")


@pytest.mark.parametrize(
    ("policy", "state", "subject"),
    [
        (ConflictPolicy.HOLDS, "held", "theirs"),
        (ConflictPolicy.WINS, "superseded", "theirs"),
        (ConflictPolicy.YIELDS, "done", "ours"),
    ],
)
async def test_a_newer_change_of_the_field_holds_wins_or_yields_as_configured(
    engine: SmallEngine, policy: ConflictPolicy, state: str, subject: str
) -> None:
    settings = AT_ONCE.model_copy(update={"conflict_policy": {"Case.Subject": policy}})
    async with writing(engine, settings) as writer:
        writer.accepted(case(1))
        queue = await writer.start()
        await writer.settled()
        await asyncio.sleep(1.1)  # LastModifiedDate has whole seconds
        deadline = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
        writer.accepted(case(1, key="later", fields={"Subject": "ours"}, deadline=deadline))
        someone_changes(writer, 1, Subject="theirs")
        await queue.signal(names.WAKE)
        rows = await writer.settled()
        assert rows[1].state == state
        assert in_org(writer) == {"C-1": subject}


async def test_preconditions_are_kept(writer: WritingEngine) -> None:
    writer.accepted(case(1))
    queue = await writer.start()
    await writer.settled()
    long_ago = "2020-01-01T00:00:00Z"
    writer.accepted(
        case(1, key="a", fields={"Subject": "a"}, only_if={"Status": "Closed"}),
        case(1, key="b", fields={"Subject": "b"}, only_if={"Status": "New"}),
        case(1, key="c", fields={"Subject": "c"}, unchanged_since=long_ago),
        case(9, key="d", fields={"Subject": "d"}, may_create=False),
    )
    await queue.signal(names.WAKE)
    _, *rows = await writer.settled()
    assert [(row.state, row.code) for row in rows] == [
        ("dead", "precondition"),
        ("done", None),
        ("dead", "precondition"),
        ("dead", "not_found"),
    ]
    assert in_org(writer) == {"C-1": "b"}


async def test_what_a_writeback_replaced_is_kept_and_every_attempt_is_sealed(writer: WritingEngine) -> None:
    writer.accepted(case(1), case(1, key="b", fields={"Subject": "new", "SuppliedName": "A Person"}))
    await writer.start()
    first, second = await writer.settled()
    assert first.replaced is None
    assert second.replaced == {"Subject": "subject 1", "SuppliedName": None}
    assert second.fields["SuppliedName"].startswith("tg2.")
    assert writer.engine.audit.verify() == []
