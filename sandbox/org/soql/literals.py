"""SOQL's literals as SQLite values: escapes undone, times in UTC at one-second resolution, ids at
18 characters.

The store compares text with text, so a literal must end up in exactly the form in which the
store keeps the field's type.
"""

import re
from datetime import UTC, date, datetime

from sandbox.org.schema.exact import Number, exact
from sandbox.org.schema.ids import eighteen
from sandbox.org.schema.moments import stored_time
from sandbox.org.soql.errors import PlacedSoqlError
from sandbox.org.soql.nodes import Literal

SOQL_MAX_STRING_CHARACTERS = 4_000
"""Of one string in a WHERE clause (SOQL and SOSL Limits); what the refusal says is our guess."""
_LARGEST_INT = 2**63
_ESCAPES = {
    "n": "\n", "N": "\n", "r": "\r", "R": "\r", "t": "\t", "T": "\t", "b": "\b", "B": "\b", "f": "\f", "F": "\f",
    '"': '"', "'": "'", "\\": "\\", "_": "_", "%": "%",
}  # fmt: skip
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ID = re.compile(r"[0-9a-zA-Z]{15}(?:[A-Z0-5]{3})?")


def quote_string(value: str) -> str:
    """`value` as a SOQL string literal, quotes included (SOQL and SOSL Reference, "Quoted String
    Escape Sequences").
    """
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + escaped.replace("\n", "\\n").replace("\r", "\\r") + "'"


def string_value(literal: Literal) -> str:
    """The text that a quoted literal stands for; raises for an escape that SOQL does not have, and
    for a text too long.
    """
    if len(literal.text) - 2 > SOQL_MAX_STRING_CHARACTERS:
        detail = f"String literals cannot be longer than {SOQL_MAX_STRING_CHARACTERS} characters"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=literal.at)
    return _ESCAPE.sub(lambda match: _unescaped(match, literal), literal.text[1:-1])


def like_pattern(literal: Literal) -> str:
    r"""The literal as a pattern for `LIKE … ESCAPE '\'`: only unescaped % and _ stay wildcards."""
    body = literal.text[1:-1]
    pattern, end = "", 0
    for match in _ESCAPE.finditer(body):
        value = _unescaped(match, literal)
        pattern += body[end : match.start()] + (f"\\{value}" if value in "\\%_" else value)
        end = match.end()
    return pattern + body[end:]


def _unescaped(match: re.Match[str], literal: Literal) -> str:
    code, character = match.groups()
    if code is not None:
        return chr(int(code, 16))
    try:
        return _ESCAPES[character]
    except KeyError:
        detail = f"Invalid string literal {literal.text}. Illegal character sequence '\\{character}' in string literal."
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=literal.at) from None


def datetime_value(literal: Literal) -> str:
    """The stored form of a datetime literal: UTC, fractions of a second dropped."""
    try:
        moment = datetime.fromisoformat(literal.text.upper())
        return stored_datetime(moment)
    except (ValueError, OverflowError):
        raise _invalid(literal, "dateTime") from None


def date_value(literal: Literal) -> str:
    """The stored form of a date literal, checked against the calendar."""
    try:
        return date.fromisoformat(literal.text).isoformat()
    except ValueError:
        raise _invalid(literal, "date") from None


def time_value(literal: Literal) -> str:
    """The stored form of a time literal, such as `17:30:00.000Z`."""
    stored = stored_time(literal.text)
    if stored is None:
        raise _invalid(literal, "time")
    return stored


def number_value(literal: Literal) -> Number:
    """The literal as the store has numbers; a whole one is an int."""
    if literal.text.lstrip("+-").isdecimal() and abs(whole := int(literal.text)) < _LARGEST_INT:
        return whole
    return exact(literal.text)


def stored_datetime(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def full_id(text: str) -> str | None:
    """An id of 15 or 18 characters as one of 18, or None when it is neither."""
    return eighteen(text[:15]) if _ID.fullmatch(text) else None


def _invalid(literal: Literal, kind: str) -> PlacedSoqlError:
    return PlacedSoqlError("MALFORMED_QUERY", f"Invalid {kind}: {literal.text}", at=literal.at)
