"""Law 9: every act of an operator is in an append-only log whose rows are chained by hash."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.audit import Acts
from clients.database.audit_log import AuditLog, append_act
from clients.database.engine import open_engine, translated
from schemas import names
from schemas.errors import UnavailableError
from schemas.ingest.messages import Act, LaneInput, MovePositionInput, PauseInput
from tests.support.builders.waiting import until
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS, LaneWorkflow

pytestmark = pytest.mark.service

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture
def log(database: str) -> Iterator[AuditLog]:
    opened = AuditLog(database)
    opened.ensure_tables()
    yield opened
    opened.close()


def act(number: int, *, by: str = "ada", what: str = "lane.pause") -> Act:
    return Act(
        act=what, by=by, target="lane/o/changes", detail=f"reason {number}", at=AT + timedelta(seconds=number)
    )


@pytest.fixture
def five_acts(log: AuditLog) -> AuditLog:
    for number in range(5):
        log.append(act(number))
    return log


def tamper(database: str, *statements: str) -> None:
    with psycopg.connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_an_untouched_log_is_whole(five_acts: AuditLog):
    assert five_acts.verify() == []
    assert [number for number, _ in five_acts.rows()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "change",
    [
        "act = 'lane.resume'",
        "by = 'eve'",
        "target = 'lane/o/other'",
        "detail = 'no reason'",
        "at = at + interval '1 second'",
        "hash = repeat('0', 64)",
    ],
)
def test_an_altered_row_is_found(five_acts: AuditLog, database: str, change: str):
    tamper(database, f"UPDATE audit_log SET {change} WHERE number = 3")
    assert "row 3 was altered" in five_acts.verify()


def test_a_missing_row_is_found(five_acts: AuditLog, database: str):
    tamper(database, "DELETE FROM audit_log WHERE number = 3")
    assert "row 3 is missing" in five_acts.verify()


def test_a_row_taken_out_of_a_renumbered_log_is_found(five_acts: AuditLog, database: str):
    tamper(
        database,
        "DELETE FROM audit_log WHERE number = 3",
        "UPDATE audit_log SET number = number - 1 WHERE number > 3",
    )
    assert "row 3 does not follow the row before it" in five_acts.verify()


def test_rows_in_another_order_are_found(five_acts: AuditLog, database: str):
    tamper(
        database,
        "UPDATE audit_log SET number = 99 WHERE number = 2",
        "UPDATE audit_log SET number = 2 WHERE number = 3",
        "UPDATE audit_log SET number = 3 WHERE number = 99",
    )
    assert "row 2 does not follow the row before it" in five_acts.verify()


def test_an_act_that_is_tried_again_is_written_once(log: AuditLog):
    assert [log.append(act(1)), log.append(act(2)), log.append(act(1))] == [1, 2, 1]


def test_acts_of_two_people_at_one_moment_are_two_acts(log: AuditLog):
    assert [log.append(act(1, by="ada")), log.append(act(1, by="ben"))] == [1, 2]


def test_a_writer_that_is_frozen_with_the_log_in_hand_lets_the_others_write(
    database: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clients.database.engine.IDLE_SECONDS", 1)
    log, frozen = AuditLog(database), open_engine(database)
    log.ensure_tables()

    def freeze() -> None:
        with translated(), frozen.begin() as connection:
            append_act(connection, act(1, by="the frozen one"))
            log.append(act(2))

    with pytest.raises(UnavailableError):
        freeze()
    assert log.verify() == []
    assert [each.by for _, each in log.rows()] == ["ada"]
    log.close()
    frozen.dispose()


def test_writers_at_once_make_one_chain(log: AuditLog):
    writers = [
        threading.Thread(target=lambda n=n: [log.append(act(10 * n + k)) for k in range(8)]) for n in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(log.rows()) == 32
    assert log.verify() == []


async def has_acts(log: AuditLog, count: int) -> bool:
    return len(await asyncio.to_thread(log.rows)) >= count


async def test_pause_move_resume_of_a_lane_are_in_the_log(client: Client, log: AuditLog):
    lane = f"lane/law9/{uuid.uuid4().hex}"
    start = LaneInput(org="law9", lane="changes", channel="/data/ChangeEvents", paused=True)
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[Acts(log).record_act]),
    ):
        handle = await client.start_workflow(
            LaneWorkflow.run, start, id=lane, task_queue=names.WORKFLOW_QUEUE
        )
        await handle.signal(names.PAUSE, PauseInput(by="ada", reason="maintenance"))
        move = MovePositionInput(position="70", by="ben", reason="after the backfill")
        await handle.execute_update(LaneWorkflow.move_position, move)
        await handle.signal(names.RESUME, PauseInput(by="cleo"))
        await until(lambda: has_acts(log, 3))
    written = [each for _, each in log.rows()]
    assert [(each.act, each.by, each.target, each.detail) for each in written] == [
        ("lane.pause", "ada", lane, "maintenance"),
        ("lane.move_position", "ben", lane, "origin -> 70: after the backfill"),
        ("lane.resume", "cleo", lane, ""),
    ]
    assert log.verify() == []


async def test_signals_that_arrive_together_are_all_in_the_log(client: Client, log: AuditLog):
    start = LaneInput(org="law9", lane="changes", channel="/data/ChangeEvents", paused=True)
    handle = await client.start_workflow(
        LaneWorkflow.run, start, id=f"lane/law9/{uuid.uuid4().hex}", task_queue=names.WORKFLOW_QUEUE
    )
    # No worker serves yet: the workflow will see all of them in one task, at one moment of its
    # clock.
    for by in ("ada", "ben", "cleo"):
        await handle.signal(names.PAUSE, PauseInput(by=by, reason="maintenance"))
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[Acts(log).record_act]),
    ):
        await until(lambda: has_acts(log, 3))
    assert [each.by for _, each in log.rows()] == ["ada", "ben", "cleo"]
