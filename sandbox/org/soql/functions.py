"""The SQL functions that compiled SOQL calls and SQLite does not have."""

import sqlite3
from decimal import Decimal, InvalidOperation

from sandbox.org.schema.exact import number_text

EXACT_NUMBER = "exact_number"
"""A collation of texts by the numbers that they say."""


def register_functions(connection: sqlite3.Connection) -> None:
    """Give `connection` what compiled queries need; every connection that runs them must have
    it.
    """
    connection.create_function("soql_lower", 1, _lower, deterministic=True)
    connection.create_function("number_order", 2, _number_order, deterministic=True)
    connection.create_function("number_text", 1, number_text, deterministic=True)
    connection.create_collation(EXACT_NUMBER, _text_order)


def _lower(value: object) -> str | None:
    return None if value is None else str(value).lower()


def _number_order(left: object, right: object) -> int | None:
    """-1, 0 or 1 as `left` is the smaller, the same or the larger number; None when one of them is
    none.
    """
    try:
        one, other = Decimal(str(left)), Decimal(str(right))
    except InvalidOperation:
        return None
    return (one > other) - (one < other)


def _text_order(left: str, right: str) -> int:
    found = _number_order(left, right)
    return (left > right) - (left < right) if found is None else found
