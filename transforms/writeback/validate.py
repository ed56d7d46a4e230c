"""Is a writeback one that the org can be asked for? Checked before it is accepted, against the
catalogue and what the org described. Pure.

What passes is ready to be stored: personal values are tokens, ids are whole, and the records
that it locks are named. What does not pass is refused with the field's name and what to do; no
message says a value.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.salesforce.describe import DescribedObject
from schemas.writeback.messages import RefusedWriteback, WritebackRequest
from transforms.pii import Protector, Seal
from transforms.writeback.field_rules import FieldRule, ObjectRules, nearest, object_rules, shown
from transforms.writeback.validate_fields import (
    FieldReading,
    ParentKey,
    as_key,
    require_trimmed,
    unknown_field,
)
from transforms.writeback.validate_values import UnfitError, keepable

Described = Callable[[str], DescribedObject | None]
"""Facts about an object by its name."""
_FINGERPRINT = "writeback.fingerprint"


@dataclass(frozen=True, slots=True)
class PreparedWriteback:
    """A writeback that may be accepted, in the form in which it is stored."""

    index: int
    request: WritebackRequest
    key_field: str
    external_id: str
    """A token when the field is protected."""
    fields: dict[str, Any]
    """REST's JSON; protected values are writebacks' own tokens of "Object.Field", also inside a
    parent given by external id.
    """
    only_if: dict[str, Any] | None
    parent_ids: frozenset[str]
    """Records that it points to, by id."""
    parent_keys: frozenset[ParentKey]
    """Records that it points to, by external id."""


class _Faults:
    """Errors of one writeback, by place."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def add(self, place: str, message: str) -> None:
        self.found.append((place, message))

    def refusal(self, index: int, key: str) -> RefusedWriteback:
        """All of it in one: the first in full, the others by their names."""
        first, message = self.found[0]
        others = ", ".join(dict.fromkeys(place for place, _ in self.found[1:]))
        more = f" Also wrong: {others}." if others else ""
        return RefusedWriteback(index=index, key=key, field=first, message=f"{message}.{more}")


