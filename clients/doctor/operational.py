"""Asks the operational store: whether it answers, and whether its tables are those of this
release.
"""

import uuid

import sqlalchemy as sa
from psycopg.errors import InsufficientPrivilege, InvalidPassword
from sqlalchemy.exc import DBAPIError

from clients.database.address import Database
from clients.database.engine import open_engine, translated_database
from clients.database.migrations.alembic_steps import revisions
from schemas.doctor import CheckResult, ok, warning, wrong
from schemas.errors import UnavailableError


def examine_store(dsn: Database) -> list[CheckResult]:
    """Every finding about the store. Blocks; every attempt is rolled back."""
    engine = open_engine(dsn)
    try:
        with translated_database(), engine.connect() as connection:
            connection.execute(sa.text("SET statement_timeout = 5000"))
            database, user = _names(connection)
            return [
                ok("operational.connection", f"the database {database} answers"),
                *_examine_rights(connection, database, user),
                _examine_schema(connection),
            ]
    except UnavailableError as error:
        return [_refused(error)]
    finally:
        engine.dispose()


def _names(connection: sa.Connection) -> tuple[str, str]:
    """Database and user, as the server calls them."""
    row = connection.execute(sa.text("SELECT current_database(), current_user")).one()
    return str(row[0]), str(row[1])


def _refused(error: UnavailableError) -> CheckResult:
    cause = error.__cause__.orig if isinstance(error.__cause__, DBAPIError) else None
    told = error.detail.splitlines()[0]
    if isinstance(cause, InvalidPassword) or "authentication failed" in told or "role " in told:
        return wrong(
            "operational.credentials", told, "Correct user and password in TIDEGATE_OPERATIONAL__DSN."
        )
    remedy = "Start it, open the network way to it, or correct TIDEGATE_OPERATIONAL__DSN."
    return wrong("operational.unreachable", told, remedy)


def _examine_rights(connection: sa.Connection, database: str, user: str) -> list[CheckResult]:
    try:
        connection.execute(sa.text(f"CREATE TABLE tidegate_doctor_{uuid.uuid4().hex[:8]} (id INTEGER)"))
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        told = str(error.orig.diag.message_primary or error.orig)
        connection.rollback()
        present, newest, _ = revisions(connection)
        if present == newest:
            return []  # another user takes the steps, by `tidegate migrate`, and has
        remedy = f"As the schema's owner, in {database}: GRANT USAGE, CREATE ON SCHEMA public TO {user}; Or let the owner make the tables: tidegate migrate --grant {user}"
        return [wrong("operational.no_create", told, remedy, where=database)]
    finally:
        connection.rollback()
    return []


def _examine_schema(connection: sa.Connection) -> CheckResult:
    code = "operational.not_migrated"
    present, newest, known = revisions(connection)
    if present == newest:
        return ok("operational.schema", f"the tables are at step {newest}, the last one")
    if present is None:
        told = "no process of the engine has made its tables yet"
        return warning(code, told, "Start one: it makes them by itself. tidegate worker")
    if present in known:
        told = f"the tables are at step {present}, this release needs {newest}"
        remedy = "Start a process of this release: it takes the missing steps by itself. tidegate worker"
        return wrong(code, told, remedy)
    told = f"the tables are at step {present}, which this release does not know: a newer one has been here"
    return wrong(code, told, "Run the newer release, here and on every machine; steps are not taken back.")
