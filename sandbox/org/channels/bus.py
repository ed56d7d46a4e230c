"""The event bus: what was committed, in commit order, held for 72 hours and handed out from any
position.

Followers at the end are served from a tail in memory, those behind from SQLite. A position is
good when nothing after it has been purged and it is not ahead of the newest event; an id that no
event has is as good as one that has.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from sandbox.org.data.store import Store
from schemas.salesforce.limits import EVENT_RETENTION, REPLAY_ALL_EVENTS, REPLAY_NEW_EVENTS

ALL_EVENTS_CHANNEL = "/data/ChangeEvents"
_FIRST_REPLAY_ID = 1_000
_TAIL_BYTES = 64 * 2**20
_PURGE_ROWS = 1_000
_SCAN_IDS = 4_000


Row = tuple[int, str, int, bytes]
"""An event as it is stored: replay id, object API name, epoch ms of its commit, and the message's
`data` object as JSON.
"""
_ID: Final = 0
_ENTITY: Final = 1
_BODY: Final = 3


class ReplayPositionError(Exception):
    """The position is older than what the bus retains, or newer than its newest event."""


class Bus:
    """Holds events and wakes who waits for them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: list[int] = []
        self._tail: list[Row] = []
        self._tail_bytes = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self.retention_ms = store.meta("retention_ms", int(EVENT_RETENTION.total_seconds() * 1000))
        self.purged_through = store.meta("purged_through", _FIRST_REPLAY_ID)
        """The highest replay id that is gone; the id before the first when none is."""
        row = store.connection.execute("SELECT max(replay_id), count(*) FROM events").fetchone()
        self.newest = max(row[0] or 0, self.purged_through)
        self.held = int(row[1])
        """Events in SQLite."""
        self._tail_start = self.newest
        self.closed = False

    @property
    def oldest(self) -> int | None:
        """The oldest retained replay id; None when nothing is retained."""
        row = self._store.connection.execute("SELECT min(replay_id) FROM events").fetchone()
        return None if row[0] is None else int(row[0])

    def start_position(self, replay: int) -> int:
        """The position after which a subscriber who asks for `replay` is served: -1 new events, -2
        all retained, or an id.

        Raises `ReplayPositionError` for an id that is purged or not yet given out.
        """
        if replay == REPLAY_NEW_EVENTS:
            return self.newest
        if replay == REPLAY_ALL_EVENTS:
            return self.purged_through
        if not self.purged_through <= replay <= self.newest:
            raise ReplayPositionError
        return replay

    def append(self, rows: Sequence[Row]) -> None:
        """Write events inside the transaction of their records; `publish` them after it has
        committed.
        """
        self._store.connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)

    def publish(self, rows: Sequence[Row]) -> None:
        """Make committed events visible and wake every waiting follower."""
        self._tail += rows
        self._ids += [row[_ID] for row in rows]
        self._tail_bytes += sum(len(row[_BODY]) for row in rows)
        self.newest = rows[-1][0]
        self.held += len(rows)
        if self._tail_bytes > _TAIL_BYTES:
            self._trim(_TAIL_BYTES // 2)
        self.wake()

    def read(
        self, after: int, entities: frozenset[str] | None, max_events: int, max_bytes: int
    ) -> tuple[list[Row], int]:
        """Events after a position, and the position that has then been read through (beyond the
        last event when those that follow belong to other objects than `entities`; None wants
        all). At least one event is returned, however large, when there is one.
        """
        if after >= self.newest:
            return [], after
        if after >= self._tail_start:
            return self._from_tail(after, entities, max_events, max_bytes)
        return self._from_store(after, entities, max_events, max_bytes)

    def waiter(self) -> "asyncio.Future[None]":
        """A future that is done at the next publication (at once when the bus is closed)."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.closed:
            future.set_result(None)
        else:
            self._waiting.add(future)
            future.add_done_callback(self._waiting.discard)
        return future

    def wake(self) -> None:
        for future in tuple(self._waiting):
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Let every waiting follower go, so that the process can stop."""
        self.closed = True
        self.wake()

    def set_retention(self, milliseconds: int, now_ms: int) -> None:
        """Hold events for this long from now on, across restarts; older ones go at once."""
        self.retention_ms = milliseconds
        self._store.set_meta("retention_ms", milliseconds)
        while self.purge(now_ms):
            pass

    def forget_all(self) -> None:
        """Forget every event; positions before now are past retention."""
        connection = self._store.connection
        connection.execute("DELETE FROM events")
        self._store.set_meta("purged_through", self.newest)
        self.purged_through, self.held = self.newest, 0
        self._drop_tail_through(self.newest)

    def purge(self, now_ms: int) -> int:
        """Forget some of the events that are past retention; returns how many. 0 means none is left
        to forget.
        """
        connection = self._store.connection
        oldest = "SELECT replay_id, at_epoch_ms FROM events ORDER BY replay_id LIMIT ?"
        limit = now_ms - self.retention_ms
        expired = [row[0] for row in connection.execute(oldest, (_PURGE_ROWS,)) if row[1] < limit]
        if not expired:
            return 0
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM events WHERE replay_id <= ?", (expired[-1],))
        self._store.set_meta("purged_through", expired[-1])
        connection.execute("COMMIT")
        self.purged_through = expired[-1]
        self.held -= len(expired)
        self._drop_tail_through(expired[-1])
        return len(expired)

    def _from_tail(
        self, after: int, entities: frozenset[str] | None, max_events: int, max_bytes: int
    ) -> tuple[list[Row], int]:
        found: list[Row] = []
        size = 0
        for index in range(bisect_right(self._ids, after), len(self._tail)):
            event = self._tail[index]
            if entities is not None and event[_ENTITY] not in entities:
                continue
            size += len(event[_BODY])
            if found and (size > max_bytes or len(found) >= max_events):
                return found, found[-1][_ID]
            found.append(event)
        return found, self.newest

    def _from_store(
        self, after: int, entities: frozenset[str] | None, max_events: int, max_bytes: int
    ) -> tuple[list[Row], int]:
        # A bounded range of ids, so that one object's rare events do not cost a scan of the whole
        # file.
        end = min(after + _SCAN_IDS, self.newest)
        rows = self._store.connection.execute(
            "SELECT replay_id, entity, at_epoch_ms, body FROM events WHERE replay_id > ? AND replay_id <= ? ORDER BY replay_id",
            (after, end),
        )
        found: list[Row] = []
        size = 0
        for row in rows:
            if entities is not None and row[_ENTITY] not in entities:
                continue
            size += len(row[_BODY])
            if found and (size > max_bytes or len(found) >= max_events):
                return found, found[-1][_ID]
            found.append(row)
        return found, end

    def _trim(self, keep_bytes: int) -> None:
        gone = 0
        while self._tail_bytes > keep_bytes and gone < len(self._tail):
            self._tail_bytes -= len(self._tail[gone][_BODY])
            gone += 1
        self._cut(gone)

    def _drop_tail_through(self, replay_id: int) -> None:
        gone = bisect_right(self._ids, replay_id)
        self._tail_bytes -= sum(len(event[_BODY]) for event in self._tail[:gone])
        self._cut(gone)

    def _cut(self, gone: int) -> None:
        if gone:
            self._tail_start = self._ids[gone - 1]
            del self._ids[:gone], self._tail[:gone]
