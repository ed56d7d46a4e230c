"""Migrations of the operational store: Alembic's steps, in order. `ensure_schema` takes those that
are missing.
"""

import re
from functools import cache
from importlib.resources import files

import sqlalchemy as sa

from clients.database.engine import making, translated_database

_STEP = re.compile(r"step_(\d{4})_\w+\.py")
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate migrations'))")
_TABLE = sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")
_PRESENT = sa.text("SELECT version_num FROM alembic_version")


def ensure_schema(engine: sa.Engine) -> None:
    """Take every step that the store has not taken. Of several processes that start at once one
    does it. Blocks.

    Where none is missing, no right to make anything is needed. Raises `MigrationMissingError` when
    one is and the user may not take it.
    """
    with translated_database(), making("tables of this release"), engine.begin() as connection:
        if _is_up_to_date(connection):
            return
        # Mostly nothing is to be done, and a process does not pay for Alembic's import.
        from clients.database.migrations.alembic_steps import take_steps

        connection.execute(_LOCK)
        take_steps(connection)


@cache
def newest_step() -> str:
    """The revision of the last step, by its file's name: what Alembic calls the head."""
    names = (_STEP.fullmatch(each.name) for each in files(__name__).joinpath("versions").iterdir())
    return max(name.group(1) for name in names if name)


def _is_up_to_date(connection: sa.Connection) -> bool:
    if not connection.execute(_TABLE).scalar_one():
        return False
    return list(connection.execute(_PRESENT).scalars()) == [newest_step()]
