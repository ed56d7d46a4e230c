"""`tidegate migrate`: one user makes the tables, another one without that right runs the engine."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address
from clients.temporal.search_attributes import missing_search_attributes
from clients.writeback.store import WritebackStore
from schemas.errors import MigrationMissingError, SettingsError
from schemas.names import SEARCH_ATTRIBUTES
from tests.databases import new_database
from tests.deploy.conftest import FIRST_PASSWORD, USER, Guarded
from tests.support.builders.waiting import until
from workers.addresses import operational_address
from workers.clients import open_clients
from workers.migrate import migrate
from workers.settings import Settings

pytestmark = pytest.mark.service


@pytest.fixture
def databases(guarded: Guarded) -> Iterator[tuple[str, str]]:
    """Names of an empty warehouse and an empty operational store, where only their owner may make
    tables.
    """
    with new_database(guarded.port) as warehouse, new_database(guarded.port) as operational:
        yield warehouse.rpartition("/")[2], operational.rpartition("/")[2]


def settings_for(
    databases: tuple[str, str], guarded: Guarded, s3: S3Address, client: Client, user: str, namespace: str
) -> Settings:
    password = {} if user == "postgres" else {"password": FIRST_PASSWORD}
    warehouse, operational = (
        {"host": "127.0.0.1", "port": guarded.port, "database": name, "user": user, **password}
        for name in databases
    )
    return Settings.model_validate(
        {
            "salesforce": {"org_id": f"o{uuid.uuid4().hex[:17]}", "login_url": "http://x", "client_id": "c"},
            "s3": {
                "bucket": s3.bucket,
                "kms_key_id": s3.kms_key_id,
                "region": s3.region,
                "endpoint_url": s3.endpoint_url,
                "access_key": s3.access_key,
                "secret_key": s3.secret_key,
            },
            "warehouse": warehouse,
            "operational": operational,
            "temporal": {"address": client.service_client.config.target_host, "namespace": namespace},
        }
    )


@pytest.fixture
async def namespace(client: Client) -> str:
    """A namespace without any of our search attributes."""
    name = f"n{uuid.uuid4().hex[:8]}"
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromSeconds(86_400)
    await client.workflow_service.register_namespace(request)
    return name


@pytest.fixture
def made(databases: Any, guarded: Guarded, s3_address: S3Address, client: Client, namespace: str) -> Any:
    """Makes the settings of a user."""
    return lambda user: settings_for(databases, guarded, s3_address, client, user, namespace)


async def test_an_engine_without_the_right_to_make_tables_runs_on_migrated_stores(
    made: Any, client: Client
) -> None:
    owner, engine = made("postgres"), made(USER)
    first = await migrate(owner, grant_to=USER, by="ada")
    assert {"ops.ledger", "curated.case_current", "audit.case_change"} <= set(first.warehouse)
    assert first.operational[-1] >= "0004"
    assert sorted(first.temporal) == sorted(SEARCH_ATTRIBUTES)

    parts = open_clients(engine)
    with closing(parts.warehouse), closing(parts.audit), parts.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM ops.ledger")
        transaction.execute("DELETE FROM curated.case_current")
    address = operational_address(engine.operational)
    with closing(WritebackStore(address)) as store, store.begin():
        pass
    again = await migrate(owner, grant_to=USER, by="ada")
    assert (again.warehouse, again.operational, again.temporal) == ([], [], [])
    with closing(AuditLog(address)) as log:
        assert next((act.act, act.by) for _, act in log.rows()) == ("migrate", "ada")


async def test_the_engines_user_can_add_to_the_audit_log_and_not_change_it(
    made: Any, databases: tuple[str, str], guarded: Guarded
) -> None:
    await migrate(made("postgres"), grant_to=USER, by="ada")
    url = guarded.user(databases[1], FIRST_PASSWORD)
    for statement in ("UPDATE audit_log SET by = 'eve'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


async def test_a_missing_table_is_named_with_the_command_that_makes_it(
    made: Any, databases: tuple[str, str], guarded: Guarded
) -> None:
    await migrate(made("postgres"), grant_to=USER, by="ada")
    for statement, told in {
        "ALTER TABLE curated.case_current DROP COLUMN subject": "lacks the column curated.case_current.subject",
        "DROP TABLE audit.case_change": "lacks the table audit.case_change",
    }.items():
        with psycopg.connect(guarded.owner(databases[0])) as connection:
            connection.execute(statement.encode())
        with pytest.raises(MigrationMissingError, match=told) as caught:
            open_clients(made(USER))
        assert "Run `tidegate migrate`" in str(caught.value)
        await migrate(made("postgres"), grant_to=USER, by="ada")


def test_an_engine_on_empty_stores_says_that_they_are_to_be_migrated(made: Any) -> None:
    with pytest.raises(MigrationMissingError, match="lacks the schema"):
        open_clients(made(USER))


async def test_an_operational_store_of_an_older_release_is_named(
    made: Any, databases: tuple[str, str], guarded: Guarded
) -> None:
    with psycopg.connect(guarded.owner(databases[1])) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    settings = made(USER)
    with (
        closing(WritebackStore(operational_address(settings.operational))) as store,
        pytest.raises(MigrationMissingError, match="operational store lacks tables of this release"),
        store.begin(),
    ):
        pass


async def test_a_role_that_is_not_there_is_named(made: Any) -> None:
    with pytest.raises(SettingsError, match="has no role nobody"):
        await migrate(made("postgres"), grant_to="nobody", by="ada")


async def test_search_attributes_can_be_used_after_they_were_registered(
    made: Any, client: Client, namespace: str, tmp_path: Path
) -> None:
    await migrate(made("postgres"), grant_to=None, by="ada")
    there = await Client.connect(client.service_client.config.target_host, namespace=namespace)

    async def all_there() -> bool:
        return await missing_search_attributes(there) == []

    await until(all_there)
