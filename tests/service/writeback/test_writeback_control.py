"""Operator actions on writebacks, on real parts: pause, retry, discard, undo."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import pytest

from clients.writeback.retry_discard import Unsent
from clients.writeback.undo import Undoing
from sandbox.org.faults.faults import FaultRule
from schemas import names
from schemas.ids import writeback_queue_id
from schemas.writeback.control import Handled, PauseResult, UndoResult, WritebackChoice
from schemas.writeback.messages import PauseChange, SetPauseInput, WritebackControl
from tests.service.writeback.test_writebacks import case, effects, in_org, someone_changes
from tests.support.builders.batches import Road
from tests.support.builders.waiting import has_struck, until
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.writing_back import WritingEngine, writing

WRITE = "PATCH /services/data/v67.0/composite/sobjects/Case"


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
async def writer(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    await engine.served.sessions.session()
    async with writing(engine) as found:
        yield found


def hold(writer: WritingEngine, change: PauseChange, *, whole_org: bool = False) -> PauseResult:
    control = WritebackControl(by="ada", reason="release", whole_org=whole_org)
    asked = SetPauseInput(object="Case", change=change, control=control, at=datetime.now(UTC))
    return writer.steps.pauses.set(asked)


def retry(writer: WritingEngine, *numbers: int, **other: Any) -> Handled:
    return Unsent(writer.store).retry(WritebackChoice(numbers=numbers), by="ada", reason="", **other)


def undo(writer: WritingEngine, **chosen: Any) -> UndoResult:
    undoing = Undoing(writer.store, writer.engine.catalogue)
    return undoing.undo(WritebackChoice(**chosen), by="ada", reason="wrong file")


def acts(writer: WritingEngine) -> list[tuple[str, str, str, str]]:
    """Operators' acts: act, by, target, detail."""
    rows = [act for _, act in writer.engine.audit.rows() if act.act != "writeback.batch"]
    return [(act.act, act.by, act.target, act.detail) for act in rows]


async def finished(writer: WritingEngine) -> list[Any]:
    """Every writeback, once the queue has looked and has nothing more to do with any."""
    queue = writer.engine.client.get_workflow_handle(writeback_queue_id(writer.engine.org, "Case"))
    await queue.signal(names.WAKE)
    return await writer.settled()


async def test_after_a_pause_only_what_was_on_the_wire_reaches_the_org_and_a_resume_loses_nothing(
    writer: WritingEngine,
) -> None:
    served = writer.engine.served
    served.org.faults.add(FaultRule(point="http", kind="latency", match=WRITE, times=1, seconds=600))
    writer.accepted(*(case(number) for number in range(30)))
    queue = await writer.start()

    await until(partial(has_struck, served.org))
    told = await asyncio.to_thread(hold, writer, PauseChange.PAUSE)
    served.org.faults.clear()
    served.calls()
    writer.accepted(*(case(number) for number in range(30, 60)))
    await queue.signal(names.WAKE)

    async def is_over() -> bool:
        return writer.batches()[0].state == "closed"

    await until(is_over)
    for _ in range(4):
        await queue.signal(names.WAKE)
        await asyncio.sleep(0.2)
    # A look-up may read. The org keeps a call when it ends, so the one that was on the wire is
    # among these.
    writes = [call.partition(" ")[0] for call in served.calls() if not call.startswith("GET")]
    assert (writes, told.on_the_wire) == (["PATCH"], (writer.batches()[0].batch,))
    assert [row.state for row in writer.rows()] == ["done"] * 30 + ["waiting"] * 30
    await asyncio.to_thread(hold, writer, PauseChange.RESUME)
    await finished(writer)
    assert list(effects(writer).values()) == [1] * 60
    assert acts(writer) == [
        ("writeback.pause", "ada", "writebacks/Case", "release"),
        ("writeback.resume", "ada", "writebacks/Case", "release"),
    ]


async def test_the_resume_of_an_object_leaves_the_pause_of_the_whole_org(writer: WritingEngine) -> None:
    hold(writer, PauseChange.PAUSE)
    hold(writer, PauseChange.DRAIN, whole_org=True)
    told = hold(writer, PauseChange.RESUME)
    assert [(each.object, each.by, each.drains_to) for each in told.pauses] == [("*", "ada", 0)]
    assert hold(writer, PauseChange.RESUME, whole_org=True).pauses == ()


async def test_a_pause_that_is_set_again_after_its_resume_by_a_step_that_is_tried_again_changes_nothing(
    writer: WritingEngine,
) -> None:
    control = WritebackControl(by="ada", reason="release")
    asked = SetPauseInput(object="Case", change=PauseChange.PAUSE, control=control, at=datetime.now(UTC))
    assert writer.steps.pauses.set(asked).pauses != ()
    hold(writer, PauseChange.RESUME)
    assert writer.steps.pauses.set(asked).pauses == ()
    assert [act for act, *_ in acts(writer)] == ["writeback.pause", "writeback.resume"]


