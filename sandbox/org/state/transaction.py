"""One Salesforce transaction: its operations in order, and what each of them does to other records.

It is atomic and has one commit number. An operation that fails has done nothing, cascades included.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from types import TracebackType
from typing import Protocol

from sandbox.org.data.calculated import CalculatedFields
from sandbox.org.data.operations import Operation
from sandbox.org.data.records import FIRST_FIELD, Records, required_missing
from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError, entity_is_deleted
from sandbox.org.faults.clock import Moment
from sandbox.org.faults.dials import Dials
from sandbox.org.schema.fields import Value
from sandbox.org.schema.objects import MASTER
from sandbox.org.schema.persons import (
    ACCOUNT,
    CONTACT,
    CONTACT_ID,
    FULL_NAME,
    IS_PERSON,
    contact_values,
    full_name,
    is_person,
    refuse_wrong_name,
)
from sandbox.org.schema.setup import OnDelete
from sandbox.org.state.batch import Batch


class TransactionOrg(Protocol):
    """The org's parts that a transaction needs."""

    store: Store
    dials: Dials
    lag: Random
    records: dict[str, Records]
    calculated: dict[str, CalculatedFields]
    child_rules: dict[str, list[tuple[str, str, OnDelete]]]

    def records_of(self, object_name: str) -> Records: ...

    def open_batch(self) -> tuple[Batch, bool]: ...

    def close_batch(self, *, commit: bool) -> None: ...


