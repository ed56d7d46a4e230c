"""The fields whose values an erasure takes, and those that it keeps.

Kept is what places a change or adds up to a count: ids, references, times, numbers, flags and
picklists that the catalogue declares to be harmless. Everything else goes: protected fields,
every free text, external ids, and whatever the catalogue does not know
(docs/decisions/0058-erasure-takes-values-and-keeps-places.md).
"""

from functools import lru_cache

from schemas.catalogue import FRACTIONAL, IDS, MOMENTS, WHOLE_NUMBERS, FieldType, ObjectSpec

_KEPT_TYPES = (
    IDS
    | WHOLE_NUMBERS
    | FRACTIONAL
    | MOMENTS
    | {FieldType.BOOLEAN, FieldType.TIME, FieldType.PICKLIST, FieldType.MULTIPICKLIST}
)


def kept_fields(spec: ObjectSpec) -> frozenset[str]:
    """API names of the fields whose values stay."""
    return frozenset(
        name
        for name, field in spec.fields.items()
        if field.type in _KEPT_TYPES and not field.is_protected and not field.external_id
    )


def erased_columns(spec: ObjectSpec) -> frozenset[str]:
    """Columns of the catalogue's fields whose values go."""
    kept = kept_fields(spec)
    return frozenset(column for name, column in spec.columns.items() if name not in kept)


@lru_cache(maxsize=4_096)
def unknown_after_erasure(unknown: str | None, erased: frozenset[str]) -> str | None:
    """`isolated_fields` of a change, or `unknown_fields` of a row, whose erased values are gone:
    every erased column is unknown, like one whose value did not fit.

    All of them, and not only those that the change carries: so each version of the record says the
    same, whichever changes the log still has.

    Args:
        unknown: As it was.
        erased: From `erased_columns`.
    """
    before = frozenset(unknown.split(",")) if unknown else frozenset[str]()
    return ",".join(sorted(before | erased)) or None
