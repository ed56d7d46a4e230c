"""The naive fold: what current and history must be, in plain Python, from events as Salesforce
sends them.

Written apart from `transforms` on purpose: it reads events, not change-log rows, and knows
nothing of batches.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class OracleRecord:
    values: dict[str, Any] = field(default_factory=dict)
    is_deleted: bool = False
    is_complete: bool = False


@dataclass
class OracleVersion:
    values: dict[str, Any]
    is_deleted: bool
    is_complete: bool
    valid_from: int
    valid_to: int | None


def fold_events(events: list[dict[str, Any]]) -> dict[str, list[OracleVersion]]:
    """record id -> versions, oldest first. `events` are payloads; duplicates and any order are
    allowed.
    """
    by_record: dict[str, dict[tuple[int, int, int], dict[str, Any]]] = {}
    for event in events:
        header = event["ChangeEventHeader"]
        place = (header["commitTimestamp"], header["commitNumber"], header["sequenceNumber"])
        for record_id in header["recordIds"]:
            by_record.setdefault(record_id, {})[place] = event
    return {record_id: _versions(changes) for record_id, changes in by_record.items()}


def _versions(changes: dict[tuple[int, int, int], dict[str, Any]]) -> list[OracleVersion]:
    record = OracleRecord()
    versions: list[OracleVersion] = []
    for place in sorted(changes):
        _apply(record, changes[place])
        if versions:
            versions[-1].valid_to = place[0]
        versions.append(
            OracleVersion(dict(record.values), record.is_deleted, record.is_complete, place[0], None)
        )
    return versions


def _apply(record: OracleRecord, event: dict[str, Any]) -> None:
    kind = event["ChangeEventHeader"]["changeType"]
    body = {name: value for name, value in event.items() if name != "ChangeEventHeader"}
    if kind in {"CREATE", "UNDELETE"}:
        record.values, record.is_deleted, record.is_complete = body, False, True
    elif kind == "SNAPSHOT":
        # A query tells of what it asked for.
        record.values, record.is_deleted, record.is_complete = record.values | body, False, True
    elif kind == "DELETE":
        record.is_deleted = True
    else:
        record.values = record.values | body
