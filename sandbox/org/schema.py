"""What an administrator does to the fields of an object while the org is at work: add, rename, give another type, remove.

Everything follows at once: describe, queries, writes, events and their schemas. An event that is on the bus keeps the schema that it
was written with. No change of the schema is a change of a record: SystemModstamp stays.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.org.changes import EventShape
from sandbox.org.conversions import Conversion, convert
from sandbox.org.errors import SalesforceError
from sandbox.org.fields import Value, checker
from sandbox.org.model import Org
from sandbox.org.operations import Operation
from sandbox.org.records import READ_ONLY
from sandbox.org.store import affinity
from schemas.catalogue import FieldSpec, FieldType, ObjectSpec

_GAP_RECORDS = 200
"""Records that one gap event names."""


class SchemaChanges:
    """The fields of one org's objects. Its methods raise `SalesforceError` for what an administrator may not do."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def add(
        self, object_name: str, name: str, spec: FieldSpec, *, default: object = None, fills: object = None
    ) -> None:
        """Add a field.

        Args:
            object_name: Of an object that can be written.
            name: As in the API.
            spec: Its type.
            default: What new records get; of a boolean, False when it is None (Salesforce Help, "Default Field Values").
            fills: What the records get that are there, without a modstamp or an event; of a boolean, the default.
        """
        old = self._spec(object_name)
        if name in old.fields:
            raise SalesforceError(
                "DUPLICATE_DEVELOPER_NAME", f"There is already a field {name} on {object_name}"
            )
        check = checker(name, spec)
        if spec.type is FieldType.BOOLEAN:
            default = bool(default)
            fills = default if fills is None else fills
        made = None if default is None else check(default)
        filled = None if fills is None else check(fills)
        defaults = dict(self._org.store.defaults.get(object_name, {}))
        if made is not None:
            defaults[name] = made
        with self._org.batch():
            self._new_column(object_name, name, spec)
            if filled is not None:
                self._execute(f'UPDATE "{object_name}" SET "{name}" = ?', (filled,))
            self._keep(_with_fields(old, {**old.fields, name: spec}), defaults)
        self._org.take_schema(object_name)

    def rename(self, object_name: str, name: str, new_name: str) -> None:
        """Give a field another API name. Its values stay."""
        old = self._field_of(object_name, name)
        if new_name in old.fields:
            raise SalesforceError(
                "DUPLICATE_DEVELOPER_NAME", f"There is already a field {new_name} on {object_name}"
            )
        fields = {new_name if each == name else each: spec for each, spec in old.fields.items()}
        with self._org.batch():
            self._move_away(object_name, new_name)
            self._execute(f'ALTER TABLE "{object_name}" RENAME COLUMN "{name}" TO "{new_name}"')
            self._keep(_with_fields(old, fields), self._defaults_without(object_name, name))
        self._org.take_schema(object_name)

    def retype(self, object_name: str, name: str, spec: FieldSpec) -> Conversion:
        """Give a field another type or length, and convert its values.

        A conversion that loses nothing tells nothing. One that leaves all values the same is one event for all records
        (`001*`), any other is told by gap events (Change Data Capture Developer Guide, "Field Conversions").
        """
        old = self._field_of(object_name, name)
        changed = _with_fields(old, {**old.fields, name: spec})
        with self._org.batch() as batch:
            rows = self._execute(
                f'SELECT Id, "{name}" FROM "{object_name}" WHERE "{name}" IS NOT NULL AND IsDeleted = 0 ORDER BY Id'
            ).fetchall()
            found = convert(rows, name, spec)
            self._new_column(object_name, name, spec)
            self._org.store.connection.executemany(
                f'UPDATE "{object_name}" SET "{name}" = ? WHERE Id = ?',
                [(value, record_id) for record_id, value in found.values.items()],
            )
            self._keep(changed, self._defaults_without(object_name, name))
            for operation, record_ids in _told(found, changed, name):
                batch.tell(operation, record_ids)
        self._org.take_schema(object_name)
        return found

    def remove(self, object_name: str, name: str) -> None:
        """Take a field away. Its values are kept in a column that nobody sees, as the org does for 15 days."""
        old = self._field_of(object_name, name)
        fields = {each: spec for each, spec in old.fields.items() if each != name}
        with self._org.batch():
            self._keep(_with_fields(old, fields), self._defaults_without(object_name, name))
        self._org.take_schema(object_name)

    def _spec(self, object_name: str) -> ObjectSpec:
        if self._org.is_writing:
            raise SalesforceError("UNABLE_TO_LOCK_ROW", "a transaction is open; try again")
        return self._org.records_of(object_name).spec

    def _field_of(self, object_name: str, name: str) -> ObjectSpec:
        """The object, after a look whether its field may be touched."""
        spec = self._spec(object_name)
        if name not in spec.fields:
            raise SalesforceError(
                "INVALID_FIELD", f"No such column '{name}' on sobject of type {object_name}"
            )
        if name in READ_ONLY or spec.fields[name].part_of is not None:
            raise SalesforceError("CANNOT_DELETE", f"{name} is a standard field and stays as it is")
        if self._org.channels.uses(object_name, name):
            raise SalesforceError("DEPENDENCY_EXISTS", f"{name} is used by a member of a channel")
        return spec

    def _new_column(self, object_name: str, name: str, spec: FieldSpec) -> None:
        self._move_away(object_name, name)
        self._execute(f'ALTER TABLE "{object_name}" ADD COLUMN "{name}" {affinity(spec)}')

    def _move_away(self, object_name: str, name: str) -> None:
        """Free the name of a column; what is in it stays."""
        columns = {row[1] for row in self._execute(f'PRAGMA table_info("{object_name}")').fetchall()}
        if name not in columns:
            return
        number = next(n for n in range(len(columns) + 1) if f"{name}_{n}_was" not in columns)
        self._execute(f'ALTER TABLE "{object_name}" RENAME COLUMN "{name}" TO "{name}_{number}_was"')
        self._execute(f'DROP INDEX IF EXISTS "{object_name}_{name}"')

    def _defaults_without(self, object_name: str, name: str) -> dict[str, Value]:
        defaults = self._org.store.defaults.get(object_name, {})
        return {each: value for each, value in defaults.items() if each != name}

    def _keep(self, spec: ObjectSpec, defaults: Mapping[str, Value]) -> None:
        self._org.store.keep_schema(spec, defaults)

    def _execute(self, statement: str, parameters: tuple[Value, ...] = ()) -> Any:
        return self._org.store.connection.execute(statement, parameters)


def _with_fields(spec: ObjectSpec, fields: Mapping[str, FieldSpec]) -> ObjectSpec:
    """Another object of the same name: what was worked out from the old fields must not stay."""
    described = spec.model_dump(mode="json") | {
        "name": spec.name,
        "fields": {name: field.model_dump(mode="json") for name, field in fields.items()},
    }
    return ObjectSpec.model_validate(described)


def _told(found: Conversion, spec: ObjectSpec, name: str) -> list[tuple[Operation, tuple[str, ...]]]:
    shape = EventShape(spec)
    if not found.lost:
        return []
    if found.lost.keys() == found.values.keys() and len(set(found.values.values())) == 1:
        everybody = f"{spec.key_prefix}*"
        body = orjson.dumps({name: next(iter(found.values.values()))})
        return [(Operation(shape, "UPDATE", everybody, body, (name,)), (everybody,))]
    ids = list(found.lost)
    groups = [tuple(ids[first : first + _GAP_RECORDS]) for first in range(0, len(ids), _GAP_RECORDS)]
    return [(Operation(shape, "GAP_UPDATE", group[0], b"{}", ()), group) for group in groups]
