"""Read a batch from the store: its writebacks, its state, and our own last writes of its
records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from clients.writeback.record_outcomes import open_in
from clients.writeback.tables import WRITEBACK, WRITEBACK_BATCH
from schemas.writeback.messages import BatchState, Carrier, WritebackState

Values = Mapping[str, Any]
"""Field -> value; those of PII fields are tokens."""


@dataclass(frozen=True)
class StoredBatch:
    """A batch as it stands."""

    batch: str
    object: str
    carrier: Carrier
    state: BatchState
    sent_at: datetime | None
    job: str | None


@dataclass(frozen=True)
class OwnWrite:
    """The last writeback of a record that is done."""

    sent_at: datetime
    done_at: datetime
    foreign_at: datetime | None
    """The latest time at which somebody else may have changed the record before; None: there was
    no record.
    """
    fields: Values
    """The values of the write."""


class FoundRecord(NamedTuple):
    """A record as it was before it is written."""

    record_id: str
    foreign_at: datetime
    """As of `OwnWrite`."""
    values: Values


@dataclass(frozen=True)
class StoredWriteback:
    """A writeback of a batch that is still open."""

    number: int
    record: str
    key_field: str
    external_id: str
    fields: dict[str, Any]
    deadline: datetime
    accepted_at: datetime
    guarded_from: datetime | None
    """From when on a change in Salesforce is newer than it; None: from its acceptance."""
    may_create: bool
    only_if: dict[str, Any] | None
    unchanged_since: datetime | None
    attempts: int
    replaced: dict[str, Any] | None
    record_id: str | None
    traceparent: str | None = None
    """Of the span that accepted it; None: there was none."""


def read_batch(connection: sa.Connection, batch: str) -> tuple[StoredBatch, list[StoredWriteback]]:
    """A batch, and its writebacks that are still open, in the order of acceptance."""
    columns = [WRITEBACK_BATCH.c[name] for name in StoredBatch.__dataclass_fields__]
    row = connection.execute(sa.select(*columns).where(WRITEBACK_BATCH.c.batch == batch)).one()
    found = StoredBatch(**{**row._mapping, "carrier": Carrier(row.carrier), "state": BatchState(row.state)})
    columns = [WRITEBACK.c[name] for name in StoredWriteback.__dataclass_fields__]
    rows = connection.execute(sa.select(*columns).where(open_in(batch)).order_by(WRITEBACK.c.number))
    return found, [StoredWriteback(**each._mapping) for each in rows]


def read_own_writes(connection: sa.Connection, records: Sequence[str]) -> dict[str, OwnWrite]:
    """Record -> the last writeback of it that is done. A record without one is left out."""
    table = WRITEBACK.c
    # The org tells its time in whole seconds, so within one a later send may have an earlier time.
    second = sa.func.date_trunc("second", table.sent_at)
    query = (
        sa.select(table.record, table.sent_at, table.done_at, table.foreign_at, table.fields)
        .ext(distinct_on(table.record))
        .where(
            table.record == sa.func.any(sa.literal(list(records), sa.ARRAY(sa.Text))),
            table.state == WritebackState.DONE,
            table.sent_at.is_not(None),
        )
        .order_by(table.record, second.desc(), table.number.desc())
    )
    return {
        row.record: OwnWrite(row.sent_at, row.done_at, row.foreign_at, row.fields)
        for row in connection.execute(query)
    }
