"""The acts of the org's administrator: a field appears, disappears, or takes longer texts."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sandbox.org.errors import SalesforceError
from sandbox.org.schema.objects import OrgField
from sandbox.org.state.org import Org
from sandbox.org.state.schema_changes import SchemaChanges
from schemas.catalogue import Catalogue, FieldType
from tests.storm.plan import Act

NEW_FIELD = "Storm__c"
"""The field that appears."""
_LONG = "long " * 80
"""Longer than the texts were before, and not longer than they may be then."""
_REMOVED = {"Account": "Phone", "Contact": "Title", "Case": "Description"}
_LENGTHENED = {"Account": "BillingCity", "Contact": "MailingCity", "Case": "Subject"}
_NEW_LENGTH = 500


class Administrator:
    """Changes fields of the objects that users write."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._changes = SchemaChanges(org)
        self._changed: set[tuple[str, str]] = set()

    def do(self, act: Act) -> None:
        """Carry an act out. Nothing happens when the org refuses it, as a second time."""
        name = tuple(_REMOVED)[act.number % 3]
        change = (self._add, self._remove, self._lengthen)[act.number // 3 % 3]
        with suppress(SalesforceError):
            self._changed.add((name, change(name)))

    def unknown_to(self, decided: Catalogue) -> Iterator[str]:
        """Changes that the engine has not followed, in words.

        `decided`: the catalogue with the engine's decisions.
        """
        for name, field in sorted(self._changed):
            there = self._org.store.objects[name].fields.get(field)
            known = decided.object(name).fields.get(field)
            if known is None or known.held is not (there is None):
                yield f"{name}.{field} is {'gone' if there is None else 'there'}, and the catalogue has {known}"
            elif there is not None and there.length > known.length:
                yield f"{name}.{field} takes {there.length} characters, and the catalogue has {known.length}"

    def _add(self, name: str) -> str:
        self._changes.add(name, NEW_FIELD, OrgField(type=FieldType.STRING, length=80))
        return NEW_FIELD

    def _remove(self, name: str) -> str:
        self._changes.remove(name, _REMOVED[name])
        return _REMOVED[name]

    def _lengthen(self, name: str) -> str:
        field = _LENGTHENED[name]
        old = self._org.store.objects[name].fields[field]
        self._changes.retype(name, field, old.model_copy(update={"length": _NEW_LENGTH}))
        return field


def writable(org: Org, name: str, fields: dict[str, Any], word: str) -> dict[str, Any]:
    """The fields as the object takes them by now, with a value for each that was changed."""
    there = org.store.objects[name].fields
    if NEW_FIELD in there:
        fields = fields | {NEW_FIELD: word}
    if there[_LENGTHENED[name]].length == _NEW_LENGTH:
        fields = fields | {_LENGTHENED[name]: f"{word} {_LONG}".strip()}
    return {each: value for each, value in fields.items() if each in there}
