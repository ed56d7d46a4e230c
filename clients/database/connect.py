"""psycopg connections to a database of either kind, each by its present URL."""

from typing import Any

import psycopg

from clients.database.address import Database, connected


def connect_postgres(database: Database, **parameters: Any) -> psycopg.Connection:
    """A connection to PostgreSQL. `parameters`: of libpq and psycopg."""
    return connected(database, lambda url: psycopg.connect(url, **{"connect_timeout": 5, **parameters}))


def connect_redshift(database: Database, **parameters: Any) -> psycopg.Connection:
    """A connection to Redshift.

    It calls its encoding UNICODE, which psycopg does not know, and has no DEALLOCATE ALL:
    https://github.com/psycopg/psycopg/issues/122
    """
    usual = {"connect_timeout": 10, "client_encoding": "utf8", "prepare_threshold": None}
    return connected(database, lambda url: psycopg.connect(url, **{**usual, **parameters}))
