"""The steps as Alembic takes and lists them."""

from importlib.resources import as_file, files

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from clients.database import migrations


def take_steps(connection: sa.Connection) -> None:
    """Take every step that the store has not taken, in the connection's transaction."""
    with as_file(files(migrations)) as folder:
        steps = ScriptDirectory(str(folder))
        # As Alembic's own command does, without the file by which it would find the connection.
        with EnvironmentContext(
            Config(),
            steps,
            fn=lambda revision, _: steps._upgrade_revs("head", revision),
        ) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()


def taken(connection: sa.Connection) -> list[str]:
    """The steps that the store has taken, oldest first."""
    with as_file(files(migrations)) as folder:
        steps = ScriptDirectory(str(folder))
        present = MigrationContext.configure(connection).get_current_revision()
        if present is None:
            return []
        return [step.revision for step in steps.iterate_revisions(present, "base")][::-1]


def revisions(connection: sa.Connection) -> tuple[str | None, str, frozenset[str]]:
    """The last step that the store has taken (None: none), the newest that there is, and all that
    are known. Takes none.
    """
    with as_file(files(migrations)) as folder:
        steps = ScriptDirectory(str(folder))
        newest = steps.get_current_head() or ""
        known = frozenset(step.revision for step in steps.walk_revisions())
    present = MigrationContext.configure(connection).get_current_revision()
    return present, newest, known
