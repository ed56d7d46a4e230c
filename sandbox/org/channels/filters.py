"""Filter expressions of channel members: a part of SOQL's conditions, held against an event instead of a table.

Change Data Capture Developer Guide, "Filter Your Stream of Change Events" (v56.0): fields of the object and of the header, but not
the header's lists.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.org.errors import SalesforceError
from sandbox.org.soql.entities import Entity
from sandbox.org.soql.errors import SoqlError
from sandbox.org.soql.literals import number_value, string_value
from sandbox.org.soql.nodes import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    FieldPath,
    Literal,
    LiteralKind,
    Membership,
    Negation,
)
from sandbox.org.soql.parser import parse

_HEADER = "ChangeEventHeader"
_HEADER_FIELDS = frozenset(
    ["entityName", "changeType", "changeOrigin", "transactionKey", "sequenceNumber", "commitTimestamp", "commitNumber", "commitUser"]
)  # fmt: skip
_LISTS = frozenset({"recordids", "nulledfields", "difffields", "changedfields"})


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A checked expression."""

    text: str
    condition: Condition
    fields: tuple[str, ...]
    """The object's fields in it: they are enriched, so that there is something to compare."""

    def holds(self, payload: Mapping[str, Any], *, unknown: bool = False) -> bool:
        """True when the event passes. `unknown` is what a comparison of a field of the record comes to, for gap events."""
        return _holds(self.condition, payload, unknown=unknown)


def event_filter(text: str, entity: Entity) -> EventFilter:
    """Read an expression; raises `SalesforceError` for what a channel member refuses."""
    try:
        condition = parse(f"SELECT Id FROM {entity.name} WHERE {text}").where
    except SoqlError as error:
        raise _refused(text, error.message) from error
    if condition is None:
        raise _refused(text, "it is empty")
    names: list[str] = []
    _check(condition, entity, names, text)
    return EventFilter(text, condition, tuple(dict.fromkeys(names)))


def _refused(text: str, why: str) -> SalesforceError:
    return SalesforceError(
        "INVALID_INPUT", f"The filter expression isn't valid: {text}: {why}", fields=["FilterExpression"]
    )


def _check(condition: Condition, entity: Entity, names: list[str], text: str) -> None:
    match condition:
        case AllOf(operands) | AnyOf(operands):
            for operand in operands:
                _check(operand, entity, names, text)
        case Negation(operand):
            _check(operand, entity, names, text)
        case Comparison(left=FieldPath() as left) | Membership(left=FieldPath() as left, members=tuple()):
            _check_field(left, entity, names, text)
        case _:
            raise _refused(text, "only comparisons and lists of values are supported")


def _check_field(path: FieldPath, entity: Entity, names: list[str], text: str) -> None:
    name = path.parts[-1]
    if name.lower() in _LISTS:
        raise _refused(text, f"{name} can't be filtered by")
    if path.parts[0] == _HEADER or name in _HEADER_FIELDS:
        if name not in _HEADER_FIELDS:
            raise _refused(text, f"the header has no field {name}")
        return
    found = entity.by_lower_name.get(path.parts[0].lower())
    if found is None:
        raise _refused(text, f"No such column '{path.text}' on {entity.name}")
    names.append(found.name)


def _holds(condition: Condition, payload: Mapping[str, Any], *, unknown: bool) -> bool:
    match condition:
        case AllOf(operands):
            return all(_holds(each, payload, unknown=unknown) for each in operands)
        case AnyOf(operands):
            return any(_holds(each, payload, unknown=unknown) for each in operands)
        case Negation(operand):
            return unknown or not _holds(operand, payload, unknown=False)
        case Comparison(left=FieldPath() as left):
            found = _value(left, payload)
            return unknown if found is _ABSENT and unknown else _compared(condition, found)
        case Membership(left=FieldPath() as left, members=tuple() as members):
            found = _value(left, payload)
            if found is _ABSENT and unknown:
                return True
            return (_folded(found) in [_folded(_literal(each)) for each in members]) != condition.negated
        case _:
            return False


_ABSENT = object()


def _value(path: FieldPath, payload: Mapping[str, Any]) -> Any:
    name = path.parts[-1]
    if path.parts[0] == _HEADER or name in _HEADER_FIELDS:
        return payload.get(_HEADER, {}).get(name)
    lower = path.parts[0].lower()
    found = next((value for key, value in payload.items() if key.lower() == lower), _ABSENT)
    for part in path.parts[1:]:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _compared(condition: Comparison, found: Any) -> bool:
    wanted = _literal(condition.right)
    left, right = _folded(None if found is _ABSENT else found), _folded(wanted)
    if condition.operator == "LIKE":
        return isinstance(left, str) and _like(str(right), left)
    if condition.operator in ("=", "!="):
        return bool(left == right) == (condition.operator == "=")
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return False
    return bool(
        {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[condition.operator]
    )


def _like(pattern: str, text: str) -> bool:
    escaped = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(escaped, text, re.DOTALL) is not None


def _literal(literal: Literal) -> Any:
    match literal.kind:
        case LiteralKind.STRING:
            return string_value(literal)
        case LiteralKind.NUMBER:
            return number_value(literal)
        case LiteralKind.BOOLEAN:
            return literal.text.lower() == "true"
        case LiteralKind.NULL:
            return None
        case _:
            return literal.text


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
