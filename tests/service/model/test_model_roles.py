"""The tables of a model that each database role may read, asked as that role."""

import uuid
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from schemas.model import ModelCommand
from schemas.settings.model import ModelSettings
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps
from tests.support.engines.modelling import builder

pytestmark = [pytest.mark.service, pytest.mark.model]
SCHEMAS = ("model", "model_masked", "model_staging")
FOR_READERS = ("model.fact_case", "model.metric_open_cases", "model_masked.dim_account")
FOR_STEWARDS = ("model.dim_account",)
FOR_NOBODY = ("model_staging.stg_account", "curated.account_current", "audit.account_change")


class Roles(NamedTuple):
    """Names of two roles of the server."""

    reader: str
    steward: str


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
def roles(database: str) -> Iterator[Roles]:
    made = Roles(*(f"{word}_{uuid.uuid4().hex[:8]}" for word in Roles._fields))
    with psycopg.connect(database, autocommit=True) as owner:
        for role in made:
            owner.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        yield made
        for role in made:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def readable(database: str, role: str) -> set[str]:
    """The tables that the role has read."""
    found = set()
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        for table in (*FOR_READERS, *FOR_STEWARDS, *FOR_NOBODY):
            try:
                session.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(*table.split("."))))
            except psycopg.errors.InsufficientPrivilege:
                continue
            found.add(table)
    return found


async def test_readers_have_masked_views_and_only_stewards_have_tokens(
    database: str,
    warehouse: PostgresWarehouse,
    store: ObjectStore,
    roles: Roles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As in the image, whose user has no home.
    monkeypatch.setenv("HOME", "/nonexistent")
    account = event(1, {"Name": "Ada", **stamps()}, object_name="Account", record_ids=["001000000000001AAA"])
    await Road(store, warehouse).send([account])
    settings = ModelSettings(readers=(roles.reader,), stewards=(roles.steward,))
    for full in (False, True):
        done = builder(database, default_catalogue(), settings).run(ModelCommand.BUILD, full=full)
        assert done.is_well, done.problems
        with psycopg.connect(database, autocommit=True) as owner:
            for schema in SCHEMAS:
                grant = sql.SQL("GRANT USAGE ON SCHEMA {} TO {}")
                names = sql.SQL(", ").join(map(sql.Identifier, roles))
                owner.execute(grant.format(sql.Identifier(schema), names))
        assert readable(database, roles.reader) == set(FOR_READERS)
        assert readable(database, roles.steward) == {*FOR_READERS, *FOR_STEWARDS}
    with psycopg.connect(database) as session:
        session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(roles.reader)))
        masked = session.execute(
            "SELECT name FROM model_masked.dim_account WHERE record_id LIKE '001%'"
        ).fetchall()
    ((name,),) = masked
    assert name
    assert "Ada" not in name
    assert not name.startswith("tg1.")
