"""Rows as clients write them, made into the model's operations: names in any case, parents by
external id, one outcome a row.

Every API that writes (REST, collections, composite, bulk) comes through here, so a rule of
records is the same for all of them.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sandbox.org.data.locks import unable_to_lock
from sandbox.org.errors import SalesforceError, entity_is_deleted, no_external_id, not_found, unwritable
from sandbox.org.permissions.views import View
from sandbox.org.schema.exact import known
from sandbox.org.soql.entities import DECIMAL_KINDS, Entity, Field
from sandbox.org.soql.literals import full_id
from sandbox.org.state.lead_conversion import LEAD, LeadConverter
from sandbox.org.state.org import Org
from sandbox.org.state.transaction import Transaction
from sandbox.org.state.transfers import OWNER, Transfer, Transfers

Verb = Literal["insert", "update", "upsert", "delete", "undelete", "hardDelete"]


@dataclass(frozen=True, slots=True)
class Write:
    """One row to write."""

    verb: Verb
    object_name: str
    """In any case."""
    fields: Mapping[str, Any]
    """As the client wrote them; `attributes` is passed over. Empty for deletes."""
    record_id: str | None = None
    """15 or 18 characters; None for an insert and for an upsert by another key."""
    key: str | None = None
    """The external id field of an upsert; its value is in `fields`."""
    owner_options: Collection[str] = ()
    """Records that go along to the record's new owner, by `transfers.OPTIONS`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one row."""

    record_id: str | None = None
    """None when there is no record to speak of."""
    created: bool = False
    error: SalesforceError | None = None

    @property
    def succeeded(self) -> bool:
        return self.error is None


