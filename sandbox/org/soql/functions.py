"""The SQL functions that compiled SOQL calls and SQLite does not have."""

import sqlite3


def register_functions(connection: sqlite3.Connection) -> None:
    """Give `connection` what compiled queries need; every connection that runs them must have it."""
    connection.create_function("soql_lower", 1, _lower, deterministic=True)


def _lower(value: object) -> str | None:
    return None if value is None else str(value).lower()
