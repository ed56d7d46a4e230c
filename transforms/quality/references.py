"""References between records: those whose parents the warehouse has, and those in a group of
changes. No I/O.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ops_tables import QUALITY_COLUMNS
from schemas.quality import ParentState, Rule
from schemas.tables import arrow_schema

ABSENT = "the record {target} is not in the warehouse; nothing is to be done while it may be on its way"
ORPHAN = "orphan: the org has no such parent, or the record still points to a deleted one; correct the reference in the org, or acknowledge it"
SHARED = "the record {target} has the same value; correct one of them in the org, or acknowledge it"


class Pointer(NamedTuple):
    """A reference whose parents are looked for."""

    field: str
    column: str
    parents: Mapping[str, ObjectSpec]
    """Key prefix -> the object, of those that the catalogue has."""


class Pointing(NamedTuple):
    """A live record that points to one that is not there."""

    record_id: str
    field: str
    target: str
    order: str
    batch: str


def pointers(spec: ObjectSpec, catalogue: Catalogue) -> list[Pointer]:
    """The references of an object that point to objects of the catalogue; what points elsewhere is
    left out.
    """
    found = []
    for name in spec.pointers:
        known = [
            catalogue.objects[each] for each in spec.fields[name].references if each in catalogue.objects
        ]
        if known:
            found.append(Pointer(name, spec.columns[name], {each.key_prefix: each for each in known}))
    return found


def children_of(parent: ObjectSpec, catalogue: Catalogue) -> Iterator[tuple[ObjectSpec, Pointer]]:
    """Fields that may point to records of an object."""
    for spec in catalogue.objects.values():
        for pointer in pointers(spec, catalogue):
            if parent.key_prefix in pointer.parents:
                yield spec, pointer


def is_parent(spec: ObjectSpec, catalogue: Catalogue) -> bool:
    """True when something of the catalogue may point to records of the object."""
    return any(
        spec.name in other.fields[name].references
        for other in catalogue.objects.values()
        for name in other.pointers
    )


def looks_at_others(spec: ObjectSpec, catalogue: Catalogue) -> bool:
    """True when a rule about two records concerns the object: its changes are looked at after they
    have landed.
    """
    return bool(spec.unique_fields or pointers(spec, catalogue)) or is_parent(spec, catalogue)


def asked_fields(catalogue: Catalogue, object_name: str, rule: str) -> frozenset[str]:
    """The fields of an object of which `parent` or `unique` is asked; none of an object that the
    catalogue lacks.
    """
    spec = catalogue.objects.get(object_name)
    if spec is None:
        return frozenset()
    if rule == Rule.UNIQUE:
        return frozenset(spec.unique_fields)
    return frozenset(each.field for each in pointers(spec, catalogue))


def parents_of(spec: ObjectSpec, catalogue: Catalogue) -> list[ObjectSpec]:
    """Every object that records of this one may point to, each once."""
    found = {prefix: parent for each in pointers(spec, catalogue) for prefix, parent in each.parents.items()}
    return list(found.values())


def note_table(spec: ObjectSpec, rule: Rule, notes: Sequence[Pointing], at: datetime) -> pa.Table:
    """Findings in the columns of `clients.warehouse.sql.references.NOTED_COLUMNS`."""
    detail = ABSENT if rule is Rule.PARENT else SHARED
    state = str(ParentState.WAITS) if rule is Rule.PARENT else None
    severities = {name: str(spec.fields[name].severity_of(rule)) for name in {each.field for each in notes}}
    rows = [
        {
            "object": spec.name,
            "record_id": note.record_id,
            "field": note.field,
            "rule": str(rule),
            "severity": severities[note.field],
            "detail": detail.format(target=note.target),
            "change_order": note.order,
            "batch": note.batch,
            "first_seen_at": at,
            "last_seen_at": at,
            "seen": 1,
            "target": note.target,
            "state": state,
        }
        for note in notes
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(QUALITY_COLUMNS))
