"""What a field accepts, and the form in which it is stored. A value that passes here needs no further check anywhere.

Text is told apart from the rest because nearly every value is text and it is checked in the caller's loop, without a call.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from typing import TypeAlias

from sandbox.org.errors import SalesforceError
from schemas.catalogue import FieldSpec, FieldType

Value: TypeAlias = str | int | float | bool | None
"""A stored value; a boolean is a Python bool until SQLite makes it 0 or 1."""

WRONG_TYPE = "INVALID_TYPE_ON_FIELD_IN_RECORD"
_TEXT = frozenset(
    {
        FieldType.STRING,
        FieldType.TEXTAREA,
        FieldType.PICKLIST,
        FieldType.MULTIPICKLIST,
        FieldType.PHONE,
        FieldType.URL,
        FieldType.EMAIL,
    }
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_CHARACTERS = 10
_MAX_INT = 2**31 - 1
_DIGITS = 18
"""Of a number, on both sides of the point (Object Reference, "Primitive Data Types")."""
_SHORT_ID, _LONG_ID = 15, 18


def is_text(spec: FieldSpec) -> bool:
    return spec.type in _TEXT


def checker(name: str, spec: FieldSpec) -> Callable[[object], Value]:
    """A function from what a client sent (never None) to what is stored; it raises `SalesforceError`."""
    if spec.type is FieldType.EMAIL:
        return _email(name, spec.length)
    if is_text(spec):
        return _text(name, spec.length)
    by_type: dict[FieldType, Callable[[str, object], Value]] = {
        FieldType.BOOLEAN: _boolean,
        FieldType.INT: _integer,
        FieldType.DATE: _date,
        FieldType.DATETIME: _datetime,
        FieldType.REFERENCE: _reference,
    }
    by_name = by_type.get(spec.type)
    return partial(_number_within, name, number_limit(spec)) if by_name is None else partial(by_name, name)


def number_limit(spec: FieldSpec) -> float:
    """What a number must stay below, whatever its sign: 18 digits in all, as many behind the point as describe says."""
    scale = 2 if spec.decimals is None else spec.decimals
    return float(10 ** (_DIGITS - scale))


def restricted_picklist(name: str, values: Sequence[str]) -> Callable[[object], Value]:
    """A checker that takes only these values, in any case ("Restricted Picklists")."""
    known = {value.lower(): value for value in values}

    def check(value: object) -> Value:
        if value == "":
            return None
        found = known.get(value.lower()) if isinstance(value, str) else None
        if found is None:
            message = f"{name}: bad value for restricted picklist field: {value}"
            raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=[name])
        return found

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
            raise _wrong_type(name, "string", value)
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
    raise _wrong_type(name, "boolean", value)


def _integer(name: str, value: object) -> Value:
    number = _number(name, value)
    if number is None:
        return None
    if number != int(number):
        raise _wrong_type(name, "int", value)
    if abs(number) > _MAX_INT:
        raise _outside(name, value)
    return int(number)


def _number_within(name: str, limit: float, value: object) -> Value:
    number = _number(name, value)
    if number is not None and not -limit < number < limit:
        raise _outside(name, value)
    return number


def _outside(name: str, value: object) -> SalesforceError:
    message = f"{name}: value outside of valid range on numeric field: {value}"
    return SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, fields=[name])


def _number(name: str, value: object) -> float | None:
    if type(value) is float or type(value) is int:
        number = float(value)
    elif value == "":
        return None
    elif isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            raise _wrong_type(name, "double", value) from None
    else:
        raise _wrong_type(name, "double", value)
    if not math.isfinite(number):
        raise _wrong_type(name, "double", value)
    return number


def _date(name: str, value: object) -> Value:
    if value == "":
        return None
    stored = _stored_date(value) if isinstance(value, str) else None
    if stored is None:
        raise _wrong_type(name, "date", value)
    return stored


def _datetime(name: str, value: object) -> Value:
    if value == "":
        return None
    stored = _stored_datetime(value) if isinstance(value, str) else None
    if stored is None:
        raise _wrong_type(name, "datetime", value)
    return stored


@lru_cache(maxsize=16_384)
def _stored_date(text: str) -> str | None:
    """The stored form of a date, None for what is none. A date with a time loses the time."""
    try:
        return date.fromisoformat(text[:_DATE_CHARACTERS]).isoformat() if _DATE.match(text) else None
    except ValueError:
        return None


@lru_cache(maxsize=16_384)
def _stored_datetime(text: str) -> str | None:
    """The stored form of an ISO 8601 time, None for what is none. Without a zone it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return zoned.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _reference(name: str, value: object) -> Value:
    if value == "":
        return None
    if not isinstance(value, str) or len(value) not in (_SHORT_ID, _LONG_ID) or not value.isalnum():
        raise SalesforceError("MALFORMED_ID", f"{name}: id value of incorrect type: {value}", fields=[name])
    return value


def _wrong_type(name: str, wanted: str, value: object) -> SalesforceError:
    return SalesforceError(
        WRONG_TYPE,
        f"{name}: value not of required type: {value} (expected {wanted})",
        fields=[name],
    )
