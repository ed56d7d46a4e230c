"""The buffer between a polled object and its raw files: rows as protected events, cut where a
position is.

A row's events share its position and are never parted: a batch that ended between them would
lose the second one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from activities.ingest.landing_buffer import BatchLimits, CommitTimes, committed_ms, protected_events
from schemas.ingest.positions import Deletion, PolledRow
from schemas.ingest.raw import RAW_SCHEMA
from transforms.ingest.snapshots import deletion_event, row_events
from transforms.pii import Protector


@dataclass
class PollBuffer:
    """Rows of one object that are not durable yet, in the order of the lane."""

    object_name: str
    protector: Protector
    rule: BatchLimits
    """Its age does not count: a poll lands what it has read when it has read it."""
    _positions: list[str] = field(default_factory=list)
    _objects: list[str] = field(default_factory=list)
    _received_ms: list[int] = field(default_factory=list)
    _committed_ms: list[int | None] = field(default_factory=list)
    _events: list[bytes] = field(default_factory=list)
    _bytes: int = 0

    def __len__(self) -> int:
        return len(self._events)

    def fill(self, rows: list[PolledRow], received_ms: int) -> list[PolledRow]:
        """Take rows in until the rule asks for a cut; returns those that are left. They are
        encrypted here.
        """
        for place, row in enumerate(rows):
            if self.is_full():
                return rows[place:]
            self._add(str(row.position), row_events(self.object_name, row), received_ms)
        return []

    def add_deletions(self, deletions: Iterable[Deletion], position: str, received_ms: int) -> None:
        """Take deletions in at the end of what was read: `position`."""
        events = [deletion_event(self.object_name, deletion) for deletion in deletions]
        self._add(position, events, received_ms)

    def add_unsettled(self, rows: Iterable[PolledRow], position: str, received_ms: int) -> None:
        """Take rows in that will be read again, at the end of what was read: `position`."""
        for row in rows:
            self._add(position, row_events(self.object_name, row, is_settled=False), received_ms)

    def is_full(self) -> bool:
        """True when the rule asks for a cut."""
        return self._bytes >= self.rule.max_bytes or len(self) >= self.rule.max_changes

    def table(self) -> pa.Table:
        """The buffered events, as a raw table. It stays until `clear`."""
        received = pa.array(self._received_ms, pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        arrays = [
            pa.array(self._positions, pa.string()),
            pa.array(self._objects, pa.string()),
            pa.array([1] * len(self), pa.int32()),
            received,
            pa.array(self._events, pa.large_binary()).cast(pa.large_string()),
        ]
        return pa.Table.from_arrays(arrays, schema=RAW_SCHEMA)

    def commit_times(self) -> CommitTimes:
        """Commit times of the rows in the buffer."""
        return CommitTimes.of(self._committed_ms)

    def clear(self) -> None:
        """Forget the buffered events: they are durable, whichever process landed them."""
        columns: tuple[list[Any], ...] = (self._positions, self._objects, self._received_ms)
        for column in (*columns, self._committed_ms, self._events):
            column.clear()
        self._bytes = 0

    def _add(self, position: str, events: list[dict[str, object]], received_ms: int) -> None:
        for data in events:
            self._committed_ms.append(committed_ms(data))
            ((name, _, event),) = protected_events(data, self.protector)
            self._positions.append(position)
            self._objects.append(name)
            self._received_ms.append(received_ms)
            self._events.append(event)
            self._bytes += len(event)
