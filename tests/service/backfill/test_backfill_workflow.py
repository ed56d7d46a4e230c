"""Decisions of a backfill: the number of parts at once, the next try of a job, the end of
trying.
"""

import pytest
from temporalio.client import Client, WorkflowFailureError

from clients.temporal.run_kinds import BACKFILL
from clients.temporal.run_views import query
from clients.temporal.runs import run_handle, start_run
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.errors import BatchFailedError
from tests.support.scripted.scripted_backfill import LOST, ROWS, ScriptedReader, backfill_workers

pytestmark = pytest.mark.service

FAILED = BatchFailedError(workflow_id="w")


def request(window: str) -> BackfillInput:
    return BackfillInput(org="scripted", object="Case", window=window, by="ada")


async def test_two_parts_are_read_at_once_and_the_rate_is_remembered(client: Client) -> None:
    script = ScriptedReader(parts=5)
    async with backfill_workers(client, script):
        state = await run_handle(
            client, BACKFILL, await start_run(client, BACKFILL, request("five"))
        ).result()
    assert script.most_at_work == 2
    assert (state.parts_done, state.counts.rows) == (5, 10 * ROWS)
    assert sorted({each.part.number for each in script.read}) == [0, 1, 2, 3, 4]
    assert [(rate.rows, rate.bytes) for rate in script.rates] == [(10 * ROWS, 90)]


async def test_a_lost_job_is_replaced_four_times_and_its_rows_count_once(client: Client) -> None:
    script = ScriptedReader(parts=1, lost=4)
    async with backfill_workers(client, script):
        state = await run_handle(
            client, BACKFILL, await start_run(client, BACKFILL, request("lost"))
        ).result()
        assert (state.stage, state.counts.rows, len(state.notes)) == ("done", 2 * ROWS, 4)
    assert [each.attempt for each in script.read] == [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("name", "script", "why"),
    [
        ("jobs", ScriptedReader(parts=1, lost=5), LOST),
        ("batch", ScriptedReader(parts=1, failures=[FAILED]), str(FAILED)),
    ],
)
async def test_a_backfill_that_is_given_up_says_why_and_can_be_started_again(
    name: str, script: ScriptedReader, why: str, client: Client
) -> None:
    async with backfill_workers(client, script):
        with pytest.raises(WorkflowFailureError):
            await run_handle(client, BACKFILL, await start_run(client, BACKFILL, request(name))).result()
        state = await query(client, f"backfill/scripted/Case/{name}", names.PROGRESS, BackfillState)
        assert state is not None
        assert (state.stage, state.notes[-1]) == ("failed", why)
        again = await start_run(client, BACKFILL, request(name))
        assert again.is_new
        assert (await run_handle(client, BACKFILL, again).result()).stage == "done"
    assert [act.act for act in script.acts] == ["backfill.start"] * 2
