"""`tidegate retention` and `tidegate trace` on real parts: what is due, done, on record and
verified when our clock is 15 months behind.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker
from typer.testing import CliRunner

from activities import retention
from activities.audit import AuditActivities
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from cli.main import command_app
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from tests.support.builders.batches import Road
from tests.support.builders.s3_settings import s3_settings
from tests.support.engines.keeping import CONTACTS, LOG, contact, curated, new_road, rows, send
from transforms.retention.periods import Month
from workers.roles import sandboxed_runner
from workers.security.retention import opened_retention
from workers.settings import load_settings
from workflows import WORKFLOWS

app = command_app()
pytestmark = pytest.mark.service
OLD = Month.of(datetime.now(UTC)).plus(-15)
"""Its rows leave a warehouse that keeps 13 months, and its raw files have had theirs."""
YOUNG = OLD.plus(12)


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    return new_road(store, warehouse)


@pytest.fixture
def settings(road: Road, tmp_path: Path, temporal_address: str, database: str, s3_address: S3Address) -> Path:
    file = tmp_path / "settings.json"
    values = {
        "salesforce": {"org_id": road.org, "login_url": "http://127.0.0.1:1", "client_id": "tests"},
        "s3": s3_settings(s3_address),
        "warehouse": {"dsn": database},
        "operational": {"dsn": database},
        "temporal": {"address": temporal_address},
        "retention": {"warehouse_months": 13},
    }
    file.write_text(json.dumps(values))
    return file


@asynccontextmanager
async def serving(client: Client, settings: Path, dsn: str) -> AsyncIterator[None]:
    """The workers of the roles `batches` and `backfill`, with the real steps."""
    log = AuditLog(dsn)
    log.ensure_tables()
    with opened_retention(load_settings(settings)) as parts:
        async with (
            Worker(
                client,
                task_queue=names.WORKFLOW_QUEUE,
                workflows=WORKFLOWS,
                workflow_runner=sandboxed_runner(),
            ),
            Worker(client, task_queue=names.BATCH_QUEUE, activities=[AuditActivities(log).record_act]),
            Worker(
                client,
                task_queue=names.BACKFILL_QUEUE,
                activities=retention.activities(parts),
                interceptors=[ErrorTranslationInterceptor()],
            ),
        ):
            yield
    log.close()


async def tidegate(settings: Path, *words: str, code: int = 0) -> Any:
    """The answer of the command as JSON; it must end with `code`."""
    line = [*words, "--json", "--settings", str(settings)]
    ended = await asyncio.to_thread(CliRunner().invoke, app, line)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return json.loads(ended.stdout)


async def two_contacts(road: Road) -> None:
    await send(road, OLD, [contact(OLD, 1, CONTACTS[0], kind="CREATE", LastName="A")])
    await send(road, YOUNG, [contact(YOUNG, 2, CONTACTS[0], LastName="B")])


def works(tasks: list[dict[str, Any]], target: str) -> list[tuple[str, str]]:
    return [(task["work"], task["month"]) for task in tasks if task["target"] == target]


async def test_a_run_does_what_the_plan_says_and_leaves_it_on_record(
    client: Client, settings: Path, road: Road, database: str
) -> None:
    await two_contacts(road)
    before = curated(database)
    plan = (await tidegate(settings, "retention", "plan"))["tasks"]
    assert ("drop", str(OLD)) in works(plan, LOG)
    assert {month for work, month in works(plan, LOG) if work == "archive"} >= {str(OLD), str(YOUNG)}
    assert [task["rows"] for task in plan if task["target"] == "raw"] == [1]
    # What is due long since was not done.
    assert (await tidegate(settings, "retention", "verify", code=1))["overdue"] != []

    async with serving(client, settings, database):
        words = ("--by", "ada", "--reason", "before the audit")
        state = await tidegate(settings, "retention", "run", *words)
    assert (state["stage"], state["planned"], state["failed"]) == ("done", len(plan), [])
    assert rows(database, f"SELECT change_type FROM {LOG}") == [("update",)]
    assert curated(database) == before

    acts = rows(database, "SELECT act, target, by, detail FROM audit_log ORDER BY number")
    told = {(act, target) for act, target, _, _ in acts}
    assert told >= {
        ("retention.archive", f"{LOG}/{OLD}"),
        ("retention.verify", f"{LOG}/{OLD}"),
        ("retention.drop", f"{LOG}/{OLD}"),
        ("retention.remove", "raw"),
    }
    assert all("rule: " in detail and "before the audit" in detail for *_, detail in acts)
    listed = await tidegate(settings, "audit", "list", "--act", "retention")
    assert len(listed) == len(acts)

    verdict = await tidegate(settings, "retention", "verify")
    assert (verdict["findings"], verdict["overdue"]) == ([], [])
    assert verdict["files"] == verdict["locked"] > 0
    assert works((await tidegate(settings, "retention", "plan"))["tasks"], LOG) == []


async def test_a_plan_of_a_later_day_names_what_is_due_then_and_does_nothing(
    settings: Path, road: Road, database: str
) -> None:
    await two_contacts(road)
    later = f"{OLD.plus(90).begin:%Y-%m-%d}"
    plan = (await tidegate(settings, "retention", "plan", "--at", later))["tasks"]
    assert [work for work, month in works(plan, LOG) if month == str(OLD)] == [
        "archive",
        "verify",
        "drop",
        "expire",
    ]
    assert rows(database, "SELECT 1 FROM ops.archive") == []
    assert len(rows(database, f"SELECT 1 FROM {LOG}")) == 2


async def test_a_trace_shows_changes_in_the_archive_before_those_in_the_warehouse(
    client: Client, settings: Path, road: Road, database: str
) -> None:
    await two_contacts(road)
    async with serving(client, settings, database):
        await tidegate(settings, "retention", "run", "--by", "ada", "--reason", "daily")
    found = await tidegate(settings, "trace", CONTACTS[0])
    steps = [(step["change_type"], (step["archived_in"] or "").split("/")[-2:-1]) for step in found["steps"]]
    assert steps == [("create", [f"month={OLD}"]), ("update", [])]
    assert found["archive"] == ""
