"""psycopg connections to a database of either kind, each by its present URL."""

from typing import Any

import psycopg

from clients.database.address import Database, connected


def connect_postgres(database: Database, **parameters: Any) -> psycopg.Connection:
    """A connection to PostgreSQL. `parameters`: of libpq and psycopg."""
    return connected(database, lambda url: psycopg.connect(url, **{"connect_timeout": 5, **parameters}))


STATEMENT_MS = 10 * 60 * 1_000
"""Milliseconds that a statement on Redshift may take."""
_REDSHIFT = {
    "connect_timeout": 10,
    "client_encoding": "utf8",
    "prepare_threshold": None,
    "application_name": "tidegate",
    # Firewalls drop silent connections, and a node that is lost says nothing. AWS advises
    # keepalives: https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-firewall-guidance.html
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def connect_redshift(database: Database, **parameters: Any) -> psycopg.Connection:
    """A connection to Redshift, in UTC: DATE_TRUNC of a TIMESTAMPTZ is of the session's zone.

    It calls its encoding UNICODE, which psycopg does not know, and has no DEALLOCATE ALL:
    https://github.com/psycopg/psycopg/issues/122
    """
    connection = connected(database, lambda url: psycopg.connect(url, **{**_REDSHIFT, **parameters}))
    try:
        connection.execute("SET timezone TO 'UTC'")
        connection.execute(f"SET statement_timeout TO {STATEMENT_MS}".encode())
        if not connection.autocommit:
            connection.commit()  # a rollback would take the settings back
    except BaseException:
        connection.close()  # the server was stopped just now
        raise
    return connection
