"""A batch's events as Parquet-ready tables: typed changes and refusals of each object."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from schemas.catalogue import Catalogue, ObjectSpec
from schemas.raw import RAW_SCHEMA
from schemas.tables import QUARANTINE_COLUMNS, arrow_schema, staged_columns
from transforms.decode import DecodedObject, RawEvent, Refusal, decode_events

REFUSED_SCHEMA = arrow_schema([column for column in QUARANTINE_COLUMNS if column.name != "quarantined_at"])


class ObjectShare(NamedTuple):
    """One object's share of a batch."""

    landed: int
    """Changes in the raw file; equals typed plus refused ones."""
    changes: pa.Table | None
    """Typed changes in the columns of `staged_columns`; None for an object that the catalogue lacks."""
    refused: pa.Table
    """Refused changes in the columns of `REFUSED_SCHEMA`."""


def stage_objects(raw: pa.Table, catalogue: Catalogue, *, batch: str) -> dict[str, ObjectShare]:
    """The shares of a raw file (columns of `RAW_SCHEMA`) by the object's name as received."""
    staged = {}
    for name, decoded in decode_events(_events(raw), catalogue).items():
        spec = catalogue.objects.get(name)
        changes = None if spec is None else _typed(decoded, spec, batch)
        staged[name] = ObjectShare(decoded.landed, changes, _refused(decoded.refusals, batch))
    return staged


def _events(raw: pa.Table) -> Iterator[RawEvent]:
    columns = [raw[name].to_pylist() for name in RAW_SCHEMA.names]
    for position, name, changes, received_at, event in zip(*columns, strict=True):
        yield RawEvent(position, name, changes, received_at, event)


def _typed(decoded: DecodedObject, spec: ObjectSpec, batch: str) -> pa.Table:
    schema = arrow_schema(staged_columns(spec))
    count = len(decoded.rows)
    columns = list(zip(*decoded.rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.repeat(pa.scalar(batch, field.type), count) if field.name == "batch" else pa.array(values, field.type)
        for field, values in zip(schema, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _refused(refusals: list[Refusal], batch: str) -> pa.Table:
    rows = [
        {
            "batch": batch,
            "ordinal": refusal.ordinal,
            "object": refusal.object,
            "record_id": refusal.record_id,
            "position": refusal.position,
            "reason": refusal.reason,
            "detail": refusal.detail,
            "event": refusal.event,
            "received_at": refusal.received_at,
        }
        for refusal in refusals
    ]
    return pa.Table.from_pylist(rows, schema=REFUSED_SCHEMA)