REFUSED = FaultRule(
    point="row",
    kind="error",
    match="Case",
    times=1,
    code="FIELD_CUSTOM_VALIDATION_EXCEPTION",
    message="not today",
)


async def test_a_dead_letter_is_sent_when_it_is_retried_and_the_act_is_on_record(
    writer: WritingEngine,
) -> None:
    writer.engine.served.org.faults.add(REFUSED)
    writer.accepted(case(1))
    await writer.start()
    [dead] = await writer.settled()
    assert (dead.state, dead.attempts) == ("dead", 1)
    assert retry(writer, dead.number, 999).left[0].number == 999
    [done] = await finished(writer)
    assert (done.state, done.attempts, in_org(writer)) == ("done", 1, {"C-1": "subject 1"})
    assert done.deadline > dead.deadline
    assert acts(writer) == [("writeback.retry", "ada", "writebacks/Case", str(dead.number))]
    [refused] = retry(writer, dead.number).left
    assert "It is done" in refused.why


async def test_a_retry_that_would_overwrite_a_later_writeback_of_the_field_names_it_unless_forced(
    writer: WritingEngine,
) -> None:
    writer.engine.served.org.faults.add(REFUSED)
    writer.accepted(case(1))
    await writer.start()
    [dead] = await writer.settled()
    writer.accepted(case(1, key="other", fields={"Priority": "High", "Status": "New", "Origin": "Web"}))
    writer.accepted(case(1, key="later", fields={"Subject": "later"}))
    _, other, later = await finished(writer)
    told = retry(writer, dead.number)
    assert told.numbers == ()
    assert f"Writeback {other.number} of the same record and field" in told.left[0].why
    assert retry(writer, dead.number, force=True).numbers == (dead.number,)
    rows = await finished(writer)
    assert {row.state for row in rows} == {"done"}
    assert (in_org(writer), later.state) == ({"C-1": "subject 1"}, "done")


async def changed_by_somebody(writer: WritingEngine) -> Any:
    """A writeback that is held because somebody else has changed its field."""
    writer.accepted(case(1))
    await writer.start()
    await writer.settled()
    await asyncio.sleep(1.1)  # LastModifiedDate has whole seconds
    deadline = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    writer.accepted(case(1, key="later", fields={"Subject": "ours"}, deadline=deadline))
    someone_changes(writer, 1, Subject="theirs")
    _, held = await finished(writer)
    assert held.state == "held"
    return held


async def test_a_held_one_that_is_retried_is_sent_over_the_newer_change(writer: WritingEngine) -> None:
    held = await changed_by_somebody(writer)
    await asyncio.sleep(1.1)
    assert retry(writer, held.number).numbers == (held.number,)
    _, done = await finished(writer)
    assert (done.state, in_org(writer)) == ("done", {"C-1": "ours"})
    assert done.replaced == {"Subject": "theirs"}


async def test_a_discarded_one_is_never_sent_and_cannot_be_retried(writer: WritingEngine) -> None:
    held = await changed_by_somebody(writer)
    unsent = Unsent(writer.store)
    chosen = WritebackChoice(object="Case", code="newer_change")
    assert unsent.discard(chosen, by="ada", reason="theirs is right").numbers == (held.number,)
    assert "It is discarded" in retry(writer, held.number).left[0].why
    _, gone = await finished(writer)
    assert (gone.state, in_org(writer)) == ("discarded", {"C-1": "theirs"})
    assert acts(writer) == [
        ("writeback.discard", "ada", "writebacks/Case", f"{held.number}; theirs is right")
    ]


async def test_an_undone_batch_leaves_what_was_there_before_and_says_what_it_made(
    writer: WritingEngine,
) -> None:
    writer.accepted(
        *(case(n, fields={"Subject": "old", "SuppliedName": "A Person", "Status": "New"}) for n in range(3))
    )
    await writer.start()
    await writer.settled()
    ours = {"Subject": "new", "SuppliedName": "Another", "Status": "New"}
    writer.accepted(*(case(n, key=f"again-{n}", fields=ours) for n in range(4)))
    rows = await finished(writer)
    told = undo(writer, batch=rows[-1].batch)
    assert [each.number for each in told.undone] == [row.number for row in rows[3:6]]
    assert [(each.number, "made the record" in each.why) for each in told.left] == [(rows[6].number, True)]
    undos = (await finished(writer))[7:]
    assert [(row.state, row.key, row.undoes) for row in undos] == [
        ("done", f"undo:{row.number}", row.number) for row in reversed(rows[3:6])
    ]
    # A writeback's tokens are its own: equal values say nothing of each other.
    assert undos[0].fields["SuppliedName"] != rows[0].fields["SuppliedName"]
    assert undos[0].fields["SuppliedName"].startswith("tg2.")
    assert in_org(writer) == {"C-0": "old", "C-1": "old", "C-2": "old", "C-3": "new"}
    assert in_org(writer, "SuppliedName")["C-1"] == "A Person"
    again = undo(writer, batch=rows[-1].batch)
    assert [(each.by, each.is_new) for each in again.undone] == [(each.by, False) for each in told.undone]
    assert [act[0] for act in acts(writer)] == ["writeback.undo"]


