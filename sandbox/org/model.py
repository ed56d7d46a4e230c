"""The rules of records: what a write must satisfy, what it leaves in the tables, and which events it emits.

A Salesforce transaction is atomic and has one commit number; several of them may share one SQLite transaction (a *batch*),
which is what makes a surge affordable. Events become visible only after their SQLite transaction has committed.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from types import TracebackType

from sandbox.org.bus import Bus
from sandbox.org.changes import Header, event_json
from sandbox.org.channels.registry import Channels
from sandbox.org.clock import Clock, Moment
from sandbox.org.dials import Dials
from sandbox.org.errors import SalesforceError, entity_is_deleted, not_found
from sandbox.org.faults import Faults
from sandbox.org.identity import Identity
from sandbox.org.meters import Meters
from sandbox.org.operations import Operation, merged
from sandbox.org.records import Records
from sandbox.org.soql.entities import Entities, build_entities
from sandbox.org.store import Store

_FIRST_COMMIT_NUMBER = 81_000_000_000
_keys = Random()  # noqa: S311 -- a transaction key tells transactions apart; it keeps no secret
_HOLE_EVERY = 7
"""Every so many transactions the bus skips a replay id, as Salesforce's does: ids grow, but not by one."""


class Org:
    """The org: its records, its bus and its identity. Belongs to one thread."""

    def __init__(self, store: Store, identity: Identity, edition: str) -> None:
        self.store = store
        self.identity = identity
        self.edition = edition
        self.dials = Dials()
        self.faults = Faults()
        self.records = {name: Records(store, store.objects[name]) for name in sorted(store.tracked)}
        self.bus = Bus(store)
        self.clock = Clock(store.meta("clock_ms", 0), store.meta("clock_ahead_ms", 0))
        self.meters = Meters(store, edition, self.clock.seconds)
        self.entities: Entities = build_entities(store.objects)
        """Every object as the APIs show it."""
        self.channels = Channels(
            store, self.bus, self.records, entities=self.entities, meters=self.meters, faults=self.faults
        )
        self.commit_number = store.meta("commit_number", _FIRST_COMMIT_NUMBER)
        self.counts = {name: store.count(name) for name in self.records}
        """Records by object, deleted ones included."""
        self.deleted_counts = {name: store.count(name, deleted_only=True) for name in self.records}
        self.changes_committed = 0
        """Changes since this process started; an event with ten record ids is ten."""
        self._batch: _Batch | None = None
        self._next_replay_id = self.bus.newest + 1

    def create(
        self, object_name: str, fields: Mapping[str, object], *, user: str | None = None, origin: str = ""
    ) -> str:
        """Make one record in a transaction of its own; returns its id. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            return tx.create(object_name, fields)

    def update(
        self,
        object_name: str,
        record_id: str,
        fields: Mapping[str, object],
        *,
        user: str | None = None,
        origin: str = "",
    ) -> None:
        """Change one record in a transaction of its own. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            tx.update(object_name, record_id, fields)

    def delete(self, object_name: str, record_id: str, *, user: str | None = None, origin: str = "") -> None:
        """Move one record to the recycle bin. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            tx.delete(object_name, record_id)

    def undelete(
        self, object_name: str, record_id: str, *, user: str | None = None, origin: str = ""
    ) -> None:
        """Bring one record back from the recycle bin. Raises `SalesforceError`."""
        with self.transaction(user, origin) as tx:
            tx.undelete(object_name, record_id)

    @contextmanager
    def batch(self) -> Iterator["_Batch"]:
        """Let the transactions inside share one SQLite transaction: all of them commit, or none when it raises."""
        batch, is_new = self.open_batch()
        try:
            yield batch
        except BaseException:
            if is_new:
                self.close_batch(commit=False)
            raise
        if is_new:
            self.close_batch(commit=True)

    def transaction(self, user: str | None = None, origin: str = "") -> "Transaction":
        """One Salesforce transaction, as a context. An operation that raises `SalesforceError` has done nothing, so the
        caller may catch it and go on; whatever leaves the block undoes the whole transaction, and the batch around it.

        Args:
            user: Id of the user who writes; None is the integration user.
            origin: `changeOrigin` of its events.
        """
        return Transaction(self, user or self.identity.user_id, origin)

    def open_batch(self) -> tuple["_Batch", bool]:
        """The batch that is open, or a new one; True when it is new, and so the caller's to close."""
        if self._batch is not None:
            return self._batch, False
        self._batch = _Batch(self)
        return self._batch, True

    def close_batch(self, *, commit: bool) -> None:
        """End the open batch; one that holds half of a failed transaction is rolled back with a `RuntimeError`."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if commit:
            batch.commit()
        else:
            batch.roll_back()

    def advance_clock(self, seconds: float) -> None:
        """Let time pass at once, for everything that counts it; a restart does not bring it back."""
        self.clock.advance(seconds)
        self.store.set_meta("clock_ahead_ms", self.clock.ahead_ms)

    def publish_raw(self, entity: str, data: bytes) -> int:
        """Put `data` on the bus exactly as given, but for `$REPLAY_ID`, which becomes the event's replay id (returned)."""
        with self.batch() as batch:
            replay_id = self.take_replay_id()
            batch.rows.append(
                (replay_id, entity, batch.moment.epoch_ms, data.replace(b"$REPLAY_ID", b"%d" % replay_id))
            )
        return replay_id

    def take_replay_id(self) -> int:
        taken = self._next_replay_id
        self._next_replay_id += 1
        return taken

    def skip_replay_id(self) -> None:
        self._next_replay_id += 1

    def reset_counters(self, commit_number: int) -> None:
        """Forget the numbers that a rolled back transaction had taken."""
        self.commit_number = commit_number
        self._next_replay_id = self.bus.newest + 1

    def count(self, operations: Sequence[Operation]) -> None:
        """Keep the counts that nobody should have to scan a table for."""
        self.changes_committed += len(operations)
        for operation in operations:
            name = operation.shape.entity
            if operation.change == "CREATE":
                self.counts[name] += 1
            elif operation.change == "DELETE":
                self.deleted_counts[name] += 1
            elif operation.change == "UNDELETE":
                self.deleted_counts[name] -= 1

    def records_of(self, object_name: str) -> Records:
        """The writable object of that name; raises `SalesforceError` for one that is unknown or read-only."""
        found = self.records.get(object_name)
        if found is not None:
            return found
        if object_name in self.store.objects:
            raise SalesforceError(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"entity type {object_name} cannot be written in this org",
            )
        raise not_found()


