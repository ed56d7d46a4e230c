"""JSON whose numbers keep every digit.

Salesforce's numbers have up to 18 digits, a binary double has 15 that are sure. The usual reader makes doubles, at a tenth of the cost; this one is
for the few texts whose digits count: rows that are typed one by one, and what is read to be compared.
"""

import json
import re
from decimal import Decimal
from typing import Any

import orjson

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LONG_NUMBER = re.compile(rb"[:\[,]\s*-?\d[\d.]{15}")
"""The beginning of a number, or of a text of digits, that a double may not hold."""


def loads(text: bytes) -> Any:
    """The value of a JSON text, numbers with a point or an exponent as `Decimal`. Raises `ValueError` for what is no JSON."""
    return json.loads(text, parse_float=Decimal)


def loads_where_needed(text: bytes) -> Any:
    """As `loads` where the text holds a number of 16 digits or more; else with doubles, which are exact then."""
    return loads(text) if _LONG_NUMBER.search(text) else orjson.loads(text)


def dumps(value: Any) -> bytes:
    """A value as JSON; a `Decimal` with all of its digits."""
    return orjson.dumps(value, default=_as_number)


def number(text: str) -> Any:
    """What `dumps` writes as the number that the text shows; the text itself when it shows none."""
    return orjson.Fragment(text) if _NUMBER.fullmatch(text) else text


def _as_number(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)
