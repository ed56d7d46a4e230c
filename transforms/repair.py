"""Choose re-reads for changes without values: the records, or the part of an object, to read after
a batch was applied.

A gap event names records without values; a wildcard or an overflow names none; an update whose
record was never seen, or whose text diff does not fit, leaves a record that is not complete.
Each becomes a row of `ops.reread`, in the transaction of its batch.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from schemas.ingest.change_types import WHOLE
from schemas.ingest.positions import epoch_ms
from schemas.ops_tables import REREAD_COLUMNS
from schemas.tables import ID_SIZE, arrow_schema
from transforms.ingest.change_header import change_order, moment_of
from transforms.ingest.decode_events import NEEDS_REREAD
from transforms.pii import HEADER
from transforms.quality.open_findings import FoundChange

OVERFLOW_ID = "000000000000000AAA"
"""The record of an overflow event (Change Data Capture Developer Guide, "Overflow Events")."""
LONGEST_TRANSACTION = timedelta(minutes=10)
"""Longest time between a modstamp and its commit: no transaction of Apex or of an API call lasts
longer.
"""


class Cause(StrEnum):
    """The reason of a re-read."""

    GAP = "gap"
    """The event says that the records changed, and not how."""
    DIFF = "diff"
    """A text of an encrypted field came as a diff."""
    WILDCARD = "wildcard"
    """Records that only a query can name."""
    OVERFLOW = "overflow"
    """A transaction with more changes than the bus tells."""
    HOLE = "hole"
    """The bus no longer held the lane's position."""
    INCOMPLETE = "incomplete"
    """The record was never seen whole, or a text diff did not fit it."""
    FIELD = "field"
    """An event said of a field that it changed, in a form that its value cannot be taken from."""
    PARENT = "parent"
    """Another record points to it and it has not come, or it points to a record that was deleted.
    """


BY_WINDOW = frozenset({Cause.WILDCARD, Cause.OVERFLOW, Cause.HOLE})
"""Causes whose records are found by time."""
NOT_IN_QUARANTINE = -1


class Asked(NamedTuple):
    """One row to be asked for, in the first columns of `ops.reread`."""

    batch: str
    object: str
    ordinal: int
    record_id: str | None
    cause: Cause
    change_order: str
    since_at: datetime | None
    changed_at: datetime


def asked_by_refusals(refused: pa.Table) -> list[Asked]:
    """Re-reads for the refused changes of a batch (columns of `REFUSED_SCHEMA`)."""
    rows = refused.filter(pc.equal(refused["reason"], NEEDS_REREAD)).to_pylist()
    return [_asked(row) for row in rows if _can_be_asked(row["record_id"])]


def _can_be_asked(record_id: str | None) -> bool:
    """An invalid record id would have the whole query refused; it stays in quarantine."""
    return record_id is None or record_id.endswith("*") or len(record_id) == ID_SIZE


def _asked(row: dict[str, Any]) -> Asked:
    header = orjson.loads(row["event"])["payload"][HEADER]
    kind, record_id = header["changeType"], row["record_id"]
    commit_ms = int(header["commitTimestamp"])
    changed_at = datetime.fromtimestamp(commit_ms / 1_000, UTC)
    cause = _cause(kind, record_id)
    by_window = cause in BY_WINDOW
    return Asked(
        batch=row["batch"],
        object=row["object"],
        ordinal=row["ordinal"],
        record_id=None if by_window else record_id,
        cause=cause,
        change_order=change_order(commit_ms, int(header["commitNumber"]), int(header["sequenceNumber"])),
        since_at=changed_at - LONGEST_TRANSACTION if by_window else None,
        changed_at=changed_at,
    )


def _cause(kind: str, record_id: str | None) -> Cause:
    if kind == "GAP_OVERFLOW" or record_id in (None, OVERFLOW_ID):
        return Cause.OVERFLOW
    if str(record_id).endswith("*"):
        return Cause.WILDCARD
    return Cause.DIFF if kind == "UPDATE" else Cause.GAP


def doubtful_records(new: pa.Table, known: Iterable[str]) -> list[str]:
    """Records that new changes (columns of `staged_columns`) may leave incomplete; `known` had a
    row before.

    Those that were not seen before and are not seen whole now, and those with a text diff.
    """
    diffs = set(new.filter(pc.is_valid(new["diff_fields"]))["record_id"].to_pylist())
    is_whole = pc.is_in(new["change_type"], value_set=pa.array(sorted(WHOLE), new["change_type"].type))
    parts = new["record_id"].filter(pc.invert(is_whole))
    unseen = set(parts.to_pylist()) - set(known)
    if unseen:
        unseen -= set(new["record_id"].filter(is_whole).to_pylist())
    return sorted(diffs | unseen)


def asked_by_incomplete(object_name: str, rows: Iterable[Sequence[Any]]) -> list[Asked]:
    """Re-reads for incomplete records; rows of `clients.warehouse.sql.repair.find_incomplete`."""
    return [
        Asked(batch, object_name, NOT_IN_QUARANTINE, record_id, Cause.INCOMPLETE, order, None, changed_at)
        for record_id, order, changed_at, batch in rows
    ]


def asked_by_findings(object_name: str, changes: Iterable[FoundChange]) -> list[Asked]:
    """Re-reads for changes whose fields the org knows better."""
    return [
        Asked(
            change.batch,
            object_name,
            NOT_IN_QUARANTINE,
            change.record_id,
            Cause.FIELD,
            change.order,
            None,
            moment_of(change.order),
        )
        for change in changes
        if len(change.record_id) == ID_SIZE
    ]


def asked_by_hole(batch: str, objects: Iterable[str], since: datetime | None, until: datetime) -> list[Asked]:
    """Re-reads for a retention gap of a stream: of each object the rows modified from `since` on,
    None for all, seen after `until`.
    """
    order = change_order(epoch_ms(until), 0, 0)
    return [Asked(batch, name, NOT_IN_QUARANTINE, None, Cause.HOLE, order, since, until) for name in objects]


def reread_table(asked: Sequence[Asked], asked_at: datetime) -> pa.Table:
    """Rows of `ops.reread`, in its columns."""
    rows = [{**each._asdict(), "attempts": 0, "asked_at": asked_at} for each in asked]
    return pa.Table.from_pylist(rows, schema=arrow_schema(REREAD_COLUMNS))
