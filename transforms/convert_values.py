"""From a JSON value of an event to a typed value of a column, or a sentence that says why not.

Text is kept as it came, to the character. Money becomes an exact decimal. Nothing is coerced
that the field's type does not allow: a number in a text field does not fit, and does not become
a text.
"""

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from math import inf, isfinite
from typing import Any

from schemas.catalogue import (
    DIGITS_MAX,
    FRACTIONAL,
    IDS,
    WHOLE_NUMBERS,
    FieldSpec,
    FieldType,
    TooLong,
)
from schemas.quality import Rule, Severity
from schemas.tables import UTF8_BYTES, most_text_bytes, text_size
from transforms.misfits import Converter, MisfitError, Note, NotedError
from transforms.pii import is_any_token, is_misfit_token, is_token, longest_token

_MAX_INTEGER = 2**63
SURE_DIGITS = 15
"""Digits that every double holds."""
INT64_DIGITS = 19
"""Digits of the largest whole number of 64 bits."""
EXACT_DOUBLE = 2**53
"""Whole numbers up to it are exact in a binary double."""
_ROUNDING = Context(prec=2 * DIGITS_MAX + 400, rounding=ROUND_HALF_EVEN)
"""Room for every double: the largest has 309 digits before the point."""
_BEYOND = "the number is beyond what the column holds"
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(\d{1,6}))?Z?", re.ASCII)
_SECONDS_END = len("HH:MM:SS")
_NO_TEXTS = FRACTIONAL | WHOLE_NUMBERS | {FieldType.BOOLEAN}


def is_text_in_json(kind: FieldType) -> bool:
    """True for a type whose values are texts in JSON, dates and times among them."""
    return kind not in _NO_TEXTS


def converter(spec: FieldSpec, most_bytes: int | None = None) -> Converter:
    """The converter of one field.

    Args:
        spec: Of the field.
        most_bytes: Of a text in the warehouse, in UTF-8; None: any number.
    """
    if spec.is_protected:
        return _protected(spec, most_bytes)
    if (scale := spec.decimals) is not None:
        return _decimal(scale)
    if spec.type is FieldType.ANYTYPE:
        return _any(_text(spec, most_bytes))
    simple = _SIMPLE.get(spec.type)
    return _text(spec, most_bytes) if simple is None else simple


def _protected(spec: FieldSpec, most_bytes: int | None) -> Converter:
    length = spec.length
    longest = longest_token(length)
    if spec.type is FieldType.ANYTYPE:
        fits, wanted = is_any_token, "a value"
    elif is_text_in_json(spec.type):
        fits, wanted = is_token, "a text"
    else:
        fits, wanted = is_misfit_token, "what is no text"

    def convert(value: object) -> str:
        if not fits(value):
            kind = "an encrypted value of another type" if is_any_token(value) else _kind(value)
            raise MisfitError(Rule.WRONG_TYPE, f"expected {wanted}, got {kind}")
        size = len(str(value))
        if size > longest:
            raise MisfitError(
                Rule.TOO_LONG, f"encrypted, and longer than the {length} characters of the catalogue can be"
            )
        if most_bytes is not None and size > most_bytes:
            raise MisfitError(
                Rule.TOO_LONG, f"{size} bytes encrypted, the warehouse's longest text is {most_bytes}"
            )
        return str(value)

    return convert


