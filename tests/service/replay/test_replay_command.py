"""`tidegate replay` and `tidegate quarantine` on real parts: what they print, refuse and leave on
record.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.client import Client
from temporalio.worker import Worker
from typer.testing import CliRunner

from activities.audit import AuditActivities
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from cli.main import command_app
from cli.output import EXIT_REFUSED
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.errors import SettingsError
from tests.laws.test_law_8_redrive import CASES, FITS, send
from tests.support.builders.batches import Road
from tests.support.builders.catalogues import lenient, strict
from tests.support.builders.s3_settings import s3_settings
from tests.support.engines.replaying import ORG, Replays, checksum
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

app = command_app()

pytestmark = pytest.mark.service


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse, strict())
    warehouse.ensure_tables(opened.catalogue)
    return opened


@pytest.fixture
def settings(tmp_path: Path, temporal_address: str, database: str, s3_address: S3Address) -> Path:
    file = tmp_path / "settings.json"
    values = {
        "salesforce": {"org_id": ORG, "login_url": "http://127.0.0.1:1", "client_id": "tests"},
        "s3": s3_settings(s3_address),
        "warehouse": {"dsn": database},
        "operational": {"dsn": database},
        "temporal": {"address": temporal_address},
    }
    file.write_text(json.dumps(values))
    return file


@asynccontextmanager
async def serving(client: Client, replays: Replays, dsn: str) -> AsyncIterator[None]:
    log = AuditLog(dsn)
    log.ensure_tables()
    steps = replays.steps
    activities: list[Callable[..., Any]] = [steps.size_replay, steps.find_batches, steps.redrive_batches]
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[AuditActivities(log).record_act]),
        Worker(
            client,
            task_queue=names.REPLAY_QUEUE,
            activities=activities,
            interceptors=[ErrorTranslationInterceptor()],
        ),
    ):
        yield
    log.close()


async def tidegate(settings: Path, *arguments: str, code: int = 0) -> str:
    """The command's output, or its refusal; it must end with `code`. In this process: a new one
    takes a second.
    """
    line = [*arguments, "--settings", str(settings)]
    ended = await asyncio.to_thread(CliRunner().invoke, app, line)
    if isinstance(ended.exception, SettingsError):
        assert code == EXIT_REFUSED, ended.exception
        return str(ended.exception)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended.stdout


async def asked(settings: Path, *arguments: str, code: int = 0) -> Any:
    return json.loads(await tidegate(settings, *arguments, "--json", code=code))


async def test_a_day_is_replayed_into_the_tables_and_into_a_shadow(
    client: Client, settings: Path, road: Road, database: str
) -> None:
    await send(road)
    before = checksum(database)
    lane = ("--lane", road.lane)
    assert (await asked(settings, "replay", *lane, "--dry-run"))["changes"] == 9
    refused = await tidegate(settings, "replay", "--lane", "no-such", "--dry-run", code=EXIT_REFUSED)
    assert road.lane in refused
    async with serving(client, Replays(road, database, road.catalogue), database):
        found = await asked(settings, "replay", *lane, "--since", "1d", "--by", "ada")
        assert found["stage"] == "done"
        assert (found["counts"]["duplicate"], found["counts"]["quarantined"]) == (4, 5)
        assert checksum(database) == before
        page = await tidegate(settings, "replay", *lane, "--shadow", "again", "--name", "mine")
        assert "shadow again is equal" in page
        assert "The shadow again exists" in (
            await tidegate(settings, "replay", *lane, "--shadow", "again", code=EXIT_REFUSED)
        )
    with psycopg.connect(database) as connection:
        connection.execute(
            b"UPDATE curated.case_current SET subject = 'wrong' WHERE record_id = %s", (CASES[0],)
        )
    different = [
        each for each in await asked(settings, "replay", "compare", "again", code=1) if not each["equal"]
    ]
    assert [(each["table"], each["columns"], each["examples"]) for each in different] == [
        ("curated.case_current", {"subject": 1}, [CASES[0]])
    ]
    await tidegate(settings, "replay", "drop", "again", "--by", "eve")
    acts = await asked(settings, "audit", "list")
    assert [(act["act"], act["by"]) for act in acts][::2] == [("replay.start", "ada"), ("shadow.drop", "eve")]
    assert "There is no shadow again" in await tidegate(
        settings, "replay", "compare", "again", code=EXIT_REFUSED
    )


async def test_what_fits_now_is_redriven_out_of_quarantine(
    client: Client, settings: Path, road: Road, warehouse: PostgresWarehouse, database: str
) -> None:
    await send(road)
    listed = await asked(settings, "quarantine", "list", "--because", "values")
    assert [(group["object"], group["changes"]) for group in listed["groups"]] == [("Case", 3)]
    row = listed["rows"][0]
    shown = await asked(settings, "quarantine", "show", row["batch"], str(row["ordinal"]))
    assert shown["event"]["payload"]["Hidden__c"].startswith("tg1.")
    assert shown["detail"] == row["detail"]
    replays = Replays(road, database, lenient(Surprise__c=FITS))
    warehouse.ensure_tables(replays.catalogue)
    async with serving(client, replays, database):
        found = await asked(settings, "quarantine", "redrive", "--because", "values")
        assert (found["counts"]["applied"], found["counts"]["released"]) == (3, 4)
    assert (await asked(settings, "quarantine", "list", "--because", "values"))["groups"] == []
    await tidegate(settings, "quarantine", "show", row["batch"], str(row["ordinal"]), code=1)
