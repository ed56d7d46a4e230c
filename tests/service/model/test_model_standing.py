"""Builds of the model as `tidegate status` and the audit log have them."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.database.audit_log import AuditLog
from clients.temporal.schedule_standing import model_standing
from schemas.catalogue import default_catalogue
from schemas.errors import SettingsError
from schemas.ids import schedule_id
from schemas.model import ModelRun
from schemas.settings.model import ModelSettings
from tests.support.builders.unreachable_settings import unreachable_settings
from tests.support.builders.waiting import until
from tests.support.engines.modelling import builder
from tests.support.scripted.scripted_model import FAILED, ScriptedModel, model_workers
from workers.model.acts import ModelActs
from workers.model.schedule import ensure_model_builds

pytestmark = pytest.mark.service


async def test_the_last_build_that_failed_is_told_until_one_succeeds(client: Client) -> None:
    org = f"o{uuid.uuid4().hex[:10]}"
    before = await model_standing(client, org)
    assert (before.scheduled_at, before.succeeded_at, before.failed_at) == (None, None, None)
    settings = unreachable_settings(org, model=ModelSettings(on=True, interval=timedelta(hours=1)))
    await ensure_model_builds(client, settings)
    handle = client.get_schedule_handle(schedule_id(org, "model"))
    script = ScriptedModel(answer=ModelRun(models=1, problems=(FAILED,)))
    async with model_workers(client, script):
        await handle.trigger()

        async def has_failed() -> bool:
            return (await model_standing(client, org)).failed_at is not None

        await until(has_failed)
        script.answer = ModelRun(models=1)
        await handle.trigger()

        async def is_well() -> bool:
            found = await model_standing(client, org)
            return found.succeeded_at is not None and found.failed_at is None

        await until(is_well)
    assert (await model_standing(client, org)).scheduled_at is not None
    await handle.delete()


@pytest.fixture
def audit(database: str) -> Iterator[AuditLog]:
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
        yield log


def test_a_build_by_a_person_is_on_record_before_it_begins(
    database: str, audit: AuditLog, tmp_path: Path
) -> None:
    made = builder(database, default_catalogue(), ModelSettings(dbt=tmp_path / "none"))
    with pytest.raises(SettingsError, match="TIDEGATE_MODEL__DBT"):
        ModelActs(made, audit, "org").build(by="ada", reason="a new mart", full=True)
    [act] = [each for _, each in audit.rows() if each.act == "model.build"]
    assert (act.by, act.target, act.detail) == ("ada", "model/org", "from nothing: a new mart")
