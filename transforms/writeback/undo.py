"""Restore the values that writebacks replaced. Pure, and values of PII fields are tokens all the
way.

An undo is a writeback like any other: it goes the same road, and holds only where the record
still has what the undone one wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.catalogue import FieldType, ObjectSpec, relationship_name
from transforms.writeback.field_rules import UNLOCKED


@dataclass(frozen=True)
class Written:
    """A writeback that may have changed a record."""

    number: int
    batch: str | None
    fields: Mapping[str, Any]
    """As stored."""
    replaced: Mapping[str, Any] | None
    """Field -> value before; a parent is the reference that it was. None: there was no record."""
    undoes: int | None


@dataclass(frozen=True)
class Revert:
    """The undo of one writeback."""

    fields: dict[str, Any]
    """The values to write; empty when there is nothing to restore."""
    only_if: dict[str, Any]
    """The values that the undone one wrote. Without parents that it gave by an external id: their
    ids are not known.
    """
    kept: dict[str, str] = field(default_factory=dict)
    """Field -> why it is not brought back."""


def revert(row: Written, later: Sequence[Written], spec: ObjectSpec) -> Revert:
    """Restore the value that a writeback replaced.

    Args:
        row: The writeback; done.
        later: Those of the same record that came after it and are done or on their way.
        spec: The object.
    """
    references = {relationship_name(name): name for name in _references(spec)}
    # Merged into one entry with later ones: what those name as well was never written from here.
    merged = [each for each in later if each.batch is not None and each.batch == row.batch]
    covered = {name for each in merged for name in _names(each, references)}
    writers = {name: each for each in _effective(row, later) for name in _names(each, references)}
    made = Revert({}, {})
    for name, sent in row.fields.items():
        stored = references.get(name, name)
        by = writers.get(stored)
        if stored in covered:
            continue
        if by is not None:
            made.kept[name] = f"writeback {by.number} wrote it later; undo that one as well"
        elif row.replaced is None or stored not in row.replaced:
            made.kept[name] = "what was there before is not known"
        else:
            made.fields[stored] = row.replaced[stored]
            if not isinstance(sent, Mapping):
                made.only_if[stored] = sent
    return made


def locked_by(fields: Mapping[str, Any], spec: ObjectSpec) -> set[str]:
    """Ids of the records that are locked while these fields are written."""
    names = {name for name in _references(spec) if not UNLOCKED.issuperset(spec.fields[name].references)}
    return {str(value) for name, value in fields.items() if name in names and value is not None}


def _references(spec: ObjectSpec) -> list[str]:
    return [name for name, each in spec.fields.items() if each.type is FieldType.REFERENCE]


def _names(row: Written, references: Mapping[str | None, str]) -> list[str]:
    return [references.get(name, name) for name in row.fields]


def _effective(row: Written, later: Sequence[Written]) -> list[Written]:
    """The later ones that still count, in their order: an undo and what it undoes leave the record
    as it was between.
    """
    cancelled: set[int] = set()
    found = []
    for each in sorted(later, key=lambda one: one.number, reverse=True):
        if each.number in cancelled:
            continue
        if each.undoes is not None and each.undoes > row.number:
            cancelled.add(each.undoes)
            continue
        found.append(each)
    return found[::-1]
