"""Logged changes that lie ahead of the clock, as rows of quarantine. No I/O.

The log holds the typed values, not the message: the event is put together from them. A re-drive
of the batch brings the message itself, from raw, in the row's place.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from schemas.catalogue import ObjectSpec
from schemas.ops_tables import QUARANTINE_COLUMNS
from transforms.ingest.decode_events import AHEAD_OF_CLOCK
from transforms.pii import HEADER

NO_PLACE = 1_000_000_000
"""No batch has so many changes."""
_TEXT_SIZE = next(column.size for column in QUARANTINE_COLUMNS if column.name == "event")


def refused_rows(
    logged: Sequence[Mapping[str, Any]], spec: ObjectSpec, highest: Mapping[str, int], at: datetime
) -> list[dict[str, Any]]:
    """A row of quarantine for each change.

    Args:
        logged: Rows of the change log by column.
        spec: Their object.
        highest: Batch -> its highest ordinal in quarantine, for batches that have any. Ordinals
            go on from there, and from
            `NO_PLACE` at least: the place in the batch is not known, and no row that has one may
            be taken for this.
        at: When they are refused.
    """
    taken: dict[str, int] = {}
    rows = []
    for change in logged:
        batch = change["batch"]
        taken[batch] = taken.get(batch, max(NO_PLACE - 1, highest.get(batch, 0))) + 1
        detail = (
            f"the commit time {change['changed_at']:%Y-%m-%d %H:%M:%S} UTC lies ahead of the clock; an older release applied the change, "
            "and a reconciliation took it out of the change log. Acknowledge it, or re-drive its batch to see the message"
        )
        rows.append(
            {
                "batch": batch,
                "ordinal": taken[batch],
                "object": spec.name,
                "record_id": change["record_id"],
                "position": "",
                "reason": AHEAD_OF_CLOCK,
                "detail": detail,
                "event": _event(change, spec),
                "received_at": change["received_at"],
                "quarantined_at": at,
            }
        )
    return rows


def moved_counts(logged: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Batch -> its changes among them, and their isolated fields."""
    changes = Counter(change["batch"] for change in logged)
    isolated = Counter[str]()
    for change in logged:
        names = change["isolated_fields"]
        isolated[change["batch"]] += len(names.split(",")) if names else 0
    return {batch: (count, isolated[batch]) for batch, count in changes.items()}


def _event(change: Mapping[str, Any], spec: ObjectSpec) -> str:
    commit_ms, number, sequence = change["change_order"].split(".")
    header = {
        "entityName": spec.name,
        "recordIds": [change["record_id"]],
        "changeType": change["change_type"].upper(),
        "changeOrigin": change["change_origin"],
        "transactionKey": change["transaction_key"],
        "sequenceNumber": int(sequence),
        "commitTimestamp": int(commit_ms),
        "commitNumber": int(number),
        "commitUser": change["commit_user"],
    }
    carried = change["changed_fields"]
    columns = None if carried is None else set(carried.split(","))
    values = {
        name: change[column]
        for name, column in spec.columns.items()
        if (columns is None or column in columns) and change[column] is not None
    }
    text = orjson.dumps({"payload": {HEADER: header, **values}}, default=str).decode()
    if len(text.encode()) > _TEXT_SIZE:
        return orjson.dumps({"payload": {HEADER: header}}).decode()
    return text
