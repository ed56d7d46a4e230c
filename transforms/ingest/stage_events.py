"""A batch's events as Parquet-ready tables: typed changes and refusals of each object."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ops_tables import EVENT_BYTES, QUARANTINE_COLUMNS
from schemas.tables import arrow_schema, staged_columns
from transforms.erasure.changes import erase_changes
from transforms.ingest.decode_events import DecodedObject, RawEvent, RefusedChange, decode_events
from transforms.ingest.wide_rows import fitted

REFUSED_SCHEMA = arrow_schema([column for column in QUARANTINE_COLUMNS if column.name != "quarantined_at"])


_IN_RAW = '{"event":"longer than its column; it is in the raw file of the batch"}'
_AT_ONCE = 256
"""Events of 4 KB: 1 MB."""
PLACE = "place"
"""Column that a part of a raw file has beside its own: how many changes of the file come before
each event.
"""


def events_of(raw: pa.Table, objects: Collection[str]) -> pa.Table:
    """The events of some objects, with their `PLACE` in the file."""
    if PLACE not in raw.column_names:
        before = pc.subtract(pc.cumulative_sum(raw["changes"].cast(pa.int64())), raw["changes"])
        raw = raw.append_column(PLACE, before)
    return raw.filter(pc.is_in(raw["object"], value_set=pa.array(sorted(objects), pa.string())))


class ObjectSlice(NamedTuple):
    """One object's share of a batch."""

    landed: int
    """Changes in the raw file; equals typed plus refused ones."""
    changes: pa.Table | None
    """Typed changes in the columns of `staged_columns`; None for an object that the catalogue
    lacks.
    """
    refused: pa.Table
    """Refused changes in the columns of `REFUSED_SCHEMA`."""


def stage_objects(
    raw: pa.Table, catalogue: Catalogue, *, batch: str, judged_ms: int = 0
) -> dict[str, ObjectSlice]:
    """The shares of a raw file (columns of `RAW_SCHEMA`) by the object's name as received;
    `judged_ms` as of `decode_events`.
    """
    staged = {}
    found = decode_events(_events(raw), catalogue, judged_ms=judged_ms)
    for name in list(found):
        decoded = found.pop(name)  # its rows are not kept beside the tables of the others
        spec = catalogue.objects.get(name)
        changes = None
        if spec is not None:
            changes = erase_changes(fitted(typed_table(decoded, spec, batch), spec), spec, decoded.erased)
        staged[name] = ObjectSlice(decoded.landed, changes, refused_table(decoded.refusals, batch))
    return staged


def _events(raw: pa.Table) -> Iterator[RawEvent]:
    """The events one after another; no more than `_AT_ONCE` are in Python's memory, beside the file
    itself.
    """
    for part in raw.to_batches(max_chunksize=_AT_ONCE):
        yield from _events_of_part(pa.table(part))


def _events_of_part(raw: pa.Table) -> Iterator[RawEvent]:
    received = raw["received_at"].cast(pa.int64())
    # the JSON reader takes bytes; texts would be decoded twice
    events = raw["event"].cast(pa.large_binary())
    columns = [raw["position"], raw["object"], raw["changes"], received, events]
    if PLACE in raw.column_names:
        columns.append(raw[PLACE])
    yield from map(RawEvent, *(column.to_pylist() for column in columns))


def typed_table(decoded: DecodedObject, spec: ObjectSpec, batch: str) -> pa.Table:
    """Decoded changes in the columns of `staged_columns`."""
    schema = arrow_schema(staged_columns(spec))
    count = len(decoded.rows)
    columns = list(zip(*decoded.rows, strict=True)) or [()] * len(schema)
    arrays = [_array(field, values, batch, count) for field, values in zip(schema, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(field: pa.Field, values: Sequence[Any], batch: str, count: int) -> pa.Array:
    if field.name == "batch":
        return pa.repeat(pa.scalar(batch, field.type), count)
    if field.name in ("changed_at", "received_at"):
        return pa.array(values, pa.int64()).cast(field.type)
    return pa.array(values, field.type)


def for_quarantine(refused: pa.Table, at: Sequence[datetime]) -> pa.Table:
    """Refused changes, each refused at its time of `at`, as rows of `ops.quarantine`.

    An event that is longer than its column is left in the raw file.
    """
    stamps = pa.array(at, pa.timestamp("ms", tz="UTC"))
    place = refused.column_names.index("event")
    has_room = pc.less_equal(pc.binary_length(refused["event"]), EVENT_BYTES)
    events = pc.if_else(has_room, refused["event"], pa.scalar(_IN_RAW, refused["event"].type))
    return refused.set_column(place, "event", events).append_column("quarantined_at", stamps)


def refused_table(refusals: list[RefusedChange], batch: str) -> pa.Table:
    """Refusals in the columns of `REFUSED_SCHEMA`."""
    rows = [
        {
            "batch": batch,
            "ordinal": refusal.ordinal,
            "object": refusal.object,
            "record_id": refusal.record_id,
            "position": refusal.position,
            "reason": refusal.reason,
            "detail": refusal.detail,
            "event": refusal.event.decode(),
            "received_at": datetime.fromtimestamp(refusal.received_ms / 1000, UTC),
        }
        for refusal in refusals
    ]
    return pa.Table.from_pylist(rows, schema=REFUSED_SCHEMA)
