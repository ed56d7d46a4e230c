"""The values that may be written to each field of an object, worked out once from the catalogue and
the org's describe. Pure.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.catalogue import Catalogue, FieldSpec, FieldType, ObjectSpec, relationship_name
from schemas.salesforce.describe import DescribedField, DescribedObject
from transforms.writeback.validate_values import ValueCheck, value_check

PREFIXES = {"User": "005", "Group": "00G"}
"""Of objects that every org has and the catalogue does not list (Salesforce Help, "Standard
Field Record ID Prefix Decoder").
"""
UNLOCKED = frozenset(PREFIXES)
"""Objects whose records no write of another record locks."""
SYSTEM_FIELDS = frozenset(
    [
        "Id",
        "IsDeleted",
        "CreatedDate",
        "CreatedById",
        "LastModifiedDate",
        "LastModifiedById",
        "SystemModstamp",
        "LastActivityDate",
        "LastViewedDate",
        "LastReferencedDate",
        "CaseNumber",
    ]
)
"""Fields that only Salesforce writes (Object Reference, "System Fields")."""
_API_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)
_SUGGESTIONS = 3


@dataclass(frozen=True)
class FieldRule:
    """One field that the catalogue has."""

    spec: FieldSpec
    check: ValueCheck
    context: str | None
    """Under which its values are made tokens; None: they are kept in plaintext."""
    read_only: str
    """Why it cannot be written; empty: it can."""
    never_empty: str
    """Why it cannot be emptied; empty: it can."""
    locks: bool
    """True for a reference that points to records which a write locks."""


@dataclass(frozen=True)
class ParentRule:
    """A parent that can be given by an external id, under the name of a relationship."""

    field: str
    """The reference."""
    object: str
    """The parent's object; empty when the catalogue has none or several for the reference."""
    keys: Mapping[str, FieldRule]
    """The parent's external id fields."""


@dataclass(frozen=True)
class ObjectRules:
    """The fields of one object that may be written."""

    name: str
    fields: Mapping[str, FieldRule]
    parents: Mapping[str, ParentRule]
    """By relationship."""
    compounds: Mapping[str, Sequence[str]]
    """Compound field -> the fields it is made of."""
    keys: tuple[str, ...]
    """External id fields."""
    described: Mapping[str, DescribedField]
    """Of fields that the catalogue may lack; empty when nothing is known."""


def object_rules(catalogue: Catalogue, name: str, described: DescribedObject | None) -> ObjectRules:
    """The rules of one object of the catalogue."""
    spec = catalogue.objects[name]
    facts = {} if described is None else described.fields
    fields = {
        field: _field_rule(catalogue, spec, field, facts.get(field), is_described=described is not None)
        for field in spec.fields
    }
    return ObjectRules(
        name=name,
        fields=fields,
        parents=_parents(catalogue, spec),
        compounds={compound: tuple(parts.values()) for compound, parts in spec.compounds.items()},
        keys=_keys(spec),
        described=facts,
    )


def _field_rule(
    catalogue: Catalogue, spec: ObjectSpec, name: str, fact: DescribedField | None, *, is_described: bool
) -> FieldRule:
    field = spec.fields[name]
    return FieldRule(
        spec=field,
        check=value_check(field, fact, _prefixes(catalogue, field)),
        context=f"{spec.name}.{name}" if field.is_protected else None,
        read_only=_read_only(name, fact, is_described=is_described),
        never_empty=_never_empty(name, field),
        locks=field.type is FieldType.REFERENCE and not UNLOCKED.issuperset(field.references),
    )


def _read_only(name: str, fact: DescribedField | None, *, is_described: bool) -> str:
    if name in SYSTEM_FIELDS:
        return "is written by Salesforce alone; leave it out"
    if is_described and fact is None:
        return "is hidden from the integration user; leave it out, or have its permissions changed"
    if fact is not None and not (fact.createable or fact.updateable):
        return "cannot be written, as the org describes it: calculated, or read-only for the integration user; leave it out"
    return ""


def _never_empty(name: str, field: FieldSpec) -> str:
    if field.type is FieldType.BOOLEAN:
        return "takes true or false, and is never empty"
    if field.required or name == "OwnerId":
        return "is required, and cannot be emptied; give a value, or leave it out"
    return ""


def _prefixes(catalogue: Catalogue, field: FieldSpec) -> tuple[str, ...]:
    """Of the ids that it takes; empty when the prefix of one of its objects is not known."""
    known = PREFIXES | {name: spec.key_prefix for name, spec in catalogue.objects.items()}
    found = [known.get(name, "") for name in field.references]
    return tuple(found) if all(found) else ()


def _parents(catalogue: Catalogue, spec: ObjectSpec) -> dict[str, ParentRule]:
    found = {}
    for name, field in spec.fields.items():
        relationship = relationship_name(name) if field.type is FieldType.REFERENCE else None
        if relationship is None:
            continue
        targets = [target for target in field.references if target in catalogue.objects]
        target = targets[0] if len(targets) == 1 else ""
        found[relationship] = ParentRule(
            name, target, _key_rules(catalogue.objects[target]) if target else {}
        )
    return found


def _key_rules(spec: ObjectSpec) -> dict[str, FieldRule]:
    return {
        name: FieldRule(
            spec=spec.fields[name],
            check=value_check(spec.fields[name], None),
            context=f"{spec.name}.{name}" if spec.fields[name].is_protected else None,
            read_only="",
            never_empty="",
            locks=False,
        )
        for name in _keys(spec)
    }


def _keys(spec: ObjectSpec) -> tuple[str, ...]:
    return tuple(name for name, field in spec.fields.items() if field.external_id)


def shown(name: str) -> str:
    """A name as an error may say it: what is no API name may be anything, so it is not said."""
    return name if _API_NAME.fullmatch(name) else "(no API name)"


@lru_cache(maxsize=4_096)
def nearest(name: str, known: tuple[str, ...]) -> str:
    """` Did you mean A or B?` for a name that is not among those that are known; empty when nothing
    is like it.
    """
    lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name[:80].lower(), list(lower), n=_SUGGESTIONS)
    return f" Did you mean {' or '.join(lower[each] for each in found)}?" if found else ""
