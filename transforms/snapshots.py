"""Rows of a query as events, in the form in which the org's bus would have sent them: nothing after landing knows the difference.

A snapshot stands at the end of the second of its SystemModstamp (docs/decisions/0012): the row was read after that second
was over, so it holds whatever happened in it. A deleted row is two changes, its last values and then the deletion, because the
fold lets a deletion keep the values that are there, and the lane may never have seen these.
"""

from collections.abc import Mapping
from typing import Any

from schemas.polled import Deletion, PolledRow
from schemas.positions import SECOND_MS
from transforms.protect import HEADER

_VALUES, _DELETED = 0, 1
"""Sequence numbers: the same in every reading, so that a row that is read twice is a duplicate."""


def row_events(object_name: str, row: PolledRow) -> list[dict[str, Any]]:
    """The `data` of one event, or of two for a record in the recycle bin."""
    modstamp_ms, record_id = row.modstamp_ms, row.record_id
    user = row.fields.get("LastModifiedById")
    events = [_event(object_name, record_id, "SNAPSHOT", modstamp_ms, _VALUES, user, row.fields)]
    if row.is_deleted:
        events.append(_event(object_name, record_id, "DELETE", modstamp_ms, _DELETED, user, {}))
    return events


def deletion_event(object_name: str, deletion: Deletion) -> dict[str, Any]:
    """The `data` of the event for a record of which only its deletion is known."""
    record_id, deleted_ms = deletion
    return _event(object_name, record_id, "DELETE", deleted_ms, _DELETED, None, {})


def _event(
    object_name: str,
    record_id: str,
    change_type: str,
    second_ms: int,
    sequence: int,
    user: str | None,
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    header = {
        "entityName": object_name,
        "recordIds": [record_id],
        "changeType": change_type,
        "changeOrigin": None,
        "transactionKey": None,
        "sequenceNumber": sequence,
        "commitTimestamp": second_ms + SECOND_MS - 1,
        "commitNumber": 0,
        "commitUser": user,
    }
    return {"payload": {HEADER: header, **fields}, "event": {"source": "query"}}
