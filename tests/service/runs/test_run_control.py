"""A command joins the run that was asked the same, and no other: on a real Temporal, without
workers, so that runs stay.
"""

import asyncio
import uuid
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.storage.objects import S3Address
from clients.temporal.run_kinds import RECONCILE
from clients.temporal.runs import RunExistsError, start_run
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from schemas.errors import SettingsError
from schemas.reconcile import Depth, ReconcileInput
from tests.support.builders.waiting import until
from tests.support.command_line import answer, command, settings_file_of
from tests.support.scripted.scripted_reconcile import ScriptedReconciliation, reconcile_workers

pytestmark = pytest.mark.service

LEAVE = ("--detach",)


@pytest.fixture
def org() -> str:
    """An org of the test's own: runs are found by their ids, also when they have ended."""
    return f"r{uuid.uuid4().hex[:12]}"


@pytest.fixture
def settings(
    org: str,
    tmp_path: Path,
    temporal_address: str,
    database: str,
    warehouse: PostgresWarehouse,
    s3_address: S3Address,
) -> Path:
    warehouse.ensure_tables(default_catalogue())
    return settings_file_of(tmp_path, org=org, database=database, temporal=temporal_address, s3=s3_address)


async def test_a_deeper_reconciliation_does_not_join_a_shallow_one(settings: Path) -> None:
    shallow = await answer(settings, "reconcile", "Case", *LEAVE)
    deep = await answer(settings, "reconcile", "Case", "--depth", "fields", "--no-repair", *LEAVE)
    again = await answer(settings, "reconcile", "Case", *LEAVE)
    assert (shallow["name"], deep["name"]) == ("all.buckets", "all.fields.no-repair")
    assert (shallow["is_new"], deep["is_new"], again["is_new"]) == (True, True, False)
    assert again["workflow"] == shallow["workflow"]


async def test_a_reconciliation_that_differs_in_what_no_name_says_is_refused(settings: Path) -> None:
    await answer(settings, "reconcile", "Case", *LEAVE)
    with pytest.raises(RunExistsError, match=r"all\.buckets exists and was asked to do something else"):
        await command(settings, "reconcile", "Case", "--settle", "1", *LEAVE)


async def test_another_refresh_is_another_run_and_the_same_one_is_joined(settings: Path) -> None:
    one = await answer(settings, "refresh", "Case", "--fields", "Subject", *LEAVE)
    other = await answer(settings, "refresh", "Case", "--fields", "Subject,Status", *LEAVE)
    again = await answer(settings, "refresh", "Case", "--fields", "Status,Subject", *LEAVE)
    assert [each["name"] for each in (one, other, again)] == ["Subject", "Status+Subject", "Status+Subject"]
    assert [each["is_new"] for each in (one, other, again)] == [True, True, False]


async def test_a_schema_check_that_redrives_is_not_joined_by_one_that_must_not(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await answer(settings, "drift", "--check", *LEAVE)
    again = await answer(settings, "drift", "--check", *LEAVE)
    assert (first["is_new"], again["is_new"]) == (True, False)
    monkeypatch.setenv("TIDEGATE_DRIFT__REDRIVE", "false")
    with pytest.raises(RunExistsError):
        await command(settings, "drift", "--check", *LEAVE)


async def test_an_ended_run_of_a_kind_that_repeats_makes_way_for_another_question(
    client: Client, org: str
) -> None:
    shallow = ReconcileInput(org=org, object="Case", window="w", settle="PT0S")
    async with reconcile_workers(client, ScriptedReconciliation(rows=0)):
        first = await start_run(client, RECONCILE, shallow)
        await client.get_workflow_handle(first.workflow_id).result()
    second = await start_run(client, RECONCILE, shallow.model_copy(update={"depth": Depth.IDS}))
    assert (second.workflow_id, second.is_new) == (first.workflow_id, True)
    with pytest.raises(RunExistsError):
        await start_run(client, RECONCILE, shallow)


async def test_ten_equal_requests_at_once_are_one_run(client: Client, org: str) -> None:
    request = ReconcileInput(org=org, object="Case", window="ten")
    started = await asyncio.gather(*(start_run(client, RECONCILE, request) for _ in range(10)))
    assert sum(each.is_new for each in started) == 1
    assert len({each.run_id for each in started}) == 1


async def test_a_failed_run_is_shown_with_why_and_ends_with_one(
    settings: Path, client: Client, org: str
) -> None:
    waiting = asyncio.create_task(command(settings, "reconcile", "Case", "--settle", "0"))
    run = client.get_workflow_handle(f"reconcile/{org}/Case/all.buckets")

    async def is_there() -> bool:
        return bool([each async for each in client.list_workflows(f'WorkflowId = "{run.id}"')])

    await until(is_there)
    await run.terminate("ended by the test")
    ended = await waiting
    assert ended.exit_code == 1
    assert "The reconciliation failed: " in ended.stderr


async def test_runs_are_listed_by_object_and_state_and_steered(settings: Path, client: Client) -> None:
    await answer(settings, "backfill", "Case", "--since", "2026-11-01", *LEAVE)
    await answer(settings, "backfill", "Account", *LEAVE)

    async def both_are_listed() -> bool:
        return len(await answer(settings, "backfill", "list")) == 2

    await until(both_are_listed)
    [row] = await answer(settings, "backfill", "list", "--object", "Case", "--state", "running")
    assert (row["object"], row["name"], row["window"], row["stage"]) == (
        "Case",
        "2026-11-01..now",
        "2026-11-01..now",
        "planning",
    )
    assert await answer(settings, "backfill", "list", "--state", "failed") == []
    sent = await command(settings, "backfill", "pause", "Case", "--name", row["name"], "--by", "ada")
    assert f"Sent `pause` to {row['workflow']}." in sent.stderr.replace("\n", "")
    events = [each async for each in client.get_workflow_handle(row["workflow"]).fetch_history_events()]
    assert [each.workflow_execution_signaled_event_attributes.signal_name for each in events][-1] == "pause"


async def test_a_run_that_is_not_there_is_refused_with_those_that_are(settings: Path) -> None:
    await answer(settings, "backfill", "Case", "--since", "2026-11-01", *LEAVE)

    async def names_it() -> bool:
        with pytest.raises(SettingsError, match="There is no backfill all of Case") as refused:
            await command(settings, "backfill", "show", "Case")
        return "2026-11-01..now" in str(refused.value)

    await until(names_it)
