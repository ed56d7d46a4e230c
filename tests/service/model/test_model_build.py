"""`tidegate model` and its schedule's workflow, with dbt, over a warehouse that has some
changes.
"""

import re
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from activities.model import BuildModel
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.model import ModelBuildInput, ModelCommand, ModelRun
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps
from tests.support.engines.modelling import builder
from tests.support.scripted.scripted_model import FAILED, ScriptedModel, model_workers
from workflows import ModelWorkflow

pytestmark = [pytest.mark.service]
ACCOUNT = "001000000000001AAA"


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


def account(replay_id: int, change_type: str, **fields: Any) -> dict[str, Any]:
    whole = {**stamps(), **fields} if change_type == "CREATE" else fields
    return event(replay_id, whole, object_name="Account", change_type=change_type, record_ids=[ACCOUNT])


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.mark.model
async def test_a_build_makes_versions_facts_and_comments(
    database: str, warehouse: PostgresWarehouse, store: ObjectStore, tmp_path: Path
) -> None:
    road = Road(store, warehouse)
    await road.send(
        [
            account(1, "CREATE", Name="Ada", Region__c="North"),
            account(3, "UPDATE", Region__c="South"),
            event(2, {"CaseNumber": "1", "Status": "New", "AccountId": ACCOUNT, **stamps()}, record_ids=["500000000000001AAA"]),
            event(4, {"Status": "Closed"}, change_type="UPDATE", record_ids=["500000000000001AAA"]),
        ]
    )  # fmt: skip
    model = builder(database, default_catalogue())
    done = model.run(ModelCommand.BUILD, folder=tmp_path / "model")
    assert done.is_well, done.problems
    events = "select d.region, e.status from model.fact_case_event e join model.dim_account d using (account_key) order by e.changed_at"
    assert rows(database, events) == [("North", "New"), ("South", "Closed")]
    await road.send([account(5, "UPDATE", Name="Eve")])
    assert model.run(ModelCommand.BUILD, folder=tmp_path / "model").is_well
    ((versions, pseudonyms),) = rows(
        database,
        "select count(*), count(distinct name) from model_masked.dim_account where record_id like '001%'",
    )
    assert (versions, pseudonyms) == (3, 2)
    uncommented = rows(
        database,
        "select c.oid::regclass::text, attname from pg_attribute a join pg_class c on c.oid = attrelid "
        "where c.relnamespace::regnamespace::text like 'model%' and attnum > 0 and relkind in ('r', 'v') "
        "and relname <> 'model_builds' and col_description(c.oid, attnum) is null",
    )
    assert uncommented == []
    model.document(tmp_path / "model.html")
    assert re.search("dim_account", (tmp_path / "model.html").read_text())


@pytest.mark.model
async def test_a_build_without_news_builds_nothing(
    database: str, warehouse: PostgresWarehouse, store: ObjectStore
) -> None:
    model = builder(database, default_catalogue())
    activity = BuildModel(warehouse, model)
    assert activity._has_news(), "there was no build"
    assert model.run(ModelCommand.BUILD, select="dim_date").is_well
    assert activity._has_news(), "a build of some models is no mark"
    assert model.run(ModelCommand.BUILD).is_well
    assert not activity._has_news()
    await Road(store, warehouse).send([account(1, "CREATE", Name="Ada")])
    assert activity._has_news()


async def test_a_failed_test_of_the_model_fails_its_workflow(client: Client) -> None:
    script = ScriptedModel(answer=ModelRun(models=1, problems=(FAILED,)))
    async with model_workers(client, script):
        handle = await client.start_workflow(
            ModelWorkflow.run,
            ModelBuildInput(org="o"),
            id=f"model/{uuid.uuid4().hex}",
            task_queue=names.WORKFLOW_QUEUE,
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert "unique_dim_account fail" in str(failed.value.cause)
