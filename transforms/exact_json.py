"""JSON whose numbers keep every digit.

Salesforce's numbers have up to 18 digits, a binary double has 15 that are sure. The usual reader
makes doubles, at a tenth of the cost; this one is for the few texts whose digits count: rows
that are typed one by one, and what is read to be compared.
"""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_SHAPE = bytes(ord("9") if chr(code) in "0123456789." else ord(" ") for code in range(256))
_LONG = 17 * b"9"
"""In a text translated by `_SHAPE`: sixteen digits and a point, the fewest that a double may not
hold. Whole numbers stay exact in any reader.
"""


def loads(text: bytes) -> Any:
    """The value of a JSON text, numbers with a point or an exponent as `Decimal`.

    Values that JSON cannot hold are replaced as `mended` does. Raises `ValueError` for what is
    no JSON at all.
    """
    return _loads(text, _decimal)


def _loads(text: bytes, parse_float: Callable[[str], Any]) -> Any:
    found = json.loads(_text_of(text), parse_constant=str, parse_float=parse_float, parse_int=_whole)
    return _repaired(found)


def loads_where_needed(text: bytes) -> Any:
    """The value of a JSON text, numbers that a double may not hold as `Decimal`, all others as the
    usual reader has them.
    """
    try:
        return _loads(text, _sure) if _LONG in text.translate(_SHAPE) else orjson.loads(text)
    except orjson.JSONDecodeError:
        return mended(_text_of(text))


def _text_of(text: bytes) -> str:
    """Bytes that are no UTF-8 become U+FFFD with a NUL behind it, which staging takes out and
    notes.
    """
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").replace("\ufffd", "\ufffd\\u0000")


def mended(text: str) -> Any:
    """The value of a text that is JSON but for characters and numbers that JSON cannot hold.

    Half of a surrogate pair becomes U+FFFD with a NUL behind it, which staging takes out and
    notes. NaN, Infinity and numbers beyond a double become texts, which fit no number. Raises
    `ValueError` for what is no JSON at all.
    """
    return _repaired(json.loads(text, parse_constant=str, parse_float=_double, parse_int=_whole))


def _double(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _decimal(text: str) -> Decimal | str:
    value = Decimal(text)
    return value if value.adjusted() <= _LARGEST_EXPONENT else text


def _sure(text: str) -> float | Decimal | str:
    """A double where it has every digit: the text may be long for another reason, as an account
    number.
    """
    return _double(text) if len(text) < len(_LONG) else _decimal(text)


def _whole(text: str) -> float | str:
    if len(text) <= _LONGEST_WHOLE and (value := int(text)) in _SIXTY_FOUR_BITS:
        return value
    # Beyond 64 bits it is a double for other readers, too.
    return _double(text)


_LARGEST_EXPONENT = 300
"""Of a number that every reader takes: a double ends at 10^308."""


_LONGEST_WHOLE = 20
"""Characters of the longest whole number within 64 bits, its sign included."""
_SIXTY_FOUR_BITS = range(-(2**63), 2**64)
"""Whole numbers that the usual reader keeps (orjson: from the smallest signed to the largest
unsigned one).
"""


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF_PAIR.sub("\ufffd\x00", value)
    if isinstance(value, dict):
        return {_repaired(name): _repaired(inner) for name, inner in value.items()}
    return [_repaired(inner) for inner in value] if isinstance(value, list) else value


_HALF_PAIR = re.compile("[\ud800-\udfff]")


def dumps(value: Any) -> bytes:
    """A value as JSON; a `Decimal` with all of its digits."""
    return orjson.dumps(value, default=_as_number)


def number(text: str) -> Any:
    """The number that `dumps` writes for a text that shows one; the text itself when it shows none,
    or one beyond a double.
    """
    is_number = _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))
    return orjson.Fragment(text) if is_number else text


def _as_number(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)
