"""Filter expressions of channel members: a part of SOQL's conditions, held against an event instead
of a table.

Fields of the object and of the header may be compared, but not the header's lists (Change Data
Capture Developer Guide, "Filter Expression Format", "Field Considerations"). What cannot be
answered of an event, because a gap event has no values, is unknown, and unknown is neither true
nor false.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.org.errors import SalesforceError
from sandbox.org.events.comparisons import Place, Subject, comparison, header_subject, membership
from sandbox.org.soql.entities import COMPOUNDS, Entity, Field
from sandbox.org.soql.errors import PlacedSoqlError, SoqlError
from sandbox.org.soql.nodes import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Expression,
    FieldPath,
    Membership,
    Negation,
)
from sandbox.org.soql.parser import parse

HEADER = "ChangeEventHeader"
_NOT_IN_EVENTS = frozenset({"Id", "IsDeleted", "SystemModstamp"})
_Verdict = bool | None
_Test = Callable[[Mapping[str, Any], bool], _Verdict]
"""Takes an event's payload and whether its record's values are unknown; None is unknown."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A checked expression."""

    text: str
    fields: tuple[str, ...]
    """The object's fields in it: they are enriched, so that there is something to compare."""
    _test: _Test

    def holds(self, payload: Mapping[str, Any]) -> bool:
        """True when an event with its record's values passes."""
        return self._test(payload, False) is True

    def may_hold(self, payload: Mapping[str, Any]) -> bool:
        """True when nothing that a gap event tells speaks against it."""
        return self._test(payload, True) is not False


def event_filter(text: str, entity: Entity, places: Mapping[str, Place]) -> EventFilter:
    """Read an expression; raises `SalesforceError` for what a channel member refuses. `places` says
    where fields stand in events.
    """
    reader = _Reader(text, entity, places)
    try:
        query = parse(f"SELECT Id FROM {entity.name} WHERE ({text})")
        if query.where is None:
            raise refused(text, "it is empty")
        test = reader.test(query.where)
    except SoqlError as error:
        raise refused(text, error.message) from error
    except PlacedSoqlError as error:
        raise refused(text, error.detail) from error
    except ValueError as error:
        raise refused(text, str(error)) from error
    return EventFilter(text, tuple(dict.fromkeys(reader.fields)), test)


def refused(text: str, why: str) -> SalesforceError:
    """The wording is ours; that a bad expression is refused when the member is saved is
    documented.
    """
    return SalesforceError(
        "INVALID_INPUT", f"The filter expression isn't valid: {text}: {why}", fields=["FilterExpression"]
    )


class _Reader:
    """Turns one expression into a test, and notes the fields that it needs."""

    def __init__(self, text: str, entity: Entity, places: Mapping[str, Place]) -> None:
        self.fields: list[str] = []
        self._text = text
        self._entity = entity
        self._places = places

    def test(self, condition: Condition) -> _Test:
        match condition:
            case AllOf(operands):
                return _all([self.test(each) for each in operands])
            case AnyOf(operands):
                return _any([self.test(each) for each in operands])
            case Negation(operand):
                return _not(self.test(operand))
            case Comparison(left, operator, literal):
                return self._checked(comparison(self._subject(left), operator, literal))
            case Membership(left, negated, tuple() as members):
                return self._checked(membership(self._subject(left), members, negated=negated))
            case _:
                raise refused(self._text, "only comparisons and lists of values are supported")

    def _checked(self, test: _Test | str) -> _Test:
        if isinstance(test, str):
            raise refused(self._text, test)
        return test

    def _subject(self, left: Expression) -> Subject:
        if not isinstance(left, FieldPath):
            raise refused(self._text, "functions aren't supported")
        if left.parts[0].lower() == HEADER.lower():
            found = header_subject(".".join(left.parts[1:]))
            if isinstance(found, str):
                raise refused(self._text, found)
            return found
        field = self._field(left)
        self.fields.append(field.name)
        return Subject(field.name, field.kind, self._places[field.name])

    def _field(self, path: FieldPath) -> Field:
        found = self._entity.by_lower_name.get(path.parts[0].lower())
        if found is not None and len(path.parts) > 1:
            parts = {part.lower(): column for part, column in found.parts.items()}
            column = parts.get(path.parts[1].lower()) if found.is_compound and len(path.parts) == 2 else None
            found = self._entity.fields.get(column or "")
        if found is None or found.name in _NOT_IN_EVENTS or found.is_calculated:
            raise refused(self._text, f"No such column '{path.text}' on entity '{self._entity.name}'")
        if found.kind in COMPOUNDS or found.is_compound:
            raise refused(self._text, f"{found.name} is a compound field; compare its parts")
        return found


def _all(tests: Iterable[_Test]) -> _Test:
    held = tuple(tests)

    def test(payload: Mapping[str, Any], unknown: bool) -> _Verdict:  # noqa: FBT001 -- called by position, per event
        verdicts = [each(payload, unknown) for each in held]
        return False if False in verdicts else None if None in verdicts else True

    return test


def _any(tests: Iterable[_Test]) -> _Test:
    held = tuple(tests)

    def test(payload: Mapping[str, Any], unknown: bool) -> _Verdict:  # noqa: FBT001 -- called by position, per event
        verdicts = [each(payload, unknown) for each in held]
        return True if True in verdicts else None if None in verdicts else False

    return test


def _not(held: _Test) -> _Test:
    def test(payload: Mapping[str, Any], unknown: bool) -> _Verdict:  # noqa: FBT001 -- called by position, per event
        verdict = held(payload, unknown)
        return None if verdict is None else not verdict

    return test
