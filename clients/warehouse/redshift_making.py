"""Make Redshift's schemas, tables and views while other processes make the same ones.

Redshift has no lock that is not on a table, so nothing keeps workers apart that start at once. The
later one gets the error that the object is there, even with IF NOT EXISTS, or that it has lost a
conflict with the other transaction.
"""

import time
from collections.abc import Callable

import psycopg

from clients.warehouse.making import make, make_view
from clients.warehouse.redshift_sessions import SYSTEM

_THERE = (
    psycopg.errors.DuplicateSchema,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateColumn,
    psycopg.errors.DuplicateObject,
    # Of the catalogue's own indexes, such as pg_class_relname_nsp_index.
    psycopg.errors.UniqueViolation,
)
_LOST = ("conflict with concurrent transaction", "concurrently updated")
"""Words of an internal error (XX000) that passes once the other transaction is over."""
MOST_ATTEMPTS = 6
"""With pauses of 0.5 s, 1 s and so on between them: 7.5 s in all."""


def make_with_others(connection: psycopg.Connection, statement: str, called: str) -> bool:
    """Make `called`, such as "the table ops.ledger", by one statement. False when another process
    has made it.

    Raises `MigrationMissingError` when the user may not, and psycopg's error once the attempts are
    used up. Blocks.
    """
    try:
        _repeated(lambda: make(connection, statement, SYSTEM, called))
    except _THERE:
        return False
    return True


def make_view_with_others(connection: psycopg.Connection, name: str, statement: str) -> None:
    """Make a view as this release has it, or leave it to its owner. Raises as `make_with_others`.

    A view that another process has just made is made once more: that may be an older release.
    """
    try:
        _repeated(lambda: make_view(connection, name, statement, SYSTEM))
    except _THERE:
        _repeated(lambda: make_view(connection, name, statement, SYSTEM))


def _repeated(act: Callable[[], None]) -> None:
    for attempt in range(1, MOST_ATTEMPTS + 1):
        try:
            act()
            return
        except psycopg.InternalError as error:
            if attempt == MOST_ATTEMPTS or not any(words in str(error) for words in _LOST):
                raise
        time.sleep(attempt * 0.5)
