"""`tidegate budget` as a person or a program runs it, against a governor on a real Temporal."""

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from clients.governor.leases import Leases
from clients.temporal.governor import TemporalGovernor
from schemas import names
from schemas.governor import Budget, Forecast, LeaseClass
from schemas.ids import governor_workflow_id
from tests.service.governor.test_governor import ORG, books
from tests.support.builders.waiting import SLOWNESS, until
from tests.support.command_line import command
from tests.support.scripted.scripted_governor import governor_worker
from transforms.governor.ledger import BudgetLedger
from workflows import GovernorWorkflow

pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture
def settings(tmp_path: Path, temporal_address: str) -> Path:
    file = tmp_path / "settings.json"
    nowhere = {"dsn": "postgresql://nobody@127.0.0.1:1/none"}
    values = {
        "salesforce": {"org_id": ORG, "login_url": "http://127.0.0.1:1", "client_id": "tests"},
        "s3": {"bucket": "b", "region": "us-east-1", "kms_key_id": "alias/k"},
        "warehouse": nowhere,
        "operational": nowhere,
        "temporal": {"address": temporal_address},
    }
    file.write_text(json.dumps(values))
    return file


async def budget(settings: Path, *arguments: str) -> str:
    """The command's output; it must end well."""
    ended = await command(settings, "budget", *arguments)
    assert (ended.exit_code, ended.stderr) == (0, "")
    return ended.stdout


async def spend(client: Client, tokens: int) -> None:
    leases = Leases(TemporalGovernor(client, ORG))
    for _ in range(tokens):
        await leases.take(Budget.API_CALLS, LeaseClass.POLLING)
    await leases.close()


async def test_a_program_reads_what_is_left_and_who_spends_it(client: Client, settings: Path) -> None:
    async with governor_worker(client, maximum=1_000, used=300):
        await spend(client, 20)
        found: dict[str, Any] = json.loads(await budget(settings, "--json"))
    assert set(found) == {"at", "org", "governor", "headlines", "budgets"}
    assert (found["org"], found["governor"]) == (ORG, "running")
    assert datetime.fromisoformat(found["at"]).utcoffset() == timedelta(0)
    by_name = {each["budget"]: each for each in found["budgets"]}
    assert list(by_name) == [str(each) for each in Budget]
    assert all(set(each) == set(Forecast.model_fields) for each in found["budgets"])
    calls = by_name["api_calls"]
    assert (calls["maximum"], calls["margin"], calls["used"] + calls["left"]) == (1_000, 50, 950)
    spent = {each["name"]: each["last_day"] for each in calls["spenders"]}
    assert spent["polling"] == 20
    assert sum(spent.values()) == calls["used"]
    assert len(calls["expected"]) == 24
    assert by_name["delivered_events"]["maximum"] is None


async def test_a_person_reads_first_what_is_wrong(client: Client, settings: Path) -> None:
    async with governor_worker(client, maximum=1_000, used=990):
        await client.start_workflow(
            GovernorWorkflow.run,
            BudgetLedger(org=ORG),
            id=governor_workflow_id(ORG),
            task_queue=names.GOVERNOR_QUEUE,
        )

        async def is_read() -> bool:
            return (await books(client)).books[Budget.API_CALLS].maximum is not None

        await until(is_read)
        page = await budget(settings)
    assert page.splitlines()[0].startswith("api_calls are spent up to the margin")


async def test_without_a_governor_it_says_how_one_is_started(client: Client, settings: Path) -> None:
    found = json.loads(await budget(settings, "--json"))
    assert (found["governor"], found["budgets"]) == ("not started", [])
    assert "tidegate worker" in found["headlines"][0]


async def test_a_governor_without_a_worker_is_silent_and_not_an_error(client: Client, settings: Path) -> None:
    await client.start_workflow(
        GovernorWorkflow.run,
        BudgetLedger(org=ORG),
        id=governor_workflow_id(ORG),
        task_queue=names.GOVERNOR_QUEUE,
    )
    page = await budget(settings)
    assert page.startswith("The governor does not answer, so calls to Salesforce stop.")


async def test_a_recheck_shows_what_the_running_governor_has_read(client: Client, settings: Path) -> None:
    async with governor_worker(client, maximum=1_000, used=300):
        await spend(client, 1)
        found = json.loads(await budget(settings, "recheck", "api_calls", "--by", "ada", "--json"))
        page = await budget(settings, "recheck", "--by", "ada")
    [calls] = found["budgets"]
    assert (calls["budget"], calls["maximum"], calls["was_refused"]) == ("api_calls", 1_000, False)
    assert calls["used"] >= 300
    assert found["trouble"] == ""
    assert "api_calls" in page


async def test_a_watch_looks_again_and_again(client: Client, settings: Path) -> None:
    line = [sys.executable, "-m", "cli.main", "budget", "--settings", str(settings)]
    watching = await asyncio.create_subprocess_exec(
        *line, "--json", "--watch", "--every", "0.5", stdout=asyncio.subprocess.PIPE
    )
    assert watching.stdout is not None
    try:
        looks = 0
        async with asyncio.timeout(30 * SLOWNESS):
            while looks < 2:
                looks += b'"governor": "not started"' in await watching.stdout.readline()
    finally:
        watching.kill()
        await watching.communicate()
