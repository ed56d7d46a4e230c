"""The operational store's migrations."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from clients.database import migrations
from clients.database.engine import open_engine
from clients.database.migrations import ensure_schema, newest_step
from clients.writeback.tables import METADATA


def _differences(engine: sa.Engine) -> list[object]:
    with engine.connect() as connection:
        ours = {*METADATA.tables}
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name in ours},
        )
        return list(compare_metadata(context, METADATA))


def test_the_migrations_make_the_tables_that_the_code_describes(database: str) -> None:
    engine = open_engine(database)
    assert _differences(engine) != []
    ensure_schema(engine)
    assert _differences(engine) == []
    engine.dispose()


def test_a_store_that_is_up_to_date_is_left_as_it_is(database: str) -> None:
    engine = open_engine(database)
    ensure_schema(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO writeback_pause VALUES ('Case', 'a', 'b', now(), NULL)"))
    ensure_schema(engine)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM writeback_pause")).scalar() == 1
    engine.dispose()


def test_the_newest_step_by_its_files_name_is_alembics_head() -> None:
    [folder] = migrations.__path__
    assert newest_step() == ScriptDirectory(folder).get_current_head()


def test_a_store_at_a_step_that_this_release_does_not_know_is_not_taken_for_up_to_date(database: str) -> None:
    engine = open_engine(database)
    ensure_schema(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CommandError, match="9999"):
        ensure_schema(engine)
    engine.dispose()


async def test_processes_that_start_at_once_take_each_step_once(database: str) -> None:
    engine = open_engine(database)
    await asyncio.gather(*(asyncio.to_thread(ensure_schema, engine) for _ in range(4)))
    assert _differences(engine) == []
    engine.dispose()
