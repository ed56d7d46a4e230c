"""One SQLite transaction, and the events that wait for its commit; several Salesforce transactions
may share it.

Sharing is what makes a surge affordable. Events are numbered when their Salesforce transaction
ends and become visible only after the SQLite transaction has committed.
"""

import random
import sqlite3
from collections.abc import Sequence
from typing import Protocol

from sandbox.org.channels.bus import Bus
from sandbox.org.channels.registry import Channels
from sandbox.org.data.identity import Identity
from sandbox.org.data.operations import Operation, merged, one_a_record, within_threshold
from sandbox.org.data.records import Records
from sandbox.org.data.store import Store
from sandbox.org.events.changes import Change, EventShape, Header, event_json
from sandbox.org.faults.clock import Clock
from sandbox.org.faults.dials import Dials
from schemas.salesforce.limits import EVENT_MAX_BYTES

OVERFLOW_RECORD_ID = "000000000000000AAA"
_MOST_FIELDS = 500
"""No operation counts for more changes than an object has fields; fewer operations than that need
no counting.
"""
_PURGED_AT_ONCE = 200
_HOLE_EVERY = 7
"""Every so many transactions the bus skips a replay id, as Salesforce's does: ids grow, but not by
one.
"""


class BatchOrg(Protocol):
    """The org's parts that a batch needs."""

    store: Store
    identity: Identity
    dials: Dials
    bus: Bus
    clock: Clock
    channels: Channels
    commit_number: int
    overflow_changes: int

    def take_replay_id(self) -> int: ...

    def skip_replay_id(self) -> None: ...

    def reset_counters(self, commit_number: int) -> None: ...

    def count(self, operations: Sequence[Operation], changes: int) -> None: ...

    def uncount(self, object_name: str, *, binned: bool) -> None: ...


class Batch:
    """One SQLite transaction and the events that wait for its commit."""

    def __init__(self, org: BatchOrg) -> None:
        self._org = org
        self.moment = org.clock.now()
        self._first_commit_number = org.commit_number
        self.rows: list[tuple[int, str, int, bytes]] = []
        self._operations: list[Operation] = []
        self._changes = 0
        self.gone: list[tuple[str, bool]] = []
        """Object and whether it was binned, of each record that is forgotten for good."""
        self.is_spoilt = False
        """True when a transaction failed after it had written something: nothing of the batch may
        commit then.
        """
        org.store.connection.execute("BEGIN IMMEDIATE")

    def add(self, operations: Sequence[Operation], user: str, origin: str) -> int:
        """Number a finished transaction of a user and write its events down; returns how many
        records it has changed.
        """
        if not operations:
            return 0
        org = self._org
        org.commit_number += 1
        header = Header(origin, _transaction_key(), self.moment.second_ms, org.commit_number, user)
        told = one_a_record(operations, first_kind=org.dials.events.first_kind)
        changes = len(told)
        untold: Sequence[Operation] = ()
        if changes > org.overflow_changes / _MOST_FIELDS:
            told, untold = within_threshold(told, org.overflow_changes)
        sequence = 0
        for sequence, (operation, record_ids) in enumerate(merged(told), 1):
            self._event(header, operation, record_ids, sequence)
        for shape in dict.fromkeys(operation.shape for operation in untold):
            sequence += 1
            overflow = Operation(shape, "GAP_OVERFLOW", OVERFLOW_RECORD_ID, b"{}", ())
            self._event(header, overflow, (OVERFLOW_RECORD_ID,), sequence)
        self._operations += operations
        self._changes += changes
        if org.commit_number % _HOLE_EVERY == 0:
            org.skip_replay_id()
        return changes

    def gap(self, shape: EventShape, change: str, record_ids: Sequence[str]) -> int:
        """Write a gap event down; returns its replay id."""
        return self.tell(Operation(shape, f"GAP_{change}", record_ids[0], b"{}", ()), record_ids)

    def tell(self, operation: Operation, record_ids: Sequence[str]) -> int:
        """Write down an event of what no transaction has done; returns its replay id."""
        org = self._org
        org.commit_number += 1
        header = Header(
            "", _transaction_key(), self.moment.second_ms, org.commit_number, org.identity.user_id
        )
        return self._event(header, operation, record_ids, 1)

    def _event(self, header: Header, operation: Operation, record_ids: Sequence[str], sequence: int) -> int:
        org = self._org
        replay_id = org.take_replay_id()
        change, body = operation.change, operation.body
        if len(body) > EVENT_MAX_BYTES:
            change, body = f"GAP_{change}", b"{}"
        has_fields = org.dials.events.changed_fields_in_header
        changed = operation.shape.told(operation.changed) if has_fields else None
        told = Change(change, record_ids, sequence, replay_id, body, changed)
        event = event_json(operation.shape, header, told)
        if org.channels.selects(operation.shape.entity):
            self.rows.append((replay_id, operation.shape.entity, self.moment.epoch_ms, event))
        return replay_id

    def purge(self, records: Records, older_than: str) -> int:
        """Forget some of the records that went to the recycle bin before that time; returns how
        many.
        """
        execute = self._org.store.connection.execute
        name = records.spec.name
        found = records.binned_before(older_than, _PURGED_AT_ONCE)
        for record_id in found:
            records.remove(record_id)
            execute("DELETE FROM sandbox_cascades WHERE parent = ?", (record_id,))
            self.gone.append((name, True))
        execute("DELETE FROM sandbox_hard_deletes WHERE object = ? AND at < ?", (name, older_than))
        return len(found)

    def commit(self) -> None:
        org = self._org
        if self.is_spoilt:
            self.roll_back()
            raise RuntimeError(
                "a transaction of this batch failed after it had written; the batch was rolled back"
            )
        try:
            if self.rows:
                org.bus.append(self.rows)
                org.store.set_meta("commit_number", org.commit_number)
                org.store.set_meta("clock_ms", self.moment.epoch_ms)
            org.store.connection.execute("COMMIT")
        except sqlite3.Error:
            self.roll_back()
            raise
        org.count(self._operations, self._changes)
        for object_name, binned in self.gone:
            org.uncount(object_name, binned=binned)
        if self.rows:
            org.bus.publish(self.rows)

    def roll_back(self) -> None:
        self._org.store.connection.execute("ROLLBACK")
        self._org.reset_counters(self._first_commit_number)


def _transaction_key() -> str:
    key = f"{random.getrandbits(128):032x}"
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
