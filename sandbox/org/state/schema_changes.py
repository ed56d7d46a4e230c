"""An administrator's changes to the fields of an object while the org is at work: add, rename,
change the type, remove.

Everything follows at once: describe, queries, writes, events and their schemas. An event that is
on the bus keeps the schema that it was written with. No change of the schema is a change of a
record: SystemModstamp stays.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sandbox.org.data.operations import Operation
from sandbox.org.data.records import READ_ONLY
from sandbox.org.data.store import affinity
from sandbox.org.errors import SalesforceError
from sandbox.org.events.changes import EventShape
from sandbox.org.schema.conversions import Conversion, convert
from sandbox.org.schema.exact import dumps
from sandbox.org.schema.fields import Value, checker
from sandbox.org.schema.objects import SYSTEM_FIELDS, OrgField, OrgObject, with_fields
from sandbox.org.schema.persons import ACCOUNT, CONTACT, IS_PERSON, has_persons, with_persons
from sandbox.org.schema.setup import load_setup
from sandbox.org.state.batch import Batch
from sandbox.org.state.org import Org
from schemas.catalogue import FieldType

_GAP_RECORDS = 200
"""Records that one gap event names."""


class SchemaChanges:
    """The fields of one org's objects. Its methods raise `SalesforceError` for what an
    administrator may not do.
    """

    def __init__(self, org: Org) -> None:
        self._org = org
        self._is_together = False

    @contextmanager
    def together(self, object_name: str) -> Iterator[None]:
        """Make the changes inside one: all of them happen or none, and the object is read again
        once.
        """
        with self._changing(object_name):
            self._is_together = True
            try:
                yield
            finally:
                self._is_together = False
            store = self._org.store
            store.keep_schema(store.objects[object_name], store.defaults.get(object_name, {}))

    def add(
        self, object_name: str, name: str, spec: OrgField, *, default: object = None, fills: object = None
    ) -> None:
        """Add a field.

        Args:
            object_name: Of an object that can be written.
            name: As in the API.
            spec: Its type.
            default: What new records get; of a boolean, False when it is None (Salesforce Help,
                "Default Field Values").
            fills: What the records get that are there, without a modstamp or an event; of a
                boolean, the default.
        """
        old = self._spec(object_name)
        self._refuse_taken(old, name, spec)
        check = checker(name, spec)
        if spec.type is FieldType.BOOLEAN:
            default = bool(default)
            fills = default if fills is None else fills
        made = None if default is None else check(default)
        filled = None if fills is None else check(fills)
        defaults = dict(self._org.store.defaults.get(object_name, {}))
        if made is not None:
            defaults[name] = made
        with self._changing(object_name):
            self._new_column(object_name, name, spec)
            if filled is not None:
                self._execute(f'UPDATE "{object_name}" SET "{name}" = ?', (filled,))
            self._keep(with_fields(old, {**old.fields, name: spec}), defaults)

    def add_compound(self, object_name: str, name: str, parts: Mapping[str, OrgField]) -> None:
        """Add a compound field: those of its parts that are not there yet, by name. At least one
        must be new.
        """
        old = self._spec(object_name)
        missing = {each: spec for each, spec in parts.items() if each not in old.fields}
        if name.lower() in _taken(old) - {each.lower() for each in old.compounds} or not missing:
            raise _duplicate(object_name, name)
        for each, spec in missing.items():
            self._refuse_taken(old, each, spec)
        with self._changing(object_name):
            for each, spec in missing.items():
                self._new_column(object_name, each, spec)
            self._keep(
                with_fields(old, {**old.fields, **missing}), self._org.store.defaults.get(object_name, {})
            )

    def allow_persons(self) -> None:
        """Give the org person accounts, which nobody can take away again but by a reset (Salesforce
        Help, "Enable Person Accounts").
        """
        old = self._spec(ACCOUNT)
        if has_persons(old):
            return
        if CONTACT not in self._org.store.tracked or "Name" not in old.fields:
            raise SalesforceError("INVALID_TYPE", "person accounts need Account.Name and the object Contact")
        fields = with_persons(old)
        with self._changing(ACCOUNT):
            for name, spec in fields.items():
                if name not in old.fields:
                    self._new_column(ACCOUNT, name, spec)
            self._execute(f'UPDATE "{ACCOUNT}" SET "{IS_PERSON}" = 0')
            self._keep(with_fields(old, fields), self._org.store.defaults.get(ACCOUNT, {}))

    def rename(self, object_name: str, name: str, new_name: str) -> None:
        """Give a field another API name. Its values stay."""
        old = self._field_of(object_name, name)
        others = with_fields(old, {each: spec for each, spec in old.fields.items() if each != name})
        if new_name == name or new_name.lower() in _taken(others):
            raise _duplicate(object_name, new_name)
        fields = {new_name if each == name else each: spec for each, spec in old.fields.items()}
        with self._changing(object_name):
            if new_name.lower() != name.lower():
                self._move_away(object_name, new_name)
            self._execute(f'DROP INDEX IF EXISTS "{object_name}_{name}"')
            self._execute(f'ALTER TABLE "{object_name}" RENAME COLUMN "{name}" TO "{new_name}"')
            self._org.store.index_unique(object_name, new_name, old.fields[name])
            self._keep(with_fields(old, fields), self._defaults_without(object_name, name))

    def retype(self, object_name: str, name: str, spec: OrgField) -> Conversion:
        """Give a field another type or length, and convert its values.

        A conversion that loses nothing tells nothing. One that leaves all values the same is one
        event for all records (`001*`), any other is reported by gap events (Change Data Capture
        Developer Guide, "Field Conversions"). Records in the recycle bin are converted too,
        without an event.
        """
        old = self._field_of(object_name, name)
        changed = with_fields(old, {**old.fields, name: spec})
        with self._changing(object_name) as batch:
            live, deleted = (
                self._execute(
                    f'SELECT Id, "{name}" FROM "{object_name}" WHERE "{name}" IS NOT NULL AND IsDeleted = ? ORDER BY Id',
                    (is_deleted,),
                ).fetchall()
                for is_deleted in (0, 1)
            )
            found, in_bin = convert(live, name, spec), convert(deleted, name, spec)
            self._new_column(object_name, name, spec)
            self._org.store.connection.executemany(
                f'UPDATE "{object_name}" SET "{name}" = ? WHERE Id = ?',
                [(value, record_id) for record_id, value in (found.values | in_bin.values).items()],
            )
            self._keep(changed, self._defaults_without(object_name, name))
            for operation, record_ids in _told(found, changed, name):
                batch.tell(operation, record_ids)
        return found

    def remove(self, object_name: str, name: str) -> None:
        """Take a field away, of a compound all parts. Values are kept in columns that nobody sees,
        as the org does for 15 days.
        """
        parts = self._spec(object_name).compounds.get(name, {}).values()
        gone = {*parts, name} if parts else {name}
        old = self._spec(object_name)
        for each in parts or (name,):
            old = self._field_of(object_name, each)
        fields = {each: spec for each, spec in old.fields.items() if each not in gone}
        with self._changing(object_name):
            for each in gone & old.fields.keys():
                self._execute(f'DROP INDEX IF EXISTS "{object_name}_{each}"')
            self._keep(with_fields(old, fields), self._defaults_without(object_name, *gone))

    @contextmanager
    def _changing(self, object_name: str) -> Iterator[Batch]:
        """One SQLite transaction, after which everything goes by the object's new fields; a change
        that fails has done nothing.
        """
        if self._is_together:
            with self._org.batch() as batch:
                yield batch
            return
        before, defaults = self._org.store.objects[object_name], self._org.store.defaults.get(object_name)
        try:
            with self._org.batch() as batch:
                yield batch
        except BaseException as error:
            self._org.store.objects[object_name] = before
            if defaults is not None:
                self._org.store.defaults[object_name] = defaults
            if isinstance(error, sqlite3.IntegrityError):
                raise SalesforceError(
                    "DUPLICATE_VALUE", f"two records of {object_name} would have one value"
                ) from error
            raise
        self._org.take_schema(object_name)

    def _refuse_taken(self, old: OrgObject, name: str, spec: OrgField) -> None:
        """Raises DUPLICATE_DEVELOPER_NAME for a name that a field has, capitals or not, and for a
        second part of that name.
        """
        if name.lower() in _taken(old):
            raise _duplicate(old.name, name)
        if spec.part_of is not None and (spec.part or name) in old.compounds.get(spec.part_of, {}):
            raise _duplicate(old.name, f"{spec.part_of}.{spec.part or name}")

    def _spec(self, object_name: str) -> OrgObject:
        if self._org.is_writing and not self._is_together:
            raise SalesforceError("UNABLE_TO_LOCK_ROW", "a transaction is open; try again")
        self._org.records_of(object_name)
        return self._org.store.objects[object_name]

    def _field_of(self, object_name: str, name: str) -> OrgObject:
        """The object, after a look whether its field may be touched."""
        spec = self._spec(object_name)
        if name not in spec.fields:
            raise SalesforceError(
                "INVALID_FIELD", f"No such column '{name}' on sobject of type {object_name}"
            )
        if name in READ_ONLY:
            raise SalesforceError("CANNOT_DELETE", f"{name} is a standard field and stays as it is")
        if self._org.channels.uses(object_name, name):
            raise SalesforceError("DEPENDENCY_EXISTS", f"{name} is used by a member of a channel")
        return spec

    def _new_column(self, object_name: str, name: str, spec: OrgField) -> None:
        self._move_away(object_name, name)
        self._execute(f'ALTER TABLE "{object_name}" ADD COLUMN "{name}" {affinity(spec)}')
        self._org.store.index_unique(object_name, name, spec)

    def _move_away(self, object_name: str, name: str) -> None:
        """Free the name of a column; what is in it stays."""
        columns = {row[1].lower() for row in self._execute(f'PRAGMA table_info("{object_name}")').fetchall()}
        if name.lower() not in columns:
            return
        number = next(n for n in range(len(columns) + 1) if f"{name}_{n}_was".lower() not in columns)
        self._execute(f'DROP INDEX IF EXISTS "{object_name}_{name}"')
        self._execute(f'ALTER TABLE "{object_name}" RENAME COLUMN "{name}" TO "{name}_{number}_was"')

    def _defaults_without(self, object_name: str, *names: str) -> dict[str, Value]:
        defaults = self._org.store.defaults.get(object_name, {})
        return {each: value for each, value in defaults.items() if each not in names}

    def _keep(self, spec: OrgObject, defaults: Mapping[str, Value]) -> None:
        store = self._org.store
        if self._is_together:
            store.objects[spec.name], store.defaults[spec.name] = spec, dict(defaults)
        else:
            store.keep_schema(spec, defaults)

    def _execute(self, statement: str, parameters: tuple[Value, ...] = ()) -> Any:
        return self._org.store.connection.execute(statement, parameters)


def _taken(spec: OrgObject) -> set[str]:
    """Names that a new field cannot have, in small letters: a field's, a compound's, a calculated
    field's, one that every object has.
    """
    names = (*spec.fields, *spec.compounds, *load_setup().calculated.get(spec.name, {}), *SYSTEM_FIELDS)
    return {name.lower() for name in names}


def _duplicate(object_name: str, name: str) -> SalesforceError:
    """Names are compared without regard to case (Metadata API Developer Guide, "CustomField")."""
    return SalesforceError("DUPLICATE_DEVELOPER_NAME", f"There is already a field {name} on {object_name}")


def _told(found: Conversion, spec: OrgObject, name: str) -> list[tuple[Operation, tuple[str, ...]]]:
    shape = EventShape(spec)
    if not found.lost:
        return []
    if found.lost.keys() == found.values.keys() and len(set(found.values.values())) == 1:
        everybody = f"{spec.key_prefix}*"
        body = dumps({name: next(iter(found.values.values()))})
        return [(Operation(shape, "UPDATE", everybody, body, (name,)), (everybody,))]
    ids = list(found.lost)
    groups = [tuple(ids[first : first + _GAP_RECORDS]) for first in range(0, len(ids), _GAP_RECORDS)]
    return [(Operation(shape, "GAP_UPDATE", group[0], b"{}", ()), group) for group in groups]
