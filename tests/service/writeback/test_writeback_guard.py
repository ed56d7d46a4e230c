"""The guard against overwriting newer changes, with a change log that a lane fills, or a poll, or
nobody.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from tests.support.builders.waiting import until
from tests.support.engines.following_cases import another_writes, case_id, follow_cases, writing_and_following
from tests.support.engines.writing_back import AT_ONCE, WritingEngine

pytestmark = pytest.mark.service

A_SECOND = 1.1
"""LastModifiedDate has whole seconds: what is so far apart is distinguished."""


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
async def writer(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[WritingEngine]:
    """With one case, which another user has made; its queue is not started."""
    async with writing_and_following(
        client, store, warehouse, database, tmp_path, AT_ONCE, org=f"g{uuid.uuid4().hex[:10]}"
    ) as found:
        another_writes(found, "Case", {"Subject": "old", "Status": "New", "ExternalId__c": "C-1"})
        await asyncio.sleep(A_SECOND)
        yield found


def ours(**other: Any) -> dict[str, Any]:
    return {"external_id": "C-1", "fields": {"Subject": "ours"}, "key": "k", **other}


def theirs(writer: WritingEngine, **fields: Any) -> None:
    another_writes(writer, "Case", fields, case_id(writer, "C-1") or "")


def subject(writer: WritingEngine) -> str:
    row = writer.engine.served.org.store.connection.execute('SELECT "Subject" FROM "Case"').fetchone()
    return str(row[0])


async def logged(writer: WritingEngine, count: int) -> None:
    """Return when the change log has so many changes."""

    async def are_there() -> bool:
        return len(writer.engine.rows("SELECT 1 FROM audit.case_change")) >= count

    await until(are_there)


async def started(writer: WritingEngine) -> WorkflowHandle[Any, Any]:
    return await writer.start()


async def test_another_users_change_of_the_same_field_holds(writer: WritingEngine) -> None:
    await follow_cases(writer.engine)
    writer.accepted(ours())
    theirs(writer, Subject="theirs")
    await started(writer)
    (row,) = await writer.settled()
    assert (row.state, row.code) == ("held", "newer_change")
    assert row.reason.startswith("Subject: changed in Salesforce after this was accepted")
    assert subject(writer) == "theirs"


async def test_another_users_change_of_another_field_does_not_hold(writer: WritingEngine) -> None:
    await follow_cases(writer.engine)
    writer.accepted(ours())
    theirs(writer, Priority="High")
    await started(writer)
    (row,) = await writer.settled()
    assert (row.state, subject(writer)) == ("done", "ours")


async def test_a_change_before_the_acceptance_does_not_hold(writer: WritingEngine) -> None:
    await follow_cases(writer.engine)
    theirs(writer, Subject="theirs")
    await asyncio.sleep(A_SECOND)
    writer.accepted(ours())
    await started(writer)
    (row,) = await writer.settled()
    assert (row.state, subject(writer)) == ("done", "ours")


async def test_our_own_echo_does_not_hold_what_was_accepted_before_it(writer: WritingEngine) -> None:
    await follow_cases(writer.engine)
    writer.accepted(
        ours(),
        ours(key="second", fields={"Subject": "second"}),
        ours(key="third", fields={"Subject": "third"}),
    )
    queue = await started(writer)
    rows = await writer.settled()
    assert {row.state for row in rows} == {"done"}
    assert subject(writer) == "third"
    await logged(writer, 4)
    writer.accepted(ours(key="fourth", fields={"Subject": "fourth"}))
    await queue.signal(names.WAKE)
    rows = await writer.settled()
    assert (rows[-1].state, subject(writer)) == ("done", "fourth")


async def test_a_change_that_is_not_in_the_log_yet_is_waited_for(writer: WritingEngine) -> None:
    writer.accepted(ours())
    theirs(writer, Priority="High")
    await started(writer)

    async def waits() -> bool:
        (row,) = writer.rows()
        return (row.state, row.code) == ("waiting", "change_under_way")

    await until(waits)
    assert subject(writer) == "old"
    await follow_cases(writer.engine)
    (row,) = await writer.settled()
    assert (row.state, row.attempts, subject(writer)) == ("done", 1, "ours")


async def test_without_a_log_a_change_holds_whatever_it_was_when_the_deadline_is_near(
    writer: WritingEngine,
) -> None:
    deadline = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    writer.accepted(ours(deadline=deadline))
    theirs(writer, Priority="High")
    await started(writer)
    (row,) = await writer.settled()
    assert (row.state, subject(writer)) == ("held", "old")


async def test_a_snapshot_may_be_any_change_so_it_holds(writer: WritingEngine) -> None:
    writer.accepted(ours())
    theirs(writer, Priority="High")
    # as a polled lane: whole records, which do not say what was changed
    await writer.engine.backfill("Case")
    await started(writer)
    (row,) = await writer.settled()
    assert (row.state, subject(writer)) == ("held", "old")