class RolledBackError(Exception):
    """All-or-none: a row failed, so nothing was written. `outcomes` says what each row hears."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        super().__init__("rolled back")


class Dml:
    """Writes rows in the name of a user. Synchronous: a caller that needs locks takes them before
    (see `Org.locks`).
    """

    def __init__(self, org: Org, user: str | None = None) -> None:
        """`user`: Id of the user whose rights count; None: the integration user."""
        self._org = org
        self._user = user

    @property
    def view(self) -> View:
        """The org as the user sees it now."""
        return self._org.view(self._user)

    def write(
        self, rows: Sequence[Write], *, user: str, origin: str, all_or_none: bool = False
    ) -> list[Outcome]:
        """Write the rows in one Salesforce transaction; returns their outcomes in order.

        A row that fails leaves the others alone, unless `all_or_none`: then nothing is written,
        and the innocent rows hear ALL_OR_NONE_OPERATION_ROLLED_BACK.
        """
        repeated = _repeated_keys(rows)
        try:
            with self._org.transaction(user, origin) as tx:
                outcomes = [repeated.get(place) or self._one(tx, row) for place, row in enumerate(rows)]
                if all_or_none:
                    _require_all(outcomes)
        except RolledBackError as error:
            return error.outcomes
        return outcomes

    async def apply(
        self, rows: Sequence[Write], *, user: str, origin: str, all_or_none: bool = False
    ) -> list[Outcome]:
        """`write` for callers that can wait: the write takes its time, and its records and their
        parents are locked meanwhile.

        A row that cannot get its locks in time fails with UNABLE_TO_LOCK_ROW; the others are
        written.
        """
        dials = self._org.dials.records
        if not dials.chunk_seconds:
            return self.write(rows, user=user, origin=origin, all_or_none=all_or_none)
        needed = [self._lock_ids(row) for row in rows]
        async with self._org.locks.held(needed, dials.lock_wait_seconds) as missed:
            await asyncio.sleep(dials.chunk_seconds)
            refused = {
                place: Outcome(rows[place].record_id, error=unable_to_lock(record_id))
                for place, record_id in enumerate(missed)
                if record_id is not None
            }
            if refused and all_or_none:
                return [refused.get(place) or _rolled_back(Outcome()) for place in range(len(rows))]
            written = self.write(
                [row for place, row in enumerate(rows) if place not in refused],
                user=user, origin=origin, all_or_none=all_or_none,
            )  # fmt: skip
            outcomes = iter(written)
            return [refused.get(place) or next(outcomes) for place in range(len(rows))]

    def _lock_ids(self, row: Write) -> set[str]:
        """Locks of a row: its record, the masters of that, and every record that it points to;
        users are never locked.
        """
        entity = self.view.entities.find(row.object_name)
        if entity is None or entity.name not in self._org.records:
            return set()
        try:
            values = self.values(entity, row.fields)
            key = entity.by_lower_name.get((row.key or "").lower())
            keyed = self.ids_by_key(entity, key.name, str(values.get(key.name))) if key is not None else []
        except SalesforceError:
            return set()  # the write itself will say so
        own = {each for each in (full_id(row.record_id or ""), *keyed) if each}
        pointed = [
            full_id(str(value))
            for name, value in values.items()
            if name in entity.fields and entity.fields[name].references
        ]
        masters = [master for record_id in own for master in self._masters(entity.name, record_id)]
        parents = {each for each in (*pointed, *masters) if each and each.startswith(self._locked_prefixes)}
        return own | parents

    def _masters(self, object_name: str, record_id: str) -> list[str]:
        """The records that this one is a detail of: their roll-ups change with it ("Record Locking
        Cheat Sheet").
        """
        names = self._org.records[object_name].masters
        if not names:
            return []
        columns = ", ".join(f'"{name}"' for name in names)
        statement = f'SELECT {columns} FROM "{object_name}" WHERE Id = ?'
        row = self._org.store.connection.execute(statement, (record_id,)).fetchone()
        return [each for each in row or () if each]

    @cached_property
    def _locked_prefixes(self) -> tuple[str, ...]:
        return tuple(records.spec.key_prefix for records in self._org.records.values())

    def entity(self, name: str) -> Entity:
        """The object of that name; raises NOT_FOUND."""
        found = self.view.entities.find(name)
        if found is None:
            raise not_found()
        return found

    def writable(self, name: str) -> Entity:
        """The object of that name, if it may be written; raises `SalesforceError`."""
        entity = self.entity(name)
        if entity.name not in self._org.store.tracked:
            message = f"entity type cannot be written: {entity.name}"
            raise SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        return entity

    def values(self, entity: Entity, body: Mapping[str, Any]) -> dict[str, object]:
        """A body as the model wants it: canonical names, parents given by external id as their
        ids.
        """
        values: dict[str, object] = {}
        for name, value in body.items():
            if name == "attributes":
                continue
            reference = entity.by_relationship.get(name.lower())
            if reference is not None and isinstance(value, dict):
                values[reference.name] = self._parent_id(reference, value)
            else:
                found = entity.by_lower_name.get(name.lower())
                if found is None and name in self.view.hidden(entity.name):
                    message = f"No such column '{name}' on sobject of type {entity.name}"
                    raise SalesforceError("INVALID_FIELD", message)
                values[found.name if found else name] = value
        return values

    def checked(self, entity: Entity, body: Mapping[str, Any]) -> dict[str, object]:
        """`values`, once every reference in them leads to a record that exists; the ids in their
        long form.
        """
        values = self.values(entity, body)
        if frozen := values.keys() & self.view.frozen(entity.name):
            raise unwritable(sorted(frozen)[0])
        for name, value in values.items():
            field = entity.fields.get(name)
            if field is None or not field.references or not isinstance(value, str) or not value:
                continue
            record_id = full_id(value)
            if record_id is None:
                continue  # the model refuses what is no id
            if not self._exists(field, record_id):
                raise SalesforceError(
                    "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[name]
                )
            values[name] = record_id
        return values

    def _exists(self, field: Field, record_id: str) -> bool:
        targets = (self.view.entities.find(name) for name in field.references)
        target = next((each for each in targets if each and record_id.startswith(each.key_prefix)), None)
        return target is not None and self.is_deleted(target, record_id) is False

    def ids_by_key(self, entity: Entity, name: str, value: str) -> list[str]:
        """The live records with this external id, at most three; raises NOT_FOUND when `name` is no
        external id field.
        """
        field = entity.by_lower_name.get(name.lower())
        if field is not None and field.name == "Id":
            record_id = full_id(value)
            return [record_id] if record_id and self.is_deleted(entity, record_id) is False else []
        if field is None or field.spec is None or not field.spec.external_id:
            raise no_external_id(name)
        statement = (
            f'SELECT Id FROM {entity.table} WHERE "{field.name}" = ? COLLATE NOCASE AND IsDeleted = 0 '
            "ORDER BY Id LIMIT 3"
        )
        key = known(value) if field.kind in DECIMAL_KINDS else value
        return [row[0] for row in self._org.store.connection.execute(statement, (key,))]

    def live_id(self, entity: Entity, text: str) -> str:
        """The 18-character id of a record that exists; raises NOT_FOUND or ENTITY_IS_DELETED (both
        404).
        """
        record_id = full_id(text)
        if record_id is None or not record_id.startswith(entity.key_prefix):
            raise no_external_id(text)
        deleted = self.is_deleted(entity, record_id)
        if deleted is None:
            raise not_found()
        if deleted:
            raise entity_is_deleted()
        return record_id

    def is_deleted(self, entity: Entity, record_id: str) -> bool | None:
        """None when there is no such record."""
        statement = f"SELECT IsDeleted FROM {entity.table} WHERE Id = ?"
        row = self._org.store.connection.execute(statement, (record_id,)).fetchone()
        return None if row is None else bool(row[0])

    def _one(self, tx: Transaction, row: Write) -> Outcome:
        fault = self._org.faults.strike("row", row.object_name)
        if fault is not None:
            return Outcome(
                row.record_id, error=SalesforceError(fault.code, fault.message, fields=fault.fields)
            )
        try:
            return self._perform(tx, row)
        except SalesforceError as error:
            return Outcome(row.record_id, error=error)

    def _perform(self, tx: Transaction, row: Write) -> Outcome:
        entity = self.writable(row.object_name)
        self._require_access(entity)
        if row.verb == "insert":
            return Outcome(tx.create(entity.name, self.checked(entity, row.fields)), created=True)
        if row.verb == "upsert":
            return self._upsert(tx, entity, row)
        record_id = row.record_id or ""
        self._require_edit(entity, record_id)
        if row.verb == "update":
            self._update(tx, entity.name, row, self.checked(entity, row.fields))
        elif row.verb == "undelete":
            tx.undelete(entity.name, record_id)
        elif row.verb == "hardDelete":
            tx.hard_delete(entity.name, record_id)
        else:
            tx.delete(entity.name, record_id)
        return Outcome(full_id(record_id))

    def _update(self, tx: Transaction, name: str, row: Write, values: Mapping[str, object]) -> None:
        """Change a record; with options, what belongs to it follows to its new owner."""
        owner, record_id = values.get(OWNER), row.record_id or ""
        if name == LEAD:
            LeadConverter(self._org, tx).require_open(record_id)
        if owner and row.owner_options:
            with tx.whole():
                Transfers(self._org, tx).transfer(Transfer(name, str(owner), [record_id], row.owner_options))
                tx.update(name, record_id, values)
        else:
            tx.update(name, record_id, values)

    def _require_access(self, entity: Entity) -> None:
        """Raise when the user may read the object's records and not write them."""
        if not self.view.may_write(entity.name):
            message = f"entity type cannot be written by the user: {entity.name}"
            raise SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)

    def _require_edit(self, entity: Entity, record_id: str) -> None:
        """Raise when sharing gives the user no right to change the record."""
        condition = self.view.edited(entity.name)
        if condition is None:
            return
        statement = f'SELECT ({condition}) FROM "{entity.name}" WHERE Id = ?'
        row = self._org.store.connection.execute(statement, (full_id(record_id),)).fetchone()
        if row is not None and not row[0]:
            raise SalesforceError(
                "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"
            )

    def _upsert(self, tx: Transaction, entity: Entity, row: Write) -> Outcome:
        key = entity.by_lower_name.get((row.key or "").lower())
        if key is None:
            raise not_found()
        values = self.checked(entity, row.fields)
        value = values.get(key.name)
        if value in (None, ""):
            if key.name == "Id":
                values.pop(key.name, None)
                return Outcome(tx.create(entity.name, values), created=True)
            raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified", fields=[key.name])
        matches = self.ids_by_key(entity, key.name, str(value))
        if len(matches) > 1:
            message = f"{key.name}: more than one record found for external id field: {matches}"
            raise SalesforceError("DUPLICATE_EXTERNAL_ID", message, fields=[key.name])
        if key.name == "Id":
            values.pop(key.name)
            if not matches:
                raise not_found()
        if not matches:
            return Outcome(tx.create(entity.name, values), created=True)
        self._require_edit(entity, matches[0])
        tx.update(entity.name, matches[0], values)
        return Outcome(matches[0])

    def _parent_id(self, reference: Field, key: Mapping[str, Any]) -> str:
        """`{"ExternalId__c": "A-1"}` -> the id of the parent that has it; raises when there is
        none.
        """
        pairs = [(name, value) for name, value in key.items() if name != "attributes"]
        target = self.view.entities.target(reference)
        if target is not None and len(pairs) == 1:
            name, value = pairs[0]
            matches = self.ids_by_key(target, name, str(value))
            if len(matches) == 1:
                return matches[0]
            message = f"Foreign key external ID: {value} not found for field {name} in entity {target.name}"
            raise SalesforceError("INVALID_FIELD", message)
        raise SalesforceError("INVALID_FIELD", "A parent is given by one external id field", fields=list(key))


