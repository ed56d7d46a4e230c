"""Take the values of some records out of typed changes, as staging and the change log have them.

A column whose value is gone is named in `isolated_fields`, so the fold leaves it null and unknown,
as it does with a value that did not fit.
"""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import ObjectSpec
from schemas.ingest.change_types import DELETE
from transforms.erasure.curated import without_erased_names
from transforms.erasure.fields import erased_columns, unknown_after_erasure
from transforms.quality import findings

MARKS = frozenset({"isolated_fields", "diff_fields"})
"""Columns of a logged change that say which of its values are gone."""
_OURS = MARKS | {"field_findings"}


def erase_changes(changes: pa.Table, spec: ObjectSpec, ids: Collection[str]) -> pa.Table:
    """The changes (columns of `staged_columns` or `change_columns`) with those of some records
    erased; the same table when it has none of them.
    """
    mask = pc.is_in(changes["record_id"], value_set=pa.array(sorted(ids), changes["record_id"].type))
    if not pc.any(mask, min_count=0).as_py():
        return changes
    erased = erased_columns(spec)
    isolated = _isolated(changes, erased)
    diffs = [without_erased_names(text, erased) for text in changes["diff_fields"].to_pylist()]
    new = {"isolated_fields": isolated, "diff_fields": diffs}
    if "field_findings" in changes.column_names:
        new["field_findings"] = [_found(text, erased) for text in changes["field_findings"].to_pylist()]
    for place, name in enumerate(changes.column_names):
        field = changes.schema.field(place)
        if name in new:
            values = pa.array(new[name], field.type)
        elif name in erased and name not in _OURS:
            values = pa.scalar(None, field.type)
        else:
            continue
        changes = changes.set_column(place, field, pc.if_else(mask, values, changes[name]))
    return changes


def _isolated(changes: pa.Table, erased: frozenset[str]) -> list[str | None]:
    kinds, before = changes["change_type"].to_pylist(), changes["isolated_fields"].to_pylist()
    return [
        isolated if kind == DELETE else unknown_after_erasure(isolated, erased)
        for kind, isolated in zip(kinds, before, strict=True)
    ]


def _found(text: str | None, erased: frozenset[str]) -> str | None:
    """A change's findings without those about erased columns: their details speak of values."""
    if text is None:
        return None
    left = tuple(each for each in findings.read(text) if each.column not in erased)
    return findings.written(left) if left else None