class Transaction:
    """The operations of one Salesforce transaction, in order."""

    def __init__(self, org: Org, user: str, origin: str) -> None:
        self._org = org
        self._batch, self._owns_batch = org.open_batch()
        self._moment: Moment = self._batch.moment
        self.user = user
        self._origin = origin
        self.operations: list[Operation] = []

    def __enter__(self) -> "Transaction":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._batch.add(self, self._origin)
        elif self.operations:
            self._batch.is_spoilt = True
        if self._owns_batch:
            self._org.close_batch(commit=kind is None)

    def create(self, object_name: str, fields: Mapping[str, object]) -> str:
        """Make a record; returns its 18-character id."""
        records = self._org.records_of(object_name)
        values = records.for_create(fields, self.user, self._moment.stored)
        record_id = records.insert(values, self._moment.stored)
        self.operations.append(Operation(records.shape, "CREATE", record_id, records.shape.whole(values), ()))
        return record_id

    def update(self, object_name: str, record_id: str, fields: Mapping[str, object]) -> None:
        """Change the given fields; None or an empty text empties one. What does not change anything emits nothing."""
        records = self._org.records_of(object_name)
        record_id = records.normalised(record_id)
        values = records.for_update(fields)
        names = tuple(values)
        row, is_deleted, modified_by, *stored = records.fetch(record_id, names)
        if is_deleted:
            raise entity_is_deleted()
        old = dict(zip(names, stored, strict=True))
        for name in names:
            if old[name] == values[name]:
                del values[name]
        if not values:
            return
        now = self._moment.stored
        values["LastModifiedDate"] = now
        if modified_by != self.user:
            values["LastModifiedById"] = self.user
        records.write(row, values, now)
        body = records.shape.changed(values, old)
        self.operations.append(Operation(records.shape, "UPDATE", record_id, body, tuple(values)))

    def delete(self, object_name: str, record_id: str) -> None:
        """Move a record to the recycle bin. LastModifiedDate stays as it is; SystemModstamp moves."""
        records = self._org.records_of(object_name)
        record_id = records.normalised(record_id)
        _, is_deleted, _ = records.fetch(record_id, ())
        if is_deleted:
            raise entity_is_deleted()
        records.mark(record_id, self._moment.stored, deleted=True)
        self.operations.append(Operation(records.shape, "DELETE", record_id, b"{}", ()))

    def undelete(self, object_name: str, record_id: str) -> None:
        """Bring a record back from the recycle bin, as modified now by who does it."""
        records = self._org.records_of(object_name)
        record_id = records.normalised(record_id)
        row, is_deleted, _ = records.fetch(record_id, ())
        if not is_deleted:
            raise SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=["Id"])
        now = self._moment.stored
        records.mark(record_id, now, deleted=False)
        records.write(row, {"LastModifiedDate": now, "LastModifiedById": self.user}, now)
        values = records.shape.from_row(records.whole(record_id))
        self.operations.append(
            Operation(records.shape, "UNDELETE", record_id, records.shape.whole(values), ())
        )


class _Batch:
    """One SQLite transaction and the events that wait for its commit."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.moment = org.clock.now()
        self._first_commit_number = org.commit_number
        self.rows: list[tuple[int, str, int, bytes]] = []
        self._operations: list[Operation] = []
        self.is_spoilt = False
        """True when a transaction failed after it had written something: nothing of the batch may commit then."""
        org.store.connection.execute("BEGIN IMMEDIATE")

    def add(self, tx: Transaction, origin: str) -> None:
        """Number a finished transaction and write its events down."""
        if not tx.operations:
            return
        org = self._org
        org.commit_number += 1
        header = Header(origin, _transaction_key(), self.moment.second_ms, org.commit_number, tx.user)
        for sequence, (operation, record_ids) in enumerate(merged(tx.operations), 1):
            replay_id = org.take_replay_id()
            event = event_json(
                operation.shape,
                header,
                change=operation.change,
                record_ids=record_ids,
                sequence=sequence,
                body=operation.body,
                replay_id=replay_id,
                changed_fields=operation.changed if org.dials.events.changed_fields_in_header else None,
            )
            self.rows.append((replay_id, operation.shape.entity, self.moment.epoch_ms, event))
        self._operations += tx.operations
        if org.commit_number % _HOLE_EVERY == 0:
            org.skip_replay_id()

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
        org.count(self._operations)
        if self.rows:
            org.bus.publish(self.rows)

    def roll_back(self) -> None:
        self._org.store.connection.execute("ROLLBACK")
        self._org.reset_counters(self._first_commit_number)


def _transaction_key() -> str:
    key = f"{_keys.getrandbits(128):032x}"
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"