def _repeated_keys(rows: Sequence[Write]) -> dict[int, Outcome]:
    """Results of rows, by their places, that name a record by the same external id as another one
    of their call: none is written.
    """
    named = {place: value for place, row in enumerate(rows) if (value := _key_value(row))}
    often = Counter((rows[place].object_name.lower(), value.lower()) for place, value in named.items())
    return {
        place: Outcome(
            error=SalesforceError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", fields=[])
        )
        for place, value in named.items()
        if often[rows[place].object_name.lower(), value.lower()] > 1
    }


def _key_value(row: Write) -> str:
    """The external id of an upsert; empty for other rows, and for one by Id."""
    key = (row.key or "id").lower()
    if key == "id":
        return ""
    return next((str(value or "") for name, value in row.fields.items() if name.lower() == key), "")


def _require_all(outcomes: list[Outcome]) -> None:
    if not all(outcome.succeeded for outcome in outcomes):
        raise RolledBackError([_rolled_back(outcome) for outcome in outcomes])


def _rolled_back(outcome: Outcome) -> Outcome:
    if outcome.error is not None:
        return outcome
    message = (
        "Record rolled back because not all records were valid and the request was using AllOrNone header"
    )
    return Outcome(outcome.record_id, error=SalesforceError("ALL_OR_NONE_OPERATION_ROLLED_BACK", message))
