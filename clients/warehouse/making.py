"""Make what the warehouse lacks, or say that somebody else has to."""

import psycopg
from psycopg.errors import InsufficientPrivilege

from schemas.errors import MigrationMissingError


def make(connection: psycopg.Connection, statement: str, system: str, called: str) -> None:
    """Run one statement that makes `called`, such as "the table ops.ledger".

    Raises `MigrationMissingError` when the user may not.
    """
    try:
        connection.execute(statement.encode())
    except InsufficientPrivilege as error:
        told = error.diag.message_primary or str(error)
        raise MigrationMissingError(system=system, missing=called, detail=told) from error


def make_view(connection: psycopg.Connection, name: str, statement: str, system: str) -> None:
    """Make a view, or make it again as this release has it.

    A user who does not own it leaves it as it is: only its owner can replace it, and
    `tidegate migrate` does.
    """
    schema, _, view = name.partition(".")
    query = "SELECT viewowner = current_user FROM pg_views WHERE schemaname = %s AND viewname = %s"
    row = connection.execute(query, (schema, view)).fetchone()
    if row is None or row[0]:
        make(connection, statement, system, f"the view {name}")
