"""The SQL functions that compiled SOQL calls and SQLite does not have."""

import sqlite3
from decimal import Decimal, InvalidOperation, localcontext

from sandbox.org.schema.exact import exact, number_text
from sandbox.org.soql.distances import GREAT_CIRCLE, great_circle
from sandbox.org.soql.formats import formatted

EXACT_NUMBER = "exact_number"
"""A collation of texts by the numbers that they say."""
EXACT_SUM = "exact_sum"
_SURE = 2**53
_PRECISION = 60
"""Digits of a sum while it grows."""


def register_functions(connection: sqlite3.Connection) -> None:
    """Give `connection` what compiled queries need; every connection that runs them must have
    it.
    """
    connection.create_function("soql_lower", 1, _lower, deterministic=True)
    connection.create_function("number_order", 2, _number_order, deterministic=True)
    connection.create_function("number_text", 1, number_text, deterministic=True)
    connection.create_function("soql_format", 2, formatted, deterministic=True)
    connection.create_function(GREAT_CIRCLE, 5, great_circle, deterministic=True)
    # typeshed asks for a step that returns a number, which SQLite passes over.
    connection.create_aggregate(EXACT_SUM, 1, _ExactSum)  # type: ignore[arg-type]
    connection.create_collation(EXACT_NUMBER, _text_order)


class _ExactSum:
    """A sum of decimal numbers as people reckon it: 0.1 and 0.2 are 0.3. Floats alone are added as
    long as they are whole.
    """

    def __init__(self) -> None:
        self._whole = 0
        self._rest = Decimal(0)
        self._is_null = True

    def step(self, value: object) -> None:
        if value is None:
            return
        if isinstance(value, float) and value.is_integer() and abs(value) < _SURE:
            self._whole += int(value)
        elif isinstance(value, int):
            self._whole += value
        else:
            try:
                with localcontext(prec=_PRECISION):
                    self._rest += Decimal(str(value))
            except InvalidOperation:
                return  # an unchecked write has left what is no number
        self._is_null = False

    def finalize(self) -> str | float | int | None:
        if self._is_null:
            return None
        with localcontext(prec=_PRECISION):
            total = f"{self._rest + self._whole:f}"
        try:
            return exact(total)
        except ValueError:
            return float(total)


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
