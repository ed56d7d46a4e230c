"""Migrations of the operational store: Alembic's steps, in order. `ensure_schema` takes those that
are missing.
"""

from importlib.resources import as_file, files

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from clients.database.engine import translated_database
from schemas.errors import SettingsError

_MAY_CREATE_TABLES = sa.text("SELECT has_schema_privilege('public', 'CREATE')")
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('tidegate migrations'))")


def ensure_schema(engine: sa.Engine) -> None:
    """Take every step that the store has not taken. Of several processes that start at once one
    does it. Blocks.

    A role that may not make tables, as the engine's own, finds them made: raises `SettingsError`
    where steps are missing.
    """
    with translated_database(), engine.begin() as connection:
        present, newest, _ = revisions(connection)
        if present == newest:
            return
        if not connection.execute(_MAY_CREATE_TABLES).scalar():
            raise SettingsError(
                f"The operational store is at step {present or 'none'}, this release needs {newest}, and the "
                f"role {engine.url.username} may not make tables. Set TIDEGATE_OPERATIONAL__OWNER_DSN to the "
                "role that owns them, for one start."
            )
    with as_file(files(__name__)) as folder, translated_database(), engine.begin() as connection:
        connection.execute(_LOCK)
        steps = ScriptDirectory(str(folder))
        # As Alembic's own command does, without the file by which it would find the connection.
        with EnvironmentContext(
            Config(),
            steps,
            fn=lambda revision, _: steps._upgrade_revs("head", revision),
        ) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()


def revisions(connection: sa.Connection) -> tuple[str | None, str, frozenset[str]]:
    """The last step that the store has taken (None: none), the newest that there is, and all that
    are known. Takes none.
    """
    with as_file(files(__name__)) as folder:
        steps = ScriptDirectory(str(folder))
        newest = steps.get_current_head() or ""
        known = frozenset(step.revision for step in steps.walk_revisions())
    present = MigrationContext.configure(connection).get_current_revision()
    return present, newest, known
