"""A batch's part as its staged files have it, in the columns of today."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from activities.apply.ledger import BatchSlice
from clients.storage.objects import ObjectStore
from schemas.catalogue import ObjectSpec
from schemas.errors import StaleCatalogueError
from schemas.ingest.change_types import SNAPSHOT
from schemas.ingest.messages import ApplyInput
from schemas.tables import field_columns, staged_columns


def read_slice(store: ObjectStore, item: ApplyInput, spec: ObjectSpec | None) -> BatchSlice:
    """The batch's part in the columns of `spec`; None: of an object that the catalogue lacks."""
    staged = item.staged
    changes = None
    if staged.staged_key is not None and spec is not None:
        changes = with_columns(pq.read_table(pa.BufferReader(store.get(staged.staged_key))), spec)
    refused = None
    if staged.refused_key is not None:
        refused = pq.read_table(pa.BufferReader(store.get(staged.refused_key)))
    return BatchSlice(item, changes, refused)


def with_columns(changes: pa.Table, spec: ObjectSpec) -> pa.Table:
    """Staged changes in the columns of today. Raises `StaleCatalogueError` when they have columns
    that the spec lacks.

    What was staged before a field was added has no column of it. Readings say nothing of the
    field then, so they name what they carry; an event that had carried the field would have been
    refused.
    """
    wanted = pa.schema([(column.name, column.arrow) for column in staged_columns(spec)])
    there = set(changes.column_names)
    if there - set(wanted.names):
        raise StaleCatalogueError(object_name=spec.name)
    if missing := [name for name in wanted.names if name not in there]:
        changes = _with_missing(changes, missing, spec)
    return changes.select(wanted.names).cast(wanted)


def _with_missing(changes: pa.Table, missing: Sequence[str], spec: ObjectSpec) -> pa.Table:
    """The changes with empty columns for what came after they were staged."""
    there = set(changes.column_names)
    if not there.issuperset(spec.columns.values()):
        carried = ",".join(column.name for column in field_columns(spec) if column.name in there)
        is_reading = pc.and_(
            pc.equal(changes["change_type"], SNAPSHOT), pc.is_null(changes["changed_fields"])
        )
        place = changes.column_names.index("changed_fields")
        named = pc.if_else(is_reading, pa.scalar(carried, pa.large_string()), changes["changed_fields"])
        changes = changes.set_column(place, "changed_fields", named)
    types = {column.name: column.arrow for column in staged_columns(spec)}
    for name in missing:
        changes = changes.append_column(name, pa.nulls(len(changes), types[name]))
    return changes
