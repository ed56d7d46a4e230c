"""A guess at fields that were renamed: nothing follows from it but a sentence."""

from collections.abc import Mapping

from schemas.catalogue import (
    TEXTS,
    FieldSpec,
    ObjectSpec,
)
from schemas.drift import DriftKind, FieldDrift
from schemas.salesforce.object_shape import FieldDescription
from transforms.catalogue.described_entries import kind_of


def guess_renames(
    found: list[FieldDrift], there: Mapping[str, FieldDescription], spec: ObjectSpec
) -> list[FieldDrift]:
    """A field that went as another of its type came may have been renamed. It is only a guess,
    so nothing follows from it.
    """
    gone = [each for each in found if each.kind is DriftKind.REMOVED]
    new = [each for each in found if each.kind is DriftKind.ADDED]
    pairs: dict[str, str] = {}
    for old in gone:
        entry = spec.fields[old.field]
        alike = [each.field for each in new if _is_alike(entry, there[each.field])]
        if len(alike) == 1 and alike[0] not in pairs.values():
            pairs[old.field] = alike[0]
    back = {young: old for old, young in pairs.items()}
    return [_with_guess(each, pairs, back) for each in found]


def _is_alike(entry: FieldSpec, field: FieldDescription) -> bool:
    same_length = entry.type not in TEXTS or entry.length == field.length
    return kind_of(field) is entry.type and same_length


def _with_guess(found: FieldDrift, pairs: Mapping[str, str], back: Mapping[str, str]) -> FieldDrift:
    if found.kind is DriftKind.REMOVED and found.field in pairs:
        guess = (
            f"Perhaps it was renamed to {pairs[found.field]}, which came at the same time with the same type."
        )
    elif found.kind is DriftKind.ADDED and found.field in back:
        guess = f"Perhaps it is {back[found.field]} under another name, which went at the same time."
    else:
        return found
    return found.model_copy(update={"advice": f"{guess} {found.advice}".strip()})