async def test_an_undo_does_not_overwrite_what_somebody_wrote_since(writer: WritingEngine) -> None:
    writer.accepted(case(1))
    await writer.start()
    await writer.settled()
    writer.accepted(case(1, key="b", fields={"Subject": "ours"}))
    _, ours = await finished(writer)
    someone_changes(writer, 1, Subject="theirs")
    undo(writer, numbers=(ours.number,))
    rows = await finished(writer)
    assert (rows[2].state, rows[2].code, in_org(writer)) == ("dead", "precondition", {"C-1": "theirs"})


async def test_of_several_of_one_record_all_or_the_last_ones_can_be_undone(writer: WritingEngine) -> None:
    writer.accepted(case(1, fields={"Subject": "0", "Status": "New"}))
    await writer.start()
    await writer.settled()
    writer.accepted(*(case(1, key=f"k{n}", fields={"Subject": f"{n}", "Status": "New"}) for n in range(1, 4)))
    _, one, two, three = await finished(writer)
    blocked = undo(writer, numbers=(one.number,))
    assert blocked.undone == ()
    assert f"Subject: writeback {three.number} wrote it later" in blocked.left[0].why
    undo(writer, numbers=(three.number,))
    await finished(writer)
    assert in_org(writer) == {"C-1": "2"}
    assert undo(writer, numbers=(one.number, two.number)).left == ()
    rows = await finished(writer)
    assert {row.state for row in rows} == {"done"}
    assert in_org(writer) == {"C-1": "0"}


async def test_merged_ones_are_undone_as_the_one_write_that_they_were(writer: WritingEngine) -> None:
    writer.accepted(case(1))
    await writer.start()
    await writer.settled()
    merged = [case(1, key=f"m{n}", fields={"Subject": n, "Origin": "Web"}, mode="merged") for n in "12"]
    first, second = writer.accepted(*merged)
    await finished(writer)
    told = undo(writer, batch=writer.rows()[-1].batch)
    assert [each.number for each in told.undone] == [second.number]
    assert [(each.number, "sent together" in each.why) for each in told.left] == [(first.number, True)]
    await finished(writer)
    assert in_org(writer) == {"C-1": "subject 1"}


async def test_a_parent_given_by_its_external_id_is_brought_back(writer: WritingEngine) -> None:
    org = writer.engine.served.org
    await writer.start("Account")
    await writer.start()
    names_ = [
        {"object": "Account", "external_id": f"A-{n}", "key": f"a{n}", "fields": {"Name": f"a{n}"}}
        for n in "12"
    ]
    writer.accepted(*names_)
    await writer.settled()
    writer.accepted(case(1, fields={"Account": {"ExternalId__c": "A-1"}, "Status": "New"}))
    await finished(writer)
    writer.accepted(case(1, key="moved", fields={"Account": {"ExternalId__c": "A-2"}}))
    *_, moved = await finished(writer)
    undo(writer, numbers=(moved.number,))
    *_, last = await finished(writer)
    found = org.store.connection.execute(
        'SELECT a.ExternalId__c FROM "Case" AS c JOIN "Account" AS a ON a.Id = c.AccountId'
    ).fetchall()
    assert (last.reason, found) == (None, [("A-1",)])


async def test_what_is_changed_after_a_retry_is_newer_again(writer: WritingEngine) -> None:
    held = await changed_by_somebody(writer)
    await asyncio.to_thread(hold, writer, PauseChange.PAUSE)
    await asyncio.sleep(1.1)
    retry(writer, held.number)
    await asyncio.sleep(1.1)
    someone_changes(writer, 1, Subject="theirs again")
    stored = writer.engine.served.org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
    events = [{**orjson.loads(text), "event": {"replayId": n}} for n, (text,) in enumerate(stored, start=1)]
    await Road(writer.engine.store, writer.engine.warehouse).send(events)
    await asyncio.to_thread(hold, writer, PauseChange.RESUME)
    _, again = await finished(writer)
    assert (again.state, in_org(writer)) == ("held", {"C-1": "theirs again"})
