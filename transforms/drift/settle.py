"""Find decisions that the catalogue's file has settled. No I/O.

A decision keeps its advice until somebody follows it. Most are followed in the file: it gets the
field, its type, or a word that the field is ignored. Nothing differs then, so no new decision says
that nobody has to do anything.
"""

from collections.abc import Iterable, Mapping, Set

from schemas.catalogue import ObjectSpec
from schemas.drift import WHOLE_OBJECT, DriftEffect, DriftKind, DriftPolicy, DriftRow, FieldDrift
from schemas.salesforce.object_shape import FieldDescription
from transforms.drift.compare_schema import compare_schema


def settled_fields(
    spec: ObjectSpec,
    described: Iterable[FieldDescription],
    policy: DriftPolicy,
    history: Mapping[str, DriftRow],
    found: Iterable[FieldDrift],
) -> list[FieldDrift]:
    """Fields with advice about which file and org agree by now.

    Args:
        spec: The object as the file has it, without decisions over it.
        described: All fields of the object in the org.
        policy: What to do with new fields.
        history: The last decision about each field.
        found: Differences that are decided in this check: they speak for themselves.
    """
    open_fields = {name for name, row in history.items() if row.advice} - {each.field for each in found}
    if not open_fields:
        return []
    differ = {each.field for each in compare_schema(spec, described, policy, {})}
    return [_settled_row(history[name]) for name in sorted(open_fields - differ)]


def settled_objects(decisions: Iterable[DriftRow], objects: Set[str]) -> list[FieldDrift]:
    """Fields with advice of objects that the file has no more.

    Args:
        decisions: All, in order.
        objects: Of the catalogue.
    """
    newest = {(row.object, row.field): row for row in decisions if row.object not in objects}
    return [_settled_row(row) for row in newest.values() if row.advice]


def is_lost(history: Mapping[str, DriftRow]) -> bool:
    """True when the last decision about an object says that the org has it no more."""
    last = history.get(WHOLE_OBJECT)
    return last is not None and last.kind is DriftKind.REMOVED


def _settled_row(row: DriftRow) -> FieldDrift:
    return FieldDrift(
        object=row.object,
        field=row.field,
        kind=DriftKind.SETTLED,
        effect=DriftEffect.SETTLED,
        was=row.was,
        now=row.now,
    )
