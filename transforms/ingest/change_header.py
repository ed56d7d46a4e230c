"""The header of a change event: which records, which change, and its place among the records'
changes.
"""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.ingest.change_types import CREATE, DELETE, SNAPSHOT, UNDELETE, UPDATE
from schemas.tables import ID_SIZE, KEY_SIZE, NAME_SIZE

BAD_HEADER = "bad_header"
_TYPES = {"CREATE": CREATE, "UPDATE": UPDATE, "DELETE": DELETE, "UNDELETE": UNDELETE, "SNAPSHOT": SNAPSHOT}
_MOST_MS = 10**13
"""Epoch milliseconds have 13 digits until the year 2286; `change_order` counts on it."""
_MOST_NUMBER = 10**20
_MOST_SEQUENCE = 10**8
_NUMBERS = ("commitTimestamp", "commitNumber", "sequenceNumber")
_WORD = re.compile(r"\w{1,80}", re.ASCII).fullmatch
_RECORD_ID = re.compile(r"[0-9A-Za-z]{1,18}|[0-9A-Za-z]{1,17}\*").fullmatch


def change_order(commit_ms: int, commit_number: int, sequence: int) -> str:
    """The place of a change among its record's changes, as a text that sorts: commit time, number,
    sequence.

    With the record's id it is also the change's identity: two deliveries with the same place are
    one change.
    """
    return f"{commit_ms:013d}.{commit_number:020d}.{sequence:08d}"


def moment_of(order: str) -> datetime:
    """The commit time in a `change_order`."""
    return datetime.fromtimestamp(int(order.partition(".")[0]) / 1_000, UTC)


class EventRefusedError(Exception):
    def __init__(self, reason: str, detail: str, record_ids: tuple[str, ...] = ()) -> None:
        self.reason = reason
        self.record_ids = record_ids
        super().__init__(detail)


class ChangeHeader(NamedTuple):
    object: str
    record_ids: tuple[str, ...]
    raw_type: str
    change_type: str | None
    order: str
    changed_ms: int
    commit_user: str | None
    change_origin: str | None
    transaction_key: str | None


def read_header(header: object) -> ChangeHeader:
    if not isinstance(header, dict):
        raise EventRefusedError(BAD_HEADER, "the event has no ChangeEventHeader")
    commit_ms, number, sequence = (_read_number(header, each) for each in _NUMBERS)
    record_ids = _read_ids(header.get("recordIds"))
    raw_type, name = (_read_word(header, each) for each in ("changeType", "entityName"))
    if not (0 <= commit_ms < _MOST_MS and 0 <= number < _MOST_NUMBER and 0 <= sequence < _MOST_SEQUENCE):
        detail = "the ChangeEventHeader's commitTimestamp, commitNumber or sequenceNumber is out of range"
        raise EventRefusedError(BAD_HEADER, detail, record_ids)
    return ChangeHeader(
        object=name,
        record_ids=record_ids,
        raw_type=raw_type,
        change_type=None if _is_nameless(record_ids) else _TYPES.get(raw_type),
        order=change_order(commit_ms, number, sequence),
        changed_ms=commit_ms,
        commit_user=_read_text(header, "commitUser", ID_SIZE),
        change_origin=_read_text(header, "changeOrigin", NAME_SIZE),
        transaction_key=_read_text(header, "transactionKey", KEY_SIZE),
    )


def _read_number(header: dict[str, Any], name: str) -> int:
    try:
        return int(header[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _misspelt(name) from None


def _read_word(header: dict[str, Any], name: str) -> str:
    word = header.get(name)
    if not isinstance(word, str) or _WORD(word) is None:
        raise _misspelt(name)
    return word


def _misspelt(name: str) -> EventRefusedError:
    """Names the part, and never what stands in it."""
    return EventRefusedError(BAD_HEADER, f"the ChangeEventHeader lacks or misspells {name}")


def _read_ids(ids: object) -> tuple[str, ...]:
    if not isinstance(ids, list) or not ids:
        raise EventRefusedError(BAD_HEADER, "the ChangeEventHeader has no recordIds")
    for record_id in ids:
        if not isinstance(record_id, str) or _RECORD_ID(record_id) is None:
            raise EventRefusedError(BAD_HEADER, "the ChangeEventHeader's recordIds hold what is no record id")
    return tuple(ids)


def _is_nameless(record_ids: tuple[str, ...]) -> bool:
    """A wildcard ("001*") stands for records that only a query can name."""
    return (
        any(record_id[-1] == "*" for record_id in record_ids)
        if len(record_ids) > 1
        else record_ids[0][-1] == "*"
    )


def _read_text(header: dict[str, Any], name: str, size: int) -> str | None:
    """A text that only describes the change: cut to its column, since raw holds the whole of it."""
    value = header.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or "\x00" in value:
        raise EventRefusedError(BAD_HEADER, f"the ChangeEventHeader's {name} is no text")
    return value[:size]
