"""The operational store: how it is reached, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy.exc import DBAPIError

from schemas.errors import UnavailableError

SYSTEM = "the operational store"


def open_engine(dsn: str) -> sa.Engine:
    """Connections to the store, made when they are needed; a few are kept."""
    url = sa.make_url(dsn).set(drivername="postgresql+psycopg")
    asked = {"connect_timeout": 5, "options": session_options()}
    # An error that says its statement's parameters would carry them into logs and histories.
    return sa.create_engine(url, pool_size=2, pool_pre_ping=True, connect_args=asked, hide_parameters=True)


@contextmanager
def translated() -> Iterator[None]:
    """Turn failures of the store into `UnavailableError`."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, (psycopg.OperationalError, IdleInTransactionSessionTimeout)):
            raise
        raise UnavailableError(system=SYSTEM, detail=str(error.orig).strip()) from error


IDLE_SECONDS = 60
"""How long a session may be silent within a transaction until the server ends it and its locks are free.

A process that is frozen, or whose machine has gone, would else hold its locks for as long as it stays so.
`idle_in_transaction_session_timeout` (PostgreSQL manual, 19.11 Client Connection Defaults).
"""


def session_options() -> str:
    """For libpq's `options`; without a blank, which an address would have to spell."""
    return f"-cidle_in_transaction_session_timeout={round(IDLE_SECONDS * 1_000)}"
