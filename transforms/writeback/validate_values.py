"""Does a value that somebody wants written fit its field? From REST's JSON to what is stored of it,
or a sentence that says why not.

The sentences say what is expected, never what was sent: a value may be personal. Sources: Object
Reference, "Primitive Data Types" and "Field Types"; REST API Developer Guide, "Valid Date and
DateTime Formats".
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas.catalogue import FieldSpec, FieldType
from schemas.salesforce.describe import DescribedField
from schemas.salesforce.record_ids import whole_id

ValueCheck = Callable[[Any], Any]
"""Takes a JSON value that is not null, returns it as it is stored (None: empty); raises
`UnfitError`.
"""

_MOST_INT = 2**31 - 1
_DIGITS = 18
_YEARS = range(1700, 4001)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


class UnfitError(ValueError):
    """A value that does not fit; the message is the end of a sentence about its field."""


def value_check(
    spec: FieldSpec, described: DescribedField | None, prefixes: Sequence[str] = ()
) -> ValueCheck:
    """The check of one field.

    Args:
        spec: The catalogue's entry.
        described: What the org says of the field; None: nothing is known.
        prefixes: Of a reference: what its ids may begin with; empty: anything.
    """
    if spec.type is FieldType.REFERENCE:
        return _reference(prefixes)
    if spec.decimals is not None:
        return _number(spec.decimals)
    if spec.type in _SIMPLE:
        return _SIMPLE[spec.type]
    length = min(spec.length, described.length) if described and described.length else spec.length
    text = _text(length, is_email=spec.type is FieldType.EMAIL)
    if described is None or described.values is None:
        return text
    return _picked(text, described.values, is_multiple=spec.type is FieldType.MULTIPICKLIST)


def keepable(text: str) -> str:
    """The text; raises `UnfitError` for one that no database keeps."""
    if "\x00" in text:
        raise UnfitError("holds a NUL character; leave it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UnfitError("holds half of a surrogate pair; send valid Unicode") from None
    return text


def _text(length: int, *, is_email: bool) -> ValueCheck:
    def check(value: object) -> str | None:
        if not isinstance(value, str):
            raise UnfitError(f"takes a text, not {_kind(value)}; put the value in quotes")
        if len(value) > length:
            raise UnfitError(f"takes at most {length:,} characters, and this has {len(value):,}; shorten it")
        if is_email and value and not _EMAIL.fullmatch(value):
            raise UnfitError("takes an e-mail address, and this is none; correct it")
        # A text of blanks alone is empty to Salesforce (Apex Developer Guide, "Primitive Data
        # Types").
        return keepable(value) if value.strip() else None

    return check


def _picked(text: ValueCheck, values: Sequence[str], *, is_multiple: bool) -> ValueCheck:
    known = {value.lower(): value for value in values}
    allowed = ", ".join(values) or "nothing"

    def one(value: str) -> str:
        found = known.get(value.lower())
        if found is None:
            raise UnfitError(f"is a restricted picklist; give one of {allowed}")
        return found

    def check(value: object) -> str | None:
        given = text(value)
        if given is None:
            return None
        return ";".join(map(one, given.split(";"))) if is_multiple else one(given)

    return check


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnfitError(f"takes true or false, not {_kind(value)}")
    return value


def _integer(value: object) -> int:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool):
        raise UnfitError(f"takes a whole number, not {_kind(value)}")
    if abs(whole) > _MOST_INT:
        raise UnfitError(f"takes whole numbers up to {_MOST_INT:,}; correct it")
    return whole


def _number(scale: int, *, is_exact: bool = True) -> ValueCheck:
    limit = 10 ** (_DIGITS - scale)

    def check(value: object) -> int | float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise UnfitError(f"takes a number, not {_kind(value)}")
        if not math.isfinite(value):
            raise UnfitError("takes a number; NaN and Infinity are none in JSON")
        if abs(value) >= limit:
            raise UnfitError(f"takes numbers below 10^{_DIGITS - scale}; correct it")
        if is_exact and isinstance(value, float) and _decimals(value) > scale:
            raise UnfitError(f"keeps {scale} decimal places; round it")
        return value

    return check


def _decimals(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _date(value: object) -> str:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise UnfitError("takes a date as 2026-11-25")
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise UnfitError("takes a date of the calendar; there is no such day") from None
    return _of_our_years(value, found.year)


def _datetime(value: object) -> str:
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        raise UnfitError("takes a time with its zone, as 2026-11-25T14:00:00Z or 2026-11-25T15:00:00+01:00")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise UnfitError("takes a time of the calendar and the clock; there is no such moment") from None
    return _of_our_years(value, found.year)


def _of_our_years(value: str, year: int) -> str:
    if year not in _YEARS:
        raise UnfitError(f"takes the years {_YEARS[0]} to {_YEARS[-1]}")
    return value


def _reference(prefixes: Sequence[str]) -> ValueCheck:
    allowed = tuple(prefixes)

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            raise UnfitError(f"takes a record's id as a text, not {_kind(value)}")
        if not value:
            return None
        try:
            found = whole_id(value)
        except ValueError as error:
            raise UnfitError(f"takes a record's id: {error}") from None
        if allowed and not found.startswith(allowed):
            raise UnfitError(f"takes ids that begin with {' or '.join(allowed)}; this is another object's")
        return found

    return check


_SIMPLE: dict[FieldType, ValueCheck] = {
    FieldType.BOOLEAN: _boolean,
    FieldType.INT: _integer,
    FieldType.DOUBLE: _number(2, is_exact=False),
    FieldType.PERCENT: _number(2, is_exact=False),
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
}


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a text", int: "a number", float: "a number", dict: "an object", list: "a list"}
    return names.get(type(value), "null" if value is None else "this")
