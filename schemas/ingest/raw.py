"""The landed form: the raw file's columns and the manifest that makes it a link of the lane's
chain.

Every lane lands the same columns, events, so nothing after landing knows the transport. What a
backfill reads is landed in the columns of its object (docs/decisions/0015): a thousand rows
weigh less so, and cost a tenth of the time.
"""

from datetime import datetime
from enum import StrEnum

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from schemas.ids import batch_name, batch_workflow_id

RAW_SCHEMA = pa.schema(
    [
        pa.field("position", pa.string(), nullable=False),  # lane position after this event
        # entityName as received; "" when it cannot be read
        pa.field("object", pa.string(), nullable=False),
        # changes in the event: its recordIds, at least 1
        pa.field("changes", pa.int32(), nullable=False),
        pa.field("received_at", pa.timestamp("ms", tz="UTC"), nullable=False),
        # the event's `data` as JSON, PII encrypted
        pa.field("event", pa.large_string(), nullable=False),
    ]
)

ERASED_MARK = "tidegateErased"
"""In the header of an event, and a column of a page: true where the values of a record were
erased. The names of its fields are still there.
"""
UNREADABLE_OBJECT = ""
"""The object of a message that could not be read."""


class Form(StrEnum):
    """How a raw file holds its changes."""

    EVENTS = "events"
    """A row an event, in the columns of `RAW_SCHEMA`."""
    ROWS = "rows"
    """A row a record of one object, in the columns of `transforms.ingest.row_pages.page_schema`."""


class RawErasure(BaseModel):
    """One rewriting of a batch's raw file, by which values of erased records went."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    erasure: str
    """Names it: `tidegate erase show NAME`."""
    at: datetime
    changes: int
    """Changes whose values went."""
    former_sha256: str
    """Of the file before."""


class Manifest(BaseModel):
    """One batch of a lane: the changes after `start` up to and including `end`, and the raw file
    that holds them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    org: str
    lane: str
    start: str
    """Position where the batch begins (exclusive); `origin` for the lane's first."""
    end: str
    """Position of its last event (inclusive); the next batch starts here."""
    raw_key: str
    raw_sha256: str
    raw_bytes: int
    events: int
    landed: dict[str, int]
    """Object name as received -> changes. The left side of law 8."""
    first_received_at: datetime
    last_received_at: datetime
    form: Form = Form.EVENTS
    settled_before: datetime | None = None
    """Of rows: a SystemModstamp before it was a second that was over when the row was read. None of
    events.
    """
    reading: int = 0
    """Of rows: 0 when a row that was read twice with one modstamp is one change; else what tells
    this reading from others of the same modstamp (epoch milliseconds of its beginning), and its
    records are folded again.
    """

    stands_at: datetime | None = None
    """Of rows: as of `BackfillInput`."""
    after_hole: bool = False
    """Of a stream: the bus no longer held what came after `start`. The batch begins with the first
    new event, and what is between was read by repairs; the act `lane.hole` in the audit log says
    which.
    """
    is_partial: bool = False
    """Of rows: True when the page holds some fields only; each row is then an update of these."""
    erasures: tuple[RawErasure, ...] = ()
    """Rewritings of the raw file, the first one first. `raw_key` and `raw_sha256` are those of the
    file that is there now.
    """

    data_key: str = ""
    """Of the key that encrypted new values: its id and its fingerprint, `1:6f0c…`. "" = an older
    release landed it.
    """

    @property
    def batch(self) -> str:
        """The batch's name in tables."""
        return batch_name(self.lane, self.start)

    @property
    def workflow_id(self) -> str:
        return batch_workflow_id(self.org, self.lane, self.start)

    @property
    def changes(self) -> int:
        """Changes over all objects."""
        return sum(self.landed.values())
