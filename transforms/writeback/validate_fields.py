"""The fields of one writeback, one by one: what is stored of each, and which records they point to.
Pure.
"""

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from schemas.writeback.messages import WritebackRequest
from transforms.writeback.field_rules import FieldRule, ObjectRules, ParentRule, nearest, shown
from transforms.writeback.validate_values import UnfitError

_ASCII_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}


class ParentKey(NamedTuple):
    """A parent that is given by an external id."""

    object: str
    field: str
    value: str
    """As stored: a token when the field is protected."""

    @property
    def locks(self) -> frozenset[str]:
        """Its names among locks: `writeback.record` of the store has the same form. Two for a value
        with capitals beyond ASCII: whether a database's `lower` knows those depends on its
        locale.
        """
        lowered = {self.value.lower(), self.value.translate(_ASCII_LOWER)}
        return frozenset(f"{self.object}.{self.field}={value}" for value in lowered)


@dataclass
class FieldReading:
    """Convert one writeback's fields, field by field."""

    rules: ObjectRules
    request: WritebackRequest
    key_field: str
    protected: Callable[[FieldRule, object], Any]
    protected_key: Callable[[FieldRule, object], Any]
    """Of external ids."""
    fields: dict[str, Any] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    keys: set[ParentKey] = field(default_factory=set)

    def take(self, name: str, value: object) -> None:
        """One more field; raises `UnfitError`."""
        rules = self.rules
        if name == self.key_field:
            _require_same(rules.fields[name], self.request.external_id, value)
        elif (rule := rules.fields.get(name)) is not None:
            stored = self.fields[name] = self._value(rule, value)
            if rule.locks and stored is not None:
                self.ids.add(stored)
        elif (parent := rules.parents.get(name)) is not None:
            key, sent = self._parent(parent, value)
            self.fields[name] = {key.field: sent}
            if rules.fields[parent.field].locks:
                self.keys.add(key)
        else:
            raise UnfitError(unknown_field(rules, name))

    def _value(self, rule: FieldRule, value: object) -> Any:
        if rule.read_only:
            raise UnfitError(rule.read_only)
        checked = None if value is None else rule.check(value)
        if checked is None and rule.never_empty:
            raise UnfitError(rule.never_empty)
        return None if checked is None else self.protected(rule, checked)

    def _parent(self, parent: ParentRule, value: object) -> tuple[ParentKey, Any]:
        """The parent's key, and its value as it is sent."""
        if parent.field in self.request.fields:
            raise UnfitError(f"gives the same parent as {parent.field}; leave one of them out")
        if not parent.object or not parent.keys:
            raise UnfitError(
                f"leads to no object with an external id in the catalogue; give {parent.field} with the id"
            )
        if reason := self.rules.fields[parent.field].read_only:
            raise UnfitError(f"leads through {parent.field}, which {reason}")
        listed = " or ".join(parent.keys)
        if not isinstance(value, Mapping) or len(value) != 1:
            raise UnfitError(
                f"takes one external id of {parent.object}, as {{{listed}: value}}; to empty it, give {parent.field}: null"
            )
        [(name, given)] = value.items()
        rule = parent.keys.get(name)
        if rule is None:
            raise UnfitError(
                f"is given by {shown(str(name))}, which is no external id field of {parent.object}; give {listed}"
            )
        sent = self.protected_key(rule, _parent_value(rule, name, given))
        return ParentKey(parent.object, name, str(sent)), sent


def _parent_value(rule: FieldRule, name: str, given: object) -> Any:
    try:
        return _full(None if given is None else rule.check(given))
    except UnfitError as error:
        raise UnfitError(f"is given by {name}, which {error}") from None


def _full(value: object) -> object:
    if value is None:
        raise UnfitError("is empty; give its value")
    if isinstance(value, str):
        require_trimmed(value)
    return value


def require_trimmed(text: str) -> None:
    """Raises `UnfitError` for a text with blanks at its ends."""
    # Salesforce cuts blanks off the ends of a text, and would not find the record again.
    if text != text.strip():
        raise UnfitError("begins or ends with a blank; cut it off")


def as_key(rule: FieldRule, value: str) -> Any:
    """An external id as its field's type has it."""
    if rule.spec.type.value not in ("int", "double"):
        return rule.check(value)
    try:
        number = int(value) if rule.spec.type.value == "int" else float(value)
        checked = rule.check(number)
        is_exact = isinstance(number, int) or Decimal(value) == Decimal(repr(number))
    except (ValueError, InvalidOperation) as error:
        raise UnfitError(str(error) if isinstance(error, UnfitError) else "takes a number") from None
    if not is_exact:
        # Rounded, it would be another record's.
        raise UnfitError("has more digits than a number keeps; use a text field as the external id")
    return checked


def _require_same(rule: FieldRule, external_id: str, value: object) -> None:
    """The external id may stand among the fields too, when it is the same."""
    if value is None or rule.check(value) != as_key(rule, external_id):
        raise UnfitError("is the external id, and has another value here; leave it out of the fields")


def unknown_field(rules: ObjectRules, name: str) -> str:
    """The reason why a name that the catalogue lacks cannot be written, and the remedy."""
    if parts := rules.compounds.get(name):
        return f"is made of {', '.join(parts)}; give those"
    fact = rules.described.get(name)
    if name in ("Id", "IsDeleted", "SystemModstamp") or (fact and not (fact.createable or fact.updateable)):
        return "is written by Salesforce alone; leave it out"
    near = nearest(name, (*rules.fields, *rules.parents))
    return f"is not in the catalogue.{near} Correct the name, or have the field added"
