"""From a JSON value of an event to a typed value of a column, or a sentence that says why not.

Text is kept as it came, to the character. Money becomes an exact decimal. Nothing is coerced that the field's type
does not allow: a number in a text field is a change that does not fit, not a text.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from schemas.catalogue import FieldSpec, FieldType
from schemas.tables import ID_SIZE
from transforms.protect import is_any_token, is_misfit_token, is_token, longest_token

Converter = Callable[[Any], Any]
"""Takes a JSON value that is not null; raises `MisfitError` when it does not fit."""


class MisfitError(ValueError):
    """A value that does not fit its field. `reason` is a quarantine reason."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(detail)


WRONG_TYPE = "wrong_type"
TOO_LONG = "too_long"
_DIGITS = 18
"""Of an amount, decimal places included: what the warehouses' columns hold."""
_MAX_INTEGER = 2**63


_NO_TEXTS = frozenset(
    {FieldType.BOOLEAN, FieldType.INT, FieldType.DOUBLE, FieldType.PERCENT, FieldType.CURRENCY}
)


def is_text_in_json(kind: FieldType) -> bool:
    """True for a type whose values are texts in JSON, dates and times among them."""
    return kind not in _NO_TEXTS


def converter(spec: FieldSpec) -> Converter:
    """The converter of one field."""
    if spec.is_protected:
        return _protected(spec)
    if spec.type is FieldType.CURRENCY:
        return _currency(spec.scale)
    simple = _SIMPLE.get(spec.type)
    if simple is not None:
        return simple
    return _text(ID_SIZE if spec.type is FieldType.REFERENCE else spec.length)


def _protected(spec: FieldSpec) -> Converter:
    length = spec.length
    longest = longest_token(length)
    fits = is_token if is_text_in_json(spec.type) else is_misfit_token

    def convert(value: object) -> str:
        if not fits(value):
            kind = "an encrypted value of another type" if is_any_token(value) else _kind(value)
            wanted = "a text" if fits is is_token else "what is no text"
            raise MisfitError(WRONG_TYPE, f"expected {wanted}, got {kind}")
        if len(str(value)) > longest:
            raise MisfitError(
                TOO_LONG, f"encrypted, and longer than the {length} characters of the catalogue can be"
            )
        return str(value)

    return convert


def _text(length: int) -> Converter:
    def convert(value: object) -> str:
        if not isinstance(value, str):
            raise MisfitError(WRONG_TYPE, f"expected a text, got {_kind(value)}")
        if len(value) > length:
            raise MisfitError(TOO_LONG, f"{len(value)} characters, the catalogue allows {length}")
        if "\x00" in value:
            raise MisfitError(WRONG_TYPE, "the text holds a NUL character, which no warehouse stores")
        return value

    return convert


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise MisfitError(WRONG_TYPE, f"expected true or false, got {_kind(value)}")
    return value


def _integer(value: object) -> int:
    # Salesforce prints whole numbers of some types as 10.0.
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool):
        raise MisfitError(WRONG_TYPE, f"expected a whole number, got {_kind(value)}")
    if not -_MAX_INTEGER <= whole < _MAX_INTEGER:
        raise MisfitError(WRONG_TYPE, f"{value} does not fit a whole number of 64 bits")
    return whole


def _double(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise MisfitError(WRONG_TYPE, f"expected a number, got {_kind(value)}")
    return float(value)


def _currency(scale: int) -> Converter:
    step = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (_DIGITS - scale)

    def convert(value: object) -> Decimal:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise MisfitError(WRONG_TYPE, f"expected an amount, got {_kind(value)}")
        # repr gives the shortest decimal that reads back as the same double: the amount that was meant.
        amount = Decimal(repr(value))
        rounded = amount.quantize(step) if abs(amount) < limit else None
        if rounded is None or rounded != amount:
            raise MisfitError(WRONG_TYPE, f"{value} does not fit an amount with {scale} decimal places")
        return rounded

    return convert


def _date(value: object) -> date:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else _refuse_date(value)
    except ValueError as error:
        if isinstance(error, MisfitError):
            raise
        raise MisfitError(WRONG_TYPE, "expected a date, YYYY-MM-DD") from error


def _refuse_date(value: object) -> date:
    raise MisfitError(WRONG_TYPE, f"expected a date, got {_kind(value)}")


def _datetime(value: object) -> datetime:
    if not isinstance(value, str):
        raise MisfitError(WRONG_TYPE, f"expected a datetime, got {_kind(value)}")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise MisfitError(WRONG_TYPE, "expected an ISO 8601 datetime") from error
    if moment.tzinfo is None:
        raise MisfitError(WRONG_TYPE, "expected a datetime with a zone")
    try:
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except OverflowError as error:
        raise MisfitError(WRONG_TYPE, "the datetime is outside the years 1 to 9999 in UTC") from error


_SIMPLE: dict[FieldType, Converter] = {
    FieldType.BOOLEAN: _boolean,
    FieldType.INT: _integer,
    FieldType.DOUBLE: _double,
    FieldType.PERCENT: _double,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
}


def _kind(value: object) -> str:
    """What a JSON value is, without showing it: it may be personal."""
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
    }
    return names.get(type(value), "null" if value is None else type(value).__name__)