class WritebackChecks:
    """The checks of one org."""

    def __init__(
        self, catalogue: Catalogue, protector: Protector, described: Described = lambda _: None
    ) -> None:
        self._catalogue = catalogue
        self._protector = protector
        self._described = described
        self._rules: dict[str, tuple[Mapping[str, ObjectSpec], DescribedObject | None, ObjectRules]] = {}

    def check(
        self, index: int, request: WritebackRequest, now: datetime
    ) -> PreparedWriteback | RefusedWriteback:
        """The writeback as it is stored, or why it is refused. `index`: its place in the request;
        `now`: for its deadline.
        """
        faults = _Faults()
        rules = self._rules_of(request.object)
        if rules is None:
            near = nearest(request.object, tuple(self._catalogue.objects))
            faults.add("object", f"{shown(request.object)} is not in the catalogue.{near} Correct it")
            return faults.refusal(index, request.key)
        key_field, external_id = self._key(rules, request, faults)
        reading = FieldReading(rules, request, key_field, self._protected, self._protected_key)
        for name, value in request.fields.items():
            try:
                reading.take(name, value)
            except UnfitError as error:
                faults.add(f"fields.{shown(name)}", f"{rules.name}.{shown(name)} {error}")
        if not reading.fields and not faults.found:
            faults.add("fields", "There is nothing to write beside the external id; give a field")
        only_if = self._conditions(rules, request.only_if, faults)
        if request.deadline is not None and request.deadline <= now:
            faults.add("deadline", "It is over; give a later one, or none")
        if faults.found:
            return faults.refusal(index, request.key)
        return PreparedWriteback(
            index,
            request,
            key_field,
            external_id,
            reading.fields,
            only_if,
            frozenset(reading.ids),
            frozenset(reading.keys),
        )

    def fingerprint(self, request: WritebackRequest) -> str:
        """SHA-256 (hex) of what was asked, the same for the same content whatever the catalogue
        says.

        Taken over a token, so that nobody without the data key can find out a personal value by
        trying; of the org's first key, so that a rotation makes no other content of it.
        """
        asked = request.model_dump(exclude_defaults=True)
        for name in ("deadline", "unchanged_since"):
            if name in asked:
                asked[name] = asked[name].astimezone(UTC).isoformat()
        text = json.dumps(asked, sort_keys=True, default=str)
        token = self._protector.seal(Seal(_FINGERPRINT), text, None, key_id=self._protector.ring.first.id)
        return hashlib.sha256(token.encode()).hexdigest()

    def _rules_of(self, name: str) -> ObjectRules | None:
        # First, and once: what is decided meanwhile makes another one, so that these rules are made
        # again.
        objects = self._catalogue.objects
        if name not in objects:
            return None
        described = self._described(name)
        known = self._rules.get(name)
        if known is None or known[0] is not objects or known[1] is not described:
            known = self._rules[name] = objects, described, object_rules(self._catalogue, name, described)
        return known[2]

    def _key(self, rules: ObjectRules, request: WritebackRequest, faults: _Faults) -> tuple[str, str]:
        name = request.key_field or (rules.keys[0] if len(rules.keys) == 1 else "")
        listed = " or ".join(rules.keys)
        if not rules.keys:
            faults.add("object", f"{rules.name} has no external id field in the catalogue. Have one added")
        elif not name:
            faults.add("key_field", f"{rules.name} has several external id fields; give {listed}")
        elif name not in rules.keys:
            faults.add("key_field", f"{shown(name)} is no external id field of {rules.name}; give {listed}")
        else:
            return name, self._external_id(rules.fields[name], request.external_id, faults)
        return "", ""

    def _external_id(self, rule: FieldRule, value: str, faults: _Faults) -> str:
        try:
            return str(self._protected_key(rule, as_key(rule, value)))
        except UnfitError as error:
            faults.add("external_id", f"It {error}")
            return ""

    def _conditions(
        self, rules: ObjectRules, given: Mapping[str, Any] | None, faults: _Faults
    ) -> dict[str, Any] | None:
        if given is None:
            return None
        stored = {}
        for name, value in given.items():
            try:
                stored[name] = self._condition(rules, name, value)
            except UnfitError as error:
                faults.add(f"only_if.{shown(name)}", f"{rules.name}.{shown(name)} {error}")
        return stored

    def _condition(self, rules: ObjectRules, name: str, value: object) -> Any:
        rule = rules.fields.get(name)
        if rule is None:
            raise UnfitError(unknown_field(rules, name))
        checked = None if value is None else rule.check(value)
        return None if checked is None else self._protected(rule, checked)

    def _protected(self, rule: FieldRule, value: object) -> Any:
        return value if rule.context is None else self._protector.encrypt_writeback(rule.context, value)

    def _protected_key(self, rule: FieldRule, value: object) -> Any:
        return value if rule.context is None else self._protector.encrypt_writeback_key(rule.context, value)


def parse(index: int, item: object) -> WritebackRequest | RefusedWriteback:
    """A writeback as JSON gives it; refused when its form is wrong, so that its neighbours go
    on.
    """
    if isinstance(item, WritebackRequest):
        return _keepable(index, item)
    try:
        return _keepable(index, WritebackRequest.model_validate(item))
    except ValidationError as error:
        faults = _Faults()
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            place = ".".join(shown(str(part)) for part in each["loc"])
            faults.add(place, str(each["msg"]).removeprefix("Value error, "))
        key = item.get("key") if isinstance(item, Mapping) else None
        return faults.refusal(index, key if isinstance(key, str) and _is_keepable(key) else "")


def _keepable(index: int, request: WritebackRequest) -> WritebackRequest | RefusedWriteback:
    faults = _Faults()
    for name in ("key", "external_id"):
        try:
            require_trimmed(keepable(getattr(request, name)))
        except UnfitError as error:
            faults.add(name, f"It {error}")
    return (
        faults.refusal(index, request.key if _is_keepable(request.key) else "") if faults.found else request
    )


def _is_keepable(text: str) -> bool:
    try:
        return bool(keepable(text))
    except UnfitError:
        return False
