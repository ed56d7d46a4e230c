"""Rows of a query as events, in the form in which the org's bus would have sent them: nothing after
landing knows the difference.

A snapshot stands at the end of the second of its SystemModstamp (docs/decisions/0012): the row
was read after that second was over, so it holds whatever happened in it. A deleted row is two
changes, its last values and then the deletion, because the fold lets a deletion keep the values
that are there, and the lane may never have seen these.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.ingest.positions import SECOND_MS, Deletion, PolledRow
from transforms.pii import HEADER

VALUES, DELETED = 0, 1
"""Sequence numbers: the same in every reading, so that a row that is read twice is a duplicate."""


REPAIR_ORIGIN = "tidegate;repair"
"""Change origin of a row that was read because the warehouse was known to be wrong: its record is
folded again.
"""

GONE_ORIGIN = "tidegate;gone"
"""Change origin of the deletion of a record that the org has no more: it was purged, and not only
put into the recycle bin.
"""
REPAIRS = frozenset({REPAIR_ORIGIN, GONE_ORIGIN})


REFRESH_ORIGIN = "tidegate;refresh"
"""Change origin of some fields of a record that were read by themselves."""


def row_events(
    object_name: str, row: PolledRow, *, is_settled: bool = True, reading: int = 0, earliest_ms: int = -1
) -> list[dict[str, Any]]:
    """The `data` of one event, or of two for a record in the recycle bin.

    Args:
        object_name: Of the catalogue.
        row: As it was read.
        is_settled: False for a row that was read when its second may not have been over. It then
            stands at the beginning of
            the second, under everything that happened in it: that is right as long as events
            carry all of that.
        reading: As of `Manifest`; 0 for a row that is no repair.
        earliest_ms: Where it stands at the earliest: everything that was committed by then can
            be seen in it.
    """
    record_id = row.record_id
    place_ms = max(row.modstamp_ms + (SECOND_MS - 1 if is_settled else 0), earliest_ms)
    user = row.fields.get("LastModifiedById")
    origin = REPAIR_ORIGIN if reading else None
    values = _Head(object_name, "SNAPSHOT", place_ms, reading, VALUES, origin, user)
    events = [_event(values, record_id, row.fields)]
    if row.is_deleted:
        events.append(_event(values._replace(change_type="DELETE", sequence=DELETED), record_id, {}))
    return events


def update_events(
    object_name: str, row: PolledRow, *, is_settled: bool = True, reading: int, earliest_ms: int = -1
) -> list[dict[str, Any]]:
    """The `data` of the event for a record of which only the row's fields were read, or of two for
    one in the recycle bin: an update alone would bring it back. They stand where `row_events`
    would be.
    """
    place_ms = max(row.modstamp_ms + (SECOND_MS - 1 if is_settled else 0), earliest_ms)
    head = _Head(object_name, "UPDATE", place_ms, reading, VALUES, REFRESH_ORIGIN)
    events = [_event(head, row.record_id, row.fields)]
    if row.is_deleted:
        events.append(_event(head._replace(change_type="DELETE", sequence=DELETED), row.record_id, {}))
    return events


def deletion_event(object_name: str, deletion: Deletion) -> dict[str, Any]:
    """The `data` of the event for a record of which only its deletion is known."""
    return _deletion(object_name, deletion, 0, None)


def purge_event(
    object_name: str, deletion: Deletion, *, reading: int = 0, earliest_ms: int = -1
) -> dict[str, Any]:
    """The `data` of the event for a record that the org has no more; its deletion's time is when
    that was found out. `earliest_ms`: as of `row_events`.
    """
    return _deletion(object_name, deletion, reading, GONE_ORIGIN, earliest_ms)


def _deletion(
    object_name: str, deletion: Deletion, reading: int, origin: str | None, earliest_ms: int = -1
) -> dict[str, Any]:
    record_id, deleted_ms = deletion
    place_ms = max(deleted_ms + SECOND_MS - 1, earliest_ms)
    head = _Head(object_name, "DELETE", place_ms, reading, DELETED, origin)
    return _event(head, record_id, {})


class _Head(NamedTuple):
    object_name: str
    change_type: str
    place_ms: int
    reading: int
    sequence: int
    origin: str | None
    user: str | None = None


def _event(head: _Head, record_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    header = {
        "entityName": head.object_name,
        "recordIds": [record_id],
        "changeType": head.change_type,
        "changeOrigin": head.origin,
        "transactionKey": None,
        "sequenceNumber": head.sequence,
        "commitTimestamp": head.place_ms,
        "commitNumber": head.reading,
        "commitUser": head.user,
    }
    return {"payload": {HEADER: header, **fields}, "event": {"source": "query"}}
