"""The values that a field accepts, and the form in which they are stored. A value that passes here
needs no further check anywhere.

Text is distinguished from the rest because nearly every value is text and it is checked in the
caller's loop, without a call.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeAlias

from sandbox.org.errors import SalesforceError, wrong_type
from sandbox.org.schema.exact import DIGITS, Number, exact, exact_int
from sandbox.org.schema.moments import checked_date, checked_datetime, checked_time
from sandbox.org.schema.objects import OrgField
from schemas.catalogue import IDS, TEXTS, FieldSpec, FieldType

Value: TypeAlias = str | int | float | bool | None
"""A stored value; a boolean is a Python bool until SQLite makes it 0 or 1."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_MAX_INT = 2**31 - 1
_MAX_LONG = 2**63 - 1
_SHORT_ID, _LONG_ID = 15, 18
_BLANK = "".join(map(chr, range(33)))
"""Characters trimmed from the ends of a text (Apex Developer Guide, "Primitive Data Types"; a
no-break space is seen to stay). The page names no exception by type: long text areas are trimmed
too; no org was asked.
"""
DEFAULT_SCALE = 2
"""Decimal places of a number field of which nobody has said how many it has."""


def is_text(spec: FieldSpec) -> bool:
    return spec.type in TEXTS


def checker(name: str, spec: FieldSpec) -> Callable[[object], Value]:
    """A function from what a client sent (never None) to what is stored; it raises
    `SalesforceError`.
    """
    if isinstance(spec, OrgField) and spec.restricted:
        several = spec.type is FieldType.MULTIPICKLIST
        return (restricted_multipicklist if several else restricted_picklist)(name, spec.picklist)
    if spec.type is FieldType.EMAIL:
        return _email(name, spec.length)
    if is_text(spec):
        return _text(name, spec.length)
    if spec.type in IDS:
        return partial(_reference, name)
    by_type: dict[FieldType, Callable[[str, object], Value]] = {
        FieldType.BOOLEAN: _boolean,
        FieldType.INT: partial(_integer, _MAX_INT),
        FieldType.LONG: partial(_integer, _MAX_LONG),
        FieldType.DATE: checked_date,
        FieldType.DATETIME: checked_datetime,
        FieldType.TIME: checked_time,
        FieldType.BASE64: _base64,
        **dict.fromkeys(NUMBERS, partial(_number_within, number_limit(spec))),
    }
    return partial(by_type[spec.type], name)


NUMBERS = frozenset({FieldType.DOUBLE, FieldType.PERCENT, FieldType.CURRENCY})
"""Types with decimal places."""


def scale_of(spec: FieldSpec | None) -> int:
    """Decimal places of a number, as describe says them."""
    decimals = spec.decimals if spec is not None else None
    return DEFAULT_SCALE if decimals is None else decimals


_MOST_DEGREES = {"Latitude": 90.0, "Longitude": 180.0}


def number_limit(spec: FieldSpec) -> float:
    """The bound of a number, whatever its sign: 18 digits in all, as many behind the point as
    describe says; 90 and 180 degrees of a latitude and a longitude (Object Reference, "Geolocation
    Compound Field").
    """
    if spec.part_of is not None and spec.part in _MOST_DEGREES:
        return math.nextafter(_MOST_DEGREES[spec.part], math.inf)
    digits = spec.precision if isinstance(spec, OrgField) else DIGITS
    return float(10 ** max(digits - scale_of(spec), 0))


def restricted_picklist(name: str, values: Sequence[str]) -> Callable[[object], Value]:
    """A checker that takes only these values, in any case ("Restricted Picklists")."""
    known = {value.lower(): value for value in values}

    def check(value: object) -> Value:
        value = value.strip(_BLANK) if isinstance(value, str) else value
        if value == "":
            return None
        found = known.get(value.lower()) if isinstance(value, str) else None
        if found is None:
            message = f"{name}: bad value for restricted picklist field: {value}"
            raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=[name])
        return found

    return check


def restricted_multipicklist(name: str, values: Sequence[str]) -> Callable[[object], Value]:
    """As `restricted_picklist`, of each value between semicolons."""
    one = restricted_picklist(name, values)

    def check(value: object) -> Value:
        if not isinstance(value, str):
            raise wrong_type(name, "string", value)
        found = [str(known) for part in value.split(";") if (known := one(part)) is not None]
        return ";".join(dict.fromkeys(found)) or None

    return check


def _email(name: str, length: int) -> Callable[[object], Value]:
    text = _text(name, length)

    def check(value: object) -> Value:
        found = text(value)
        if isinstance(found, str) and not _EMAIL.fullmatch(found):
            message = f"{name}: invalid email address: {found}"
            raise SalesforceError("INVALID_EMAIL_ADDRESS", message, fields=[name])
        return found

    return check


def _text(name: str, length: int) -> Callable[[object], Value]:
    def check(value: object) -> Value:
        if isinstance(value, bool | int | float):
            value = str(value).lower() if isinstance(value, bool) else str(value)
        if not isinstance(value, str):
            raise wrong_type(name, "string", value)
        value = value.strip(_BLANK)
        if len(value) > length:
            raise SalesforceError(
                "STRING_TOO_LONG",
                f"{name}: data value too large: {value[:255]} (max length={length})",
                fields=[name],
            )
        return value or None

    return check


def _boolean(name: str, value: object) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise wrong_type(name, "boolean", value)


def _integer(most: int, name: str, value: object) -> Value:
    number = _number(name, value, "int")
    if number is None:
        return None
    whole = Decimal(str(number))
    if whole != whole.to_integral_value():
        raise wrong_type(name, "int", value)
    if abs(whole) > most:
        raise _outside(name, value)
    return int(whole)


def _number_within(limit: float, name: str, value: object) -> Value:
    number = _number(name, value)
    if number is None:
        return None
    if type(number) is float:
        is_within = -limit < number < limit
    else:
        is_within = abs(Decimal(str(number))) < Decimal(limit)
    if not is_within:
        raise _outside(name, value)
    return number


def _outside(name: str, value: object) -> SalesforceError:
    message = f"{name}: value outside of valid range on numeric field: {value}"
    return SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, fields=[name])


def _number(name: str, value: object, wanted: str = "double") -> Number | None:
    if value == "":
        return None
    try:
        if type(value) is float and math.isfinite(value):
            return value
        if type(value) is int:
            return exact_int(value)
        if isinstance(value, str):
            return exact(value)
    except ValueError:
        pass
    raise wrong_type(name, wanted, value)


def _base64(name: str, value: object) -> Value:
    """The bytes of a file, as a client sends them (REST API Developer Guide, "Insert or Update Blob
    Data").
    """
    try:
        base64.b64decode(str(value), validate=True)
    except binascii.Error:
        raise wrong_type(name, "base64", value) from None
    return str(value) or None


def _reference(name: str, value: object) -> Value:
    if value == "":
        return None
    if not isinstance(value, str) or len(value) not in (_SHORT_ID, _LONG_ID) or not value.isalnum():
        raise SalesforceError("MALFORMED_ID", f"{name}: id value of incorrect type: {value}", fields=[name])
    return value