def _text(spec: FieldSpec, most_bytes: int | None) -> Converter:
    length, is_cut = text_size(spec), spec.too_long is TooLong.CUT and spec.type not in IDS
    most = most_text_bytes(spec, most_bytes)
    # Any text of so many characters fits, and of so many that are one byte each.
    safe, plain = (length, length) if most is None else (min(length, most // UTF8_BYTES), min(length, most))

    def convert(value: object) -> str:
        if not isinstance(value, str):
            raise MisfitError(Rule.WRONG_TYPE, f"expected a text, got {_kind(value)}")
        if (len(value) <= safe or (len(value) <= plain and value.isascii())) and "\x00" not in value:
            return value
        return _odd_text(value, length, most, is_cut=is_cut)

    return convert


def _odd_text(value: str, length: int, most_bytes: int | None, *, is_cut: bool) -> str:
    notes = []
    if "\x00" in value:
        value = value.replace("\x00", "")
        notes.append(
            Note(
                Rule.NUL_REMOVED,
                Severity.NOTE,
                "texts hold what no warehouse stores (NUL, half of a surrogate pair); they land without it",
            )
        )
    trouble = _too_long(value, length, most_bytes)
    if trouble and not is_cut:
        raise MisfitError(Rule.TOO_LONG, trouble)
    if trouble:
        notes.append(Note(Rule.CUT, Severity.WARN, f"{trouble}; it landed cut"))
        value = value[:length]
        if most_bytes is not None:
            value = value.encode()[:most_bytes].decode(errors="ignore")
    if notes:
        raise NotedError(value, notes)
    return value


def _too_long(value: str, length: int, most_bytes: int | None) -> str:
    """Why the text is too long; empty when it is not."""
    if len(value) > length:
        return f"{len(value)} characters, the catalogue allows {length}"
    if most_bytes is not None and (size := len(value.encode())) > most_bytes:
        return f"{size} bytes, the warehouse's longest text is {most_bytes}"
    return ""


def _any(text: Converter) -> Converter:
    def convert(value: object) -> Any:
        if isinstance(value, bool):
            return "true" if value else "false"
        return text(str(value) if isinstance(value, int | float | Decimal) else value)

    return convert


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise MisfitError(Rule.WRONG_TYPE, f"expected true or false, got {_kind(value)}")
    return value


def _integer(value: object) -> int:
    # Salesforce prints whole numbers of some types as 10.0.
    if isinstance(value, float | Decimal) and not isfinite(value):
        raise MisfitError(Rule.OUT_OF_RANGE, _BEYOND)
    whole = int(value) if isinstance(value, float | Decimal) and value == int(value) else value
    if not isinstance(whole, int) or isinstance(whole, bool):
        raise MisfitError(Rule.WRONG_TYPE, f"expected a whole number, got {_kind(value)}")
    if not -_MAX_INTEGER <= whole < _MAX_INTEGER:
        raise MisfitError(Rule.OUT_OF_RANGE, "the number does not fit a whole number of 64 bits")
    return whole


def _double(value: object) -> float:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        raise MisfitError(Rule.WRONG_TYPE, f"expected a number, got {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not isfinite(number):
        raise MisfitError(Rule.OUT_OF_RANGE, _BEYOND)
    if isinstance(value, int) and abs(value) > EXACT_DOUBLE and int(number) != value:
        detail = (
            "numbers have more digits than a binary column holds; give the field a `scale` in the catalogue"
        )
        raise NotedError(number, [Note(Rule.ROUNDED, Severity.NOTE, detail)])
    return number


def _decimal(scale: int) -> Converter:
    step = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (DIGITS_MAX - scale)
    exact = EXACT_DOUBLE / 10**scale

    def convert(value: object) -> Decimal:
        if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
            raise MisfitError(Rule.WRONG_TYPE, f"expected a number, got {_kind(value)}")
        # repr gives the shortest decimal that reads back as the same double: the amount that was
        # meant.
        amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        try:
            rounded = amount.quantize(step, context=_ROUNDING)
        except InvalidOperation as error:
            raise MisfitError(Rule.OUT_OF_RANGE, _BEYOND) from error
        if not rounded.is_finite() or abs(rounded) >= limit:
            detail = f"the number has more than {DIGITS_MAX - scale} digits before the point"
            raise MisfitError(Rule.OUT_OF_RANGE, detail)
        if isinstance(value, float) and abs(value) >= exact:
            detail = f"a binary number does not hold {DIGITS_MAX} digits exactly; the record is read again"
            raise MisfitError(Rule.DIGITS_LOST, detail)
        if rounded != amount:
            detail = f"numbers have more than {scale} decimal places; they land rounded half to even"
            raise NotedError(rounded, [Note(Rule.ROUNDED, Severity.NOTE, detail)])
        return rounded

    return convert


def _date(value: object) -> date:
    if not isinstance(value, str):
        raise MisfitError(Rule.WRONG_TYPE, f"expected a date, got {_kind(value)}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise MisfitError(Rule.WRONG_TYPE, "expected a date, YYYY-MM-DD") from error


def _datetime(value: object) -> datetime:
    if not isinstance(value, str):
        raise MisfitError(Rule.WRONG_TYPE, f"expected a datetime, got {_kind(value)}")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise MisfitError(Rule.WRONG_TYPE, "expected an ISO 8601 datetime") from error
    if moment.tzinfo is None:
        raise MisfitError(Rule.WRONG_TYPE, "expected a datetime with a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise MisfitError(Rule.OUT_OF_RANGE, "the datetime is outside the years 1 to 9999 in UTC") from error


def _time(value: object) -> str:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise MisfitError(Rule.WRONG_TYPE, f"expected a time, HH:MM:SS.mmmZ, got {_kind(value)}")
    return f"{found[0][:_SECONDS_END]}.{(found[1] or '')[:3]:0<3}"


_SIMPLE: dict[FieldType, Converter] = {
    FieldType.BOOLEAN: _boolean,
    FieldType.INT: _integer,
    FieldType.LONG: _integer,
    FieldType.DOUBLE: _double,
    FieldType.PERCENT: _double,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.TIME: _time,
}


def _kind(value: object) -> str:
    """The kind of a JSON value, without showing it: it may be personal."""
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        Decimal: "a number",
        dict: "an object",
        list: "a list",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
