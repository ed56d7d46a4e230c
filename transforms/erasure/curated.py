"""Take the values of erased records out of curated rows and bases whose changes have left the log,
so that no fold can make the rows again.

The outcome is the row that a fold over the erased changes would give.
"""

import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import ObjectSpec
from transforms.erasure.fields import erased_columns, unknown_after_erasure

_OF_BASES = ("_doubtful", "_grown")


def erase_rows(rows: pa.Table, spec: ObjectSpec) -> pa.Table:
    """The rows (columns of `current_columns`, `history_columns` or `base_columns`) without values.

    Of a base also its remarks about erased texts go: a text that is gone is not doubtful.
    """
    erased = erased_columns(spec)
    for place, field in enumerate(rows.schema):
        if field.name in erased:
            rows = rows.set_column(place, field, pa.nulls(len(rows), field.type))
        elif field.name == "unknown_fields":
            texts = [unknown_after_erasure(text, erased) for text in rows[field.name].to_pylist()]
            rows = rows.set_column(place, field, pa.array(texts, field.type))
        elif field.name in _OF_BASES:
            texts = [without_erased_names(text, erased) for text in rows[field.name].to_pylist()]
            rows = rows.set_column(place, field, pa.array(texts, field.type))
    if "_doubtful" not in rows.column_names:
        return rows
    place = rows.schema.get_field_index("is_complete")
    complete = pc.and_(rows["_whole"], pc.is_null(rows["_doubtful"]))
    return rows.set_column(place, rows.schema.field(place), complete)


def without_erased_names(text: str | None, erased: frozenset[str]) -> str | None:
    """Names of columns, joined by commas, without the erased ones."""
    if text is None:
        return None
    return ",".join(name for name in text.split(",") if name not in erased) or None
