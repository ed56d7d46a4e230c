"""The buffer between a stream and its raw files: what has arrived, and where it may be cut.

A cut never falls inside one replay id: the events of an enriched channel that Salesforce
un-merged carry the same one (Change Data Capture Developer Guide, "Enrichment"), and a position
inside such a group would skip or repeat members.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from clients.salesforce.streaming.stream import StreamMessage
from schemas.ingest.raw import RAW_SCHEMA, UNREADABLE_OBJECT
from transforms import exact_json
from transforms.erasure.events import erase_event
from transforms.ingest.decode_events import BROKEN
from transforms.pii import HEADER, Protector

GROUP_SETTLED_MS = 1_000
"""After this long without a further event the last replay id is taken to be complete."""
_LAST_MS = 253_402_300_800_000
"""The year 10000: a later time is no time."""


@dataclass(frozen=True)
class BatchLimits:
    """A batch ends at N changes, B bytes or T seconds, whichever comes first."""

    max_changes: int = 20_000
    max_bytes: int = 64 * 1024 * 1024
    max_age: timedelta = timedelta(seconds=4)


class CommitTimes(NamedTuple):
    """The first and the last commit of a batch, in epoch milliseconds; None: no event says it."""

    oldest_ms: int | None
    newest_ms: int | None

    @classmethod
    def of(cls, times: Iterable[int | None]) -> "CommitTimes":
        """Those of some events."""
        known = [each for each in times if each is not None]
        return cls(min(known, default=None), max(known, default=None))


NO_TIMES = CommitTimes(None, None)


@dataclass
class LandingBuffer:
    """Events that are not durable yet, protected, in the order of the lane."""

    protector: Protector
    rule: BatchLimits
    _replay_ids: list[int] = field(default_factory=list)
    _objects: list[str] = field(default_factory=list)
    _changes: list[int] = field(default_factory=list)
    _received_ms: list[int] = field(default_factory=list)
    _committed_ms: list[int | None] = field(default_factory=list)
    _events: list[bytes] = field(default_factory=list)
    _bytes: int = 0
    _landed_through: int = -1

    def __len__(self) -> int:
        return len(self._events)

    @property
    def size(self) -> int:
        """Bytes of the events."""
        return self._bytes

    def add(self, messages: Sequence[StreamMessage]) -> None:
        """Take events in. They are encrypted here, before anything else sees them."""
        for message in messages:
            # Another follower's batch, which we adopted, went further than our stream had come. Its
            # last id may still get members: a message that carries no id of its own belongs to the
            # one before it.
            if 0 < message.replay_id < self._landed_through:
                continue
            at_ms = committed_ms(message.data)
            for name, changes, event in protected_events(message.data, self.protector):
                self._committed_ms.append(at_ms)
                self._replay_ids.append(message.replay_id)
                self._objects.append(name)
                self._changes.append(changes)
                self._received_ms.append(message.received_at_ms)
                self._events.append(event)
                self._bytes += len(event)

    def is_due(self) -> bool:
        """True when the rule asks for a cut and one can be made."""
        if not self._events:
            return False
        now_ms = _now_ms()
        if now_ms < max(self._received_ms[0], self._received_ms[-1]):
            # The clock was set back, perhaps before the last event came. By its old time the batch
            # would wait for as long as it was ahead.
            self._received_ms[:] = [min(each, now_ms) for each in self._received_ms]
        age_ms = now_ms - self._received_ms[0]
        full = self._bytes >= self.rule.max_bytes or sum(self._changes) >= self.rule.max_changes
        return (full or age_ms >= self.rule.max_age.total_seconds() * 1000) and self._complete() > 0

    def peek(self) -> pa.Table:
        """The events that can be cut now, as a raw table. They stay in the buffer until
        `drop_through`.
        """
        count = self._complete()
        received = pa.array(self._received_ms[:count], pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        arrays = [
            pa.array([str(replay_id) for replay_id in self._replay_ids[:count]], pa.string()),
            pa.array(self._objects[:count], pa.string()),
            pa.array(self._changes[:count], pa.int32()),
            received,
            pa.array(self._events[:count], pa.large_binary()).cast(pa.large_string()),
        ]
        return pa.Table.from_arrays(arrays, schema=RAW_SCHEMA)

    def commit_times(self) -> CommitTimes:
        """Of the events that `peek` gives."""
        return CommitTimes.of(self._committed_ms[: self._complete()])

    def drop_through(self, replay_id: int) -> None:
        """Forget the events up to and including `replay_id`: they are durable, whichever process
        landed them.
        """
        self._landed_through = max(self._landed_through, replay_id)
        count = next(
            (n for n, held in enumerate(self._replay_ids) if held > replay_id), len(self._replay_ids)
        )
        self._bytes -= sum(map(len, self._events[:count]))
        columns: tuple[list[Any], ...] = (self._replay_ids, self._objects, self._changes)
        for column in (*columns, self._received_ms, self._committed_ms, self._events):
            del column[:count]

    def _complete(self) -> int:
        """The number of events that may be cut off: all but a last group that may still grow."""
        last = self._replay_ids[-1]
        count = len(self._replay_ids)
        if _now_ms() - self._received_ms[-1] < GROUP_SETTLED_MS:
            while count and self._replay_ids[count - 1] == last:
                count -= 1
        # A late member of a landed group, or a message without a readable replay id, waits for the
        # next event: alone it would make a batch that ends where it starts, and the chain would
        # never leave it.
        return count if count and self._replay_ids[count - 1] > self._landed_through else 0


def committed_ms(data: dict[str, Any]) -> int | None:
    """When the event's transaction was committed, in epoch milliseconds; None: it does not say
    so.
    """
    try:
        found = data["payload"][HEADER]["commitTimestamp"]
    except (KeyError, TypeError):
        return None
    return found if isinstance(found, int) and 0 < found < _LAST_MS else None


def protected_events(data: dict[str, Any], protector: Protector) -> list[tuple[str, int, bytes]]:
    """As `protected_event`: one, or several where a record of the event was erased and another was
    not.
    """
    is_erased = bool(protector.erased) and _names_one_of(data, protector.erased)
    name, changes, event = protected_event(data, protector)
    if not is_erased:
        return [(name, changes, event)]
    parts, _ = erase_event(
        event.decode(), protector.specs.get(name), protector.erased, protector.open_unknown
    )
    return [(name, count, text.encode()) for text, count in parts]


def _names_one_of(data: dict[str, Any], record_ids: frozenset[str]) -> bool:
    try:
        return not record_ids.isdisjoint(data["payload"][HEADER]["recordIds"])
    except (KeyError, TypeError):
        return False


def protected_event(data: dict[str, Any], protector: Protector) -> tuple[str, int, bytes]:
    """Object, changes and JSON of an event, safe to write: what is nested was encrypted, so
    nothing is nested too deep.
    """
    if BROKEN in data:
        return _broken(data[BROKEN], data, protector)
    name = protector.protect_event(data)
    try:
        ids = data["payload"][HEADER]["recordIds"]
    except (KeyError, TypeError):
        ids = None
    return name, max(1, len(ids)) if isinstance(ids, list) else 1, exact_json.dumps(data)


def _broken(text: object, data: dict[str, Any], protector: Protector) -> tuple[str, int, bytes]:
    event = data.get("event")
    place = {"replayId": event["replayId"]} if isinstance(event, dict) and _has_place(event) else {}
    kept = {BROKEN: protector.encrypt("unknown", text), "event": place}
    return UNREADABLE_OBJECT, 1, orjson.dumps(kept)


def _has_place(event: dict[str, Any]) -> bool:
    return isinstance(event.get("replayId"), int)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
