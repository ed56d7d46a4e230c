"""Decisions of the repair workflow; the activities are scripted, the backfills that it starts are
real workflows.
"""

import uuid

import pytest
from temporalio.client import Client

from schemas.errors import CallRefusedError, StatementError
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_repairs import (
    BY_IDS,
    BY_WINDOW,
    DELETED,
    ScriptedRepairs,
    serving_repairs,
    start_repairs,
)
from workflows import RepairWorkflow

pytestmark = pytest.mark.service


async def test_a_window_is_read_with_what_was_deleted_in_it_and_then_closed(client: Client) -> None:
    script = ScriptedRepairs(looks=[[BY_IDS, BY_WINDOW]])
    async with serving_repairs(client, script):
        repairs = await start_repairs(client, uuid.uuid4().hex)
        await until(lambda: script.has_closed(2))
        assert sorted(script.read) == [
            "repair-1 ids/o/1.json",
            "repair-2",
            f"repair-2-deleted {DELETED}",
        ]
        assert (await repairs.query(RepairWorkflow.state)).failed == {}


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        (CallRefusedError(call="POST", status=400, error_code="MALFORMED_ID", detail="d"), ["repair-1"]),
        (StatementError(statement="s", detail="d"), []),
    ],
)
async def test_a_repair_that_fails_is_told_and_counts_only_when_the_org_refuses_it(
    client: Client, error: Exception, closed: list[str]
) -> None:
    script = ScriptedRepairs(looks=[[BY_IDS]], failures=[error])

    async def has_failed() -> bool:
        return "Case" in (await repairs.query(RepairWorkflow.state)).failed

    async def is_idle() -> bool:
        return not (await repairs.query(RepairWorkflow.state)).reading

    async with serving_repairs(client, script):
        repairs = await start_repairs(client, uuid.uuid4().hex)
        await until(has_failed)
        await until(is_idle)
        assert script.closed == closed
