"""One comparison of a filter expression: where its value stands in an event, and what it may be
compared with.

Texts are compared without regard to case, and an empty checkbox counts as false (Change Data
Capture Developer Guide, "Field Considerations").
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from sandbox.org.schema.exact import Exact
from sandbox.org.schema.moments import stored_time
from sandbox.org.soql.entities import ID_KINDS, NUMBER_KINDS, TEXT_KINDS
from sandbox.org.soql.literals import full_id, number_value, string_value
from sandbox.org.soql.nodes import Literal, LiteralKind

Place = tuple[str, ...]
"""Where a field stands in an event: its name, or its compound's and its own inside."""
Test = Callable[[Mapping[str, Any], bool], bool | None]
_HEADER_KINDS = {
    "entityName": "string", "changeType": "string", "changeOrigin": "string", "transactionKey": "string",
    "sequenceNumber": "int", "commitTimestamp": "double", "commitNumber": "double", "commitUser": "reference",
}  # fmt: skip
_HEADER_LISTS = frozenset({"recordids", "nulledfields", "difffields", "changedfields"})
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_LITERALS = {
    **dict.fromkeys(TEXT_KINDS | ID_KINDS, LiteralKind.STRING),
    **dict.fromkeys(NUMBER_KINDS, LiteralKind.NUMBER),
    "boolean": LiteralKind.BOOLEAN,
    "date": LiteralKind.DATE,
    "datetime": LiteralKind.DATETIME,
    "time": LiteralKind.TIME,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The values compared."""

    name: str
    kind: str
    place: Place
    in_header: bool = False

    def value(self, payload: Mapping[str, Any]) -> Any:
        """Its value in an event, ready to be compared; None when there is none."""
        found: Any = payload
        for name in self.place:
            found = found.get(name) if isinstance(found, Mapping) else None
        if found is None:
            return False if self.kind == "boolean" else None
        return _comparable(self.kind, found)


def header_subject(name: str) -> Subject | str:
    """A field of the header, or why it cannot be filtered by."""
    if name.lower() in _HEADER_LISTS:
        return f"ChangeEventHeader.{name} can't be filtered by"
    found = next((each for each in _HEADER_KINDS if each.lower() == name.lower()), None)
    if found is None:
        return f"No such column '{name}' on entity 'ChangeEventHeader'"
    return Subject(found, _HEADER_KINDS[found], ("ChangeEventHeader", found), in_header=True)


def comparison(subject: Subject, operator: str, literal: Literal) -> Test | str:
    """A test of `subject operator literal`, or why there can be none."""
    refusal = _refusal(subject, literal)
    if refusal is not None:
        return refusal
    wanted = _wanted(subject, literal)
    if operator in ("=", "!="):
        return _test(subject, lambda found: (found == wanted) == (operator == "="))
    if subject.kind == "boolean":
        return f"{operator} can't be used with the checkbox {subject.name}"
    if operator == "LIKE":
        if subject.kind not in TEXT_KINDS:
            return f"LIKE can't be used with {subject.name}"
        pattern = _pattern(str(wanted))
        return _test(subject, lambda found: found is not None and pattern.fullmatch(found) is not None)
    if wanted is None:
        return f"{operator} can't be used with null"
    compare = _ORDER[operator]
    return _test(subject, lambda found: found is not None and compare(found, wanted))


def membership(subject: Subject, members: Sequence[Literal], *, negated: bool) -> Test | str:
    """A test of `subject IN (members)`, or why there can be none."""
    refusal = next((found for each in members if (found := _refusal(subject, each)) is not None), None)
    if refusal is not None:
        return refusal
    wanted = frozenset(_wanted(subject, each) for each in members)
    return _test(subject, lambda found: (found in wanted) != negated)


def _test(subject: Subject, holds: Callable[[Any], bool]) -> Test:
    def test(payload: Mapping[str, Any], unknown: bool) -> bool | None:  # noqa: FBT001 -- called by position, per event
        return None if unknown and not subject.in_header else holds(subject.value(payload))

    return test


def _refusal(subject: Subject, literal: Literal) -> str | None:
    kind = _LITERALS.get(subject.kind)
    if kind is None:
        return f"{subject.name} is of a type that can't be filtered by"
    if literal.kind in (kind, LiteralKind.NULL):
        return None
    return (
        f"value of filter criterion for field '{subject.name}' must be of type {subject.kind}: {literal.text}"
    )


def _wanted(subject: Subject, literal: Literal) -> Any:
    match literal.kind:
        case LiteralKind.NULL:
            return False if subject.kind == "boolean" else None
        case LiteralKind.STRING:
            return _comparable(subject.kind, string_value(literal))
        case LiteralKind.NUMBER:
            return _comparable(subject.kind, number_value(literal))
        case LiteralKind.BOOLEAN:
            return literal.text.lower() == "true"
        case _:
            return _comparable(subject.kind, literal.text)


def _comparable(kind: str, value: Any) -> Any:
    if isinstance(value, Exact):
        return Decimal(value)
    if not isinstance(value, str) or kind == "date":
        return value
    if kind in ID_KINDS:
        return full_id(value) or value
    if kind == "time":
        return stored_time(value) or value
    if kind == "datetime":
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value.lower()


def _pattern(text: str) -> re.Pattern[str]:
    escaped = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in text)
    return re.compile(escaped, re.DOTALL)