class Transaction:
    """The operations of one Salesforce transaction, in order."""

    def __init__(self, org: TransactionOrg, user: str, origin: str) -> None:
        self._org = org
        self._batch, self._owns_batch = org.open_batch()
        self._moment: Moment = self._batch.moment
        self._stored = self._moment.stored
        """The value of SystemModstamp and its like; before the commit when the transaction commits
        late.
        """
        self._is_late = org.dials.records.commit_lag_seconds > 0 and self._lag()
        self.user = user
        self._origin = origin
        self.operations: list[Operation] = []
        self.changes = 0
        """Records that the transaction has changed; known at its end."""

    def __enter__(self) -> "Transaction":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.changes = self._batch.add(self.operations, self.user, self._origin)
        elif self.operations:
            self._batch.is_spoilt = True
        if self._owns_batch:
            self._org.close_batch(commit=kind is None)

    def _lag(self) -> bool:
        dials, chance = self._org.dials.records, self._org.lag
        if chance.random() >= dials.commit_lag_share:
            return False
        second = self._moment.epoch_ms / 1000 - chance.random() * dials.commit_lag_seconds
        self._stored = datetime.fromtimestamp(int(second), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return True

    def _stamp(self, records: Records, record_id: str) -> str:
        """The new modstamp of a record: a late transaction held its lock, so it never goes back."""
        return max(self._stored, records.modstamp(record_id)) if self._is_late else self._stored

    def create(self, object_name: str, fields: Mapping[str, object]) -> str:
        """Make a record; returns its 18-character id."""
        records = self._org.records_of(object_name)
        if records.has_persons:
            return self._create_account(records, fields)
        values = records.for_create(fields, self.user, self._stored)
        record_id = records.insert(values, self._stored)
        self._emit(records, "CREATE", record_id, values)
        return record_id

    def update(self, object_name: str, record_id: str, fields: Mapping[str, object]) -> None:
        """Change the given fields; None or an empty text empties one. What does not change anything
        emits nothing.
        """
        records = self._org.records_of(object_name)
        record_id = records.normalised(record_id)
        values = records.for_update(fields)
        contact = self._person_changes(records, record_id, values) if records.has_persons else None
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
        if "OwnerId" in values:
            # What an owner shared by hand ends with him (Salesforce Help, "Sharing a Record").
            self._org.store.connection.execute("DELETE FROM sandbox_shares WHERE record_id = ?", (record_id,))
        now = self._stamp(records, record_id)
        values["LastModifiedDate"] = now
        if modified_by != self.user:
            values["LastModifiedById"] = self.user
        shape = records.shape
        if calculated := self._calculated(records):
            shape = calculated.shape
            before = calculated.of(record_id)
            records.write(row, values, now)
            after = calculated.of(record_id)
            values |= {name: value for name, value in after.items() if value != before[name]}
        else:
            records.write(row, values, now)
        body = shape.changed(values, old)
        self.operations.append(Operation(shape, "UPDATE", record_id, body, tuple(values), values, old))
        if contact is not None:
            self.update(CONTACT, *contact)

    def touch(self, object_name: str, record_id: str, values: Mapping[str, Value] | None = None) -> None:
        """Tell an update of a record, though it may change nothing but who modified it last and
        when. `values`: of fields that only the org writes, unchecked.
        """
        records = self._org.records_of(object_name)
        row, _, modified_by = records.fetch(record_id, ())
        now = self._stamp(records, record_id)
        changed: dict[str, Value] = {**(values or {}), "LastModifiedDate": now}
        if modified_by != self.user:
            changed["LastModifiedById"] = self.user
        records.write(row, changed, now)
        calculated = self._calculated(records)
        shape = calculated.shape if calculated else records.shape
        body = shape.changed(changed, {})
        self.operations.append(Operation(shape, "UPDATE", record_id, body, tuple(changed), changed, {}))

    def move(self, object_name: str, record_id: str, fields: Mapping[str, Value]) -> None:
        """Store values of a record without an event: SystemModstamp moves, LastModifiedDate
        stays.
        """
        records = self._org.records_of(object_name)
        row, *_ = records.fetch(record_id, ())
        records.write(row, fields, self._stamp(records, record_id))

    def bin(self, object_name: str, record_id: str) -> None:
        """Move one record to the recycle bin and leave its children where they are."""
        records = self._org.records_of(object_name)
        records.mark(record_id, self._stamp(records, record_id), deleted=True)
        self.operations.append(Operation(records.shape, "DELETE", record_id, b"{}", ()))

    def delete(self, object_name: str, record_id: str) -> None:
        """Move a record to the recycle bin. LastModifiedDate stays as it is; SystemModstamp
        moves.
        """
        records = self._org.records_of(object_name)
        record_id = records.normalised(record_id)
        _, is_deleted, _ = records.fetch(record_id, ())
        if is_deleted:
            raise entity_is_deleted()
        with self._whole(object_name):
            self._delete_children(object_name, record_id)
            if records.has_persons and (contact_id := self._person(records, record_id)[CONTACT_ID]):
                self._delete_along(record_id, CONTACT, str(contact_id))
            self.bin(object_name, record_id)

    def hard_delete(self, object_name: str, record_id: str) -> None:
        """Forget a record, whether or not it is in the recycle bin; one that was has had its event.
        So go its details.
        """
        records = self._org.records_of(object_name)
        record_id = records.normalised(record_id)
        _, is_deleted, _ = records.fetch(record_id, ())
        with self._whole(object_name):
            if not is_deleted:
                self.delete(object_name, record_id)
            for child, reference, on_delete in self._org.child_rules.get(object_name, ()):
                if on_delete == "cascade":
                    for child_id in self._org.records[child].children(reference, record_id, binned=True):
                        self.hard_delete(child, child_id)
            execute = self._org.store.connection.execute
            execute(
                "INSERT OR IGNORE INTO sandbox_hard_deletes VALUES (?, ?, ?)",
                (object_name, record_id, records.modstamp(record_id)),
            )
            records.remove(record_id)
            execute("DELETE FROM sandbox_cascades WHERE parent = ?", (record_id,))
            self._batch.gone.append((object_name, True))

    def undelete(self, object_name: str, record_id: str) -> None:
        """Bring a record back from the recycle bin, as modified now by who does it, and what went
        there with it.
        """
        records = self._org.records_of(object_name)
        record_id = records.normalised(record_id)
        row, is_deleted, _ = records.fetch(record_id, ())
        if not is_deleted:
            raise SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=["Id"])
        with self._whole(object_name):
            now = self._stamp(records, record_id)
            records.mark(record_id, now, deleted=False)
            modified: dict[str, Value] = {"LastModifiedDate": now, "LastModifiedById": self.user}
            if MASTER in records.spec.fields:
                modified[MASTER] = None
            records.write(row, modified, now)
            values = records.shape.from_row(records.whole(record_id))
            self._emit(records, "UNDELETE", record_id, values)
            if object_name in self._org.child_rules or records.has_persons:
                self._undelete_children(record_id)

    def _delete_children(self, object_name: str, record_id: str) -> None:
        """The effect of a delete on children, set up by reference: refused, carried out on them
        too, or their field emptied.
        """
        for child, reference, on_delete in self._org.child_rules.get(object_name, ()):
            records = self._org.records[child]
            found = records.children(reference, record_id)
            if found and on_delete == "restrict":
                message = f"Your attempt to delete {record_id} could not be completed because it is associated with: {found[0]}"
                raise SalesforceError("DELETE_FAILED", message)
            for child_id in found:
                if on_delete == "cascade":
                    self._delete_along(record_id, child, child_id)
                else:
                    self.update(child, child_id, {reference: None})

    def _delete_along(self, record_id: str, child: str, child_id: str) -> None:
        """Delete what goes with a record, and remember it for the undelete."""
        if self._org.records[child].is_binned(child_id):
            return
        self.delete(child, child_id)
        self.remember(record_id, child, child_id)

    def remember(self, record_id: str, child: str, child_id: str) -> None:
        """Let an undelete of a record bring back a child, which went to the recycle bin with it."""
        self._org.store.connection.execute(
            "INSERT OR IGNORE INTO sandbox_cascades VALUES (?, ?, ?)", (record_id, child, child_id)
        )

    # --- accounts that may be persons

    def _create_account(self, records: Records, fields: Mapping[str, object]) -> str:
        """A business, or a person with a contact of its own."""
        person = is_person(fields)
        refuse_wrong_name(fields, person=person)
        # The name is known once its parts have been checked; until then the field is filled,
        # because it is required.
        values = records.for_create({**fields, "Name": "-"} if person else fields, self.user, self._stored)
        if not person:
            record_id = records.insert(values, self._stored)
            self._emit(records, "CREATE", record_id, values)
            return record_id
        values |= {IS_PERSON: True, "Name": full_name(values)}
        with self._whole(ACCOUNT):
            record_id = records.insert(values, self._stored)
            told = len(self.operations)
            contact = contact_values(values, self._org.records_of(CONTACT).spec)
            values[CONTACT_ID] = self.create(CONTACT, {**contact, "AccountId": record_id})
            row, *_ = records.fetch(record_id, ())
            records.write(row, {CONTACT_ID: values[CONTACT_ID]}, self._stored)
            self._emit(records, "CREATE", record_id, values)
            self.operations.insert(told, self.operations.pop())
        return record_id

    def _person(self, records: Records, record_id: str) -> dict[str, Value]:
        """The field that makes a record a person or none."""
        names = (IS_PERSON, CONTACT_ID, *(name for name in FULL_NAME if name in records.spec.fields))
        return dict(zip(names, records.fetch(record_id, names)[FIRST_FIELD:], strict=True))

    def _person_changes(
        self, records: Records, record_id: str, values: dict[str, Value]
    ) -> tuple[str, dict[str, Value]] | None:
        """The contact of a person and what changes in it, None for a business. `values` gets the
        full name, if that changes.
        """
        person = self._person(records, record_id)
        refuse_wrong_name(values, person=bool(person[IS_PERSON]))
        if not person[IS_PERSON]:
            return None
        if "LastName" in values and values["LastName"] is None:
            raise required_missing(["LastName"])
        if not values.keys().isdisjoint(FULL_NAME):
            values["Name"] = full_name({**person, **values})
        contact = contact_values(values, self._org.records_of(CONTACT).spec)
        return (str(person[CONTACT_ID]), contact) if contact and person[CONTACT_ID] else None

    def _undelete_children(self, record_id: str) -> None:
        """Records that the delete of this record took along; not one that was deleted before, or
        has come back since.
        """
        connection = self._org.store.connection
        taken = connection.execute(
            "DELETE FROM sandbox_cascades WHERE parent = ? RETURNING object, child", (record_id,)
        ).fetchall()
        for child, child_id in sorted(taken):
            if self._org.records[child].is_binned(child_id):
                self.undelete(child, child_id)

    def _emit(self, records: Records, change: str, record_id: str, values: Mapping[str, Value]) -> None:
        shape = records.shape
        if calculated := self._calculated(records):
            shape, values = calculated.shape, {**values, **calculated.of(record_id)}
        self.operations.append(Operation(shape, change, record_id, shape.whole(values), (), values))

    def _calculated(self, records: Records) -> CalculatedFields | None:
        """The calculated fields that events of the object carry; None: none."""
        told = self._org.dials.events.calculated_fields
        return self._org.calculated.get(records.spec.name) if told else None

    @contextmanager
    def _whole(self, object_name: str) -> Iterator[None]:
        """Let an operation that may take children along happen as a whole."""
        if object_name not in self._org.child_rules and not self._org.records[object_name].has_persons:
            yield
            return
        with self.whole():
            yield

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Let an operation on several records happen as a whole, or not at all when one of them
        refuses.
        """
        execute = self._org.store.connection.execute
        operations, gone = len(self.operations), len(self._batch.gone)
        execute("SAVEPOINT operation")
        try:
            yield
        except SalesforceError:
            execute("ROLLBACK TO operation")
            del self.operations[operations:], self._batch.gone[gone:]
            raise
        finally:
            execute("RELEASE operation")
