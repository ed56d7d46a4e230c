"""The operational store: how it is reached, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.errors import IdleInTransactionSessionTimeout, InsufficientPrivilege
from sqlalchemy.exc import DBAPIError

from clients.database.address import Database, connected
from schemas.errors import MigrationMissingError, UnavailableError

SYSTEM = "the operational store"


def open_engine(
    dsn: Database, *, pool_size: int = 2, max_overflow: int = 10, **asked: str | int
) -> sa.Engine:
    """Connections to the store, made when they are needed; a few are kept. `asked`: other
    parameters of libpq than the usual ones.
    """
    parameters: dict[str, Any] = {"connect_timeout": 5, "options": session_options()} | asked

    def connect() -> psycopg.Connection:
        return connected(dsn, lambda url: psycopg.connect(url, **parameters))

    return sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        # An error that says its statement's parameters would carry them into logs and histories.
        hide_parameters=True,
    )


@contextmanager
def translated_database() -> Iterator[None]:
    """Turn failures of the store into `UnavailableError`."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, (psycopg.OperationalError, IdleInTransactionSessionTimeout)):
            raise
        raise UnavailableError(system=SYSTEM, detail=str(error.orig).strip()) from error


@contextmanager
def making(missing: str) -> Iterator[None]:
    """A refused right becomes `MigrationMissingError`: the store lacks `missing`."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        told = error.orig.diag.message_primary or str(error.orig)
        raise MigrationMissingError(system=SYSTEM, missing=missing, detail=told) from error


IDLE_SECONDS = 60
"""How long a session may be silent within a transaction until the server ends it and its locks are
free.

A process that is frozen, or whose machine has gone, would else hold its locks for as long as it
stays so. `idle_in_transaction_session_timeout` (PostgreSQL manual, 19.11 Client Connection
Defaults).
"""


def session_options() -> str:
    """For libpq's `options`; without a blank, which an address would have to spell."""
    return f"-cidle_in_transaction_session_timeout={round(IDLE_SECONDS * 1_000)}"
