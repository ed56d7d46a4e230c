"""Take the values of some records out of pages of rows (`transforms.ingest.row_pages`)."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import ObjectSpec
from schemas.ingest.raw import ERASED_MARK
from transforms.erasure.events import ErasedRaw
from transforms.erasure.fields import kept_fields

_ID = "Id"
_PLACED = frozenset({_ID, "IsDeleted", "SystemModstamp", ERASED_MARK})
"""Columns that place a row, and the mark."""
MARKED = "true"
"""In the column `ERASED_MARK`, for a row whose values are gone; null for any other."""


def erase_page(page: pa.Table, spec: ObjectSpec | None, ids: Collection[str]) -> ErasedRaw:
    """The page with the rows of some records erased. `spec` None keeps nothing but places."""
    mask = pc.is_in(page[_ID], value_set=pa.array(sorted(ids), page[_ID].type))
    found = pc.sum(mask).as_py() or 0
    if not found:
        return ErasedRaw(page, 0, 0)
    marked = _marked(page)
    fresh = pc.and_(mask, pc.invert(marked))
    rewritten = pc.sum(fresh).as_py() or 0
    if not rewritten:
        return ErasedRaw(page, found, 0)
    kept = _PLACED | (frozenset[str]() if spec is None else kept_fields(spec))
    for place, name in enumerate(page.column_names):
        if name not in kept:
            nothing = pa.scalar(None, page.schema.field(place).type)
            page = page.set_column(place, page.schema.field(place), pc.if_else(mask, nothing, page[name]))
    texts = pc.if_else(
        pc.or_(mask, marked), pa.scalar(MARKED, pa.large_string()), pa.scalar(None, pa.large_string())
    )
    if ERASED_MARK in page.column_names:
        page = page.drop_columns([ERASED_MARK])
    return ErasedRaw(page.append_column(ERASED_MARK, texts), found, rewritten)


def erased_ids(page: pa.Table) -> frozenset[str]:
    """The records of a page whose values are gone."""
    if ERASED_MARK not in page.column_names:
        return frozenset()
    return frozenset(page[_ID].filter(_marked(page)).to_pylist())


def _marked(page: pa.Table) -> pa.ChunkedArray:
    if ERASED_MARK not in page.column_names:
        return pa.chunked_array([pa.repeat(pa.scalar(False), len(page))])
    return pc.fill_null(pc.equal(page[ERASED_MARK], MARKED), False)
