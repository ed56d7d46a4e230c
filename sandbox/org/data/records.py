"""The records of one object: the checks before a write and the statements that make it, prepared
once per shape.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from sandbox.org.data.store import Store, collation, is_unique
from sandbox.org.errors import WRONG_TYPE, SalesforceError, not_found, unwritable
from sandbox.org.events.changes import EventShape
from sandbox.org.schema.fields import NUMBERS, Value, checker, is_text, number_limit, restricted_picklist
from sandbox.org.schema.ids import IdMaker, normalised
from sandbox.org.schema.objects import MASTER, SYSTEM_FIELDS, OrgField, OrgObject
from sandbox.org.schema.persons import WRITTEN_BY_THE_ORG, has_persons
from sandbox.org.schema.setup import load_setup
from sandbox.org.schema.statuses import FOLLOWING, Following
from schemas.catalogue import FieldType

READ_ONLY = WRITTEN_BY_THE_ORG | {
    "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "CaseNumber", MASTER, "ContractNumber", *FOLLOWING,
    "IsConverted", "ConvertedDate", "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId", "IsStandard",
}  # fmt: skip
"""Fields that only the org writes."""
_ID_CHARACTERS = 18
FIRST_FIELD = 3
"""Where the named fields begin in what `fetch` returns."""


class Records:
    """One object's rules and statements over the store's writer connection."""

    def __init__(self, store: Store, spec: OrgObject) -> None:
        self._connection = store.connection
        last = store.connection.execute(f'SELECT max(Id) FROM "{spec.name}"').fetchone()[0]
        self.ids = IdMaker(spec.key_prefix, last)
        self.take(spec, store.defaults.get(spec.name, {}))

    def take(self, spec: OrgObject, defaults: Mapping[str, Value]) -> None:
        """Go by these fields from now on.

        Args:
            spec: Of the same object.
            defaults: What a new record gets in a field that nobody gives a value for.
        """
        self.spec = spec
        self.shape = EventShape(spec)
        self.has_persons = has_persons(spec)
        """True when records of the object may be persons."""
        writable = {
            name: field
            for name, field in spec.fields.items()
            if name not in READ_ONLY and not field.calculated
        }
        setup = load_setup()
        self._calculated = setup.calculated.get(spec.name, {})
        self.masters = tuple(
            name
            for name, on_delete in setup.references.get(spec.name, {}).items()
            if on_delete == "cascade" and name in spec.fields
        )
        """References that make this object a detail."""
        self._take_checks(writable, setup.picklists.get(spec.name, {}))
        self._take_blank({**setup.defaults.get(spec.name, {}), **defaults})
        self._following = Following(spec.name, spec.fields)
        self._number = f"{spec.name}Number" if f"{spec.name}Number" in READ_ONLY else ""
        """The field by which the org counts the records; empty for none."""
        columns = ", ".join(f'"{name}"' for name in spec.fields)
        marks = ", ".join("?" for _ in spec.fields)
        self._insert = (
            f'INSERT INTO "{spec.name}" (Id, IsDeleted, SystemModstamp, {columns}) VALUES (?, 0, ?, {marks})'
        )
        self._selects: dict[tuple[str, ...], str] = {}
        self._updates: dict[tuple[str, ...], str] = {}

    def _take_checks(self, writable: Mapping[str, OrgField], restricted: Mapping[str, Sequence[str]]) -> None:
        """Prepare the checks of what clients write; `restricted`: picklist -> the values that it
        allows.
        """
        self._checks = {
            name: restricted_picklist(name, restricted[name]) if name in restricted else checker(name, field)
            for name, field in writable.items()
        }
        self._references = frozenset(n for n, f in writable.items() if f.type is FieldType.REFERENCE)
        self._numbers = {n: number_limit(f) for n, f in writable.items() if f.type in NUMBERS}
        self._boolean_names = frozenset(n for n, f in writable.items() if f.type is FieldType.BOOLEAN)
        self._text_length = {
            name: field.length
            for name, field in writable.items()
            if is_text(field)
            and name not in restricted
            and not field.restricted
            and field.type is not FieldType.EMAIL
        }

    def _take_blank(self, defaults: Mapping[str, Value]) -> None:
        """Prepare a new record without values, and what it may not lack."""
        spec = self.spec
        self._required = tuple(
            name for name in spec.required_fields if name not in READ_ONLY and not self._names_itself(name)
        )
        self._blank: dict[str, Value] = {
            name: False if field.type is FieldType.BOOLEAN else None for name, field in spec.fields.items()
        }
        self._blank |= {name: value for name, value in defaults.items() if name in spec.fields}
        self._never_null = frozenset({*self._boolean_names, *spec.required_fields})

    def normalised(self, record_id: str) -> str:
        return normalised(self.spec.name, self.spec.key_prefix, record_id)

    def for_create(self, fields: Mapping[str, object], user: str, now: str) -> dict[str, Value]:
        """Every field of the new record, in catalogue order; raises `SalesforceError` when it may
        not be made.
        """
        values = self._blank.copy()
        self._check(fields, values)
        for name in self._boolean_names:
            if values[name] is None:
                values[name] = False
        missing = [name for name in self._required if values[name] is None]
        if missing:
            raise required_missing(missing)
        if values.get("OwnerId", "") is None:
            values["OwnerId"] = user
        values |= self._following.after(values)
        values["CreatedDate"] = values["LastModifiedDate"] = now
        values["CreatedById"] = values["LastModifiedById"] = user
        return values

    def for_update(self, fields: Mapping[str, object]) -> dict[str, Value]:
        """The checked new values; raises `SalesforceError` when one may not be written."""
        values: dict[str, Value] = {}
        self._check(fields, values)
        for name, value in values.items():
            if value is None and name in self._never_null:
                if name in self._boolean_names:
                    raise SalesforceError(
                        WRONG_TYPE,
                        f"{name}: value not of required type: null",
                        fields=[name],
                    )
                raise required_missing([name])
        return values | self._following.after(values)

    def insert(self, values: dict[str, Value], modstamp: str) -> str:
        """Write a new row; returns its id. A field that names the record itself is filled in."""
        record_id = self.ids.next()
        if self._number in values:
            values[self._number] = f"{self.ids.counter:08d}"
        elif self._names_itself("Name") and values["Name"] is None:
            values["Name"] = record_id
        try:
            self._connection.execute(self._insert, (record_id, modstamp, *values.values()))
        except sqlite3.IntegrityError:
            raise self._duplicate(values) from None
        return record_id

    def fetch(self, record_id: str, names: tuple[str, ...]) -> Sequence[Value]:
        """Row number, IsDeleted, LastModifiedById and the named fields as stored; raises
        NOT_FOUND.
        """
        statement = self._selects.get(names)
        if statement is None:
            columns = "".join(f', "{name}"' for name in names)
            statement = (
                f'SELECT rowid, IsDeleted, LastModifiedById{columns} FROM "{self.spec.name}" WHERE Id = ?'
            )
            self._selects[names] = statement
        row: Sequence[Value] | None = self._connection.execute(statement, (record_id,)).fetchone()
        if row is None:
            raise not_found()
        return row

    def write(self, row: Value, values: Mapping[str, Value], modstamp: str) -> None:
        """Change the record in row number `row`, which spares a second search for it."""
        names = tuple(values)
        statement = self._updates.get(names)
        if statement is None:
            columns = "".join(f', "{name}" = ?' for name in names)
            statement = f'UPDATE "{self.spec.name}" SET SystemModstamp = ?{columns} WHERE rowid = ?'
            self._updates[names] = statement
        try:
            self._connection.execute(statement, (modstamp, *values.values(), row))
        except sqlite3.IntegrityError:
            raise self._duplicate(values) from None

    def put(self, record_id: str, fields: Mapping[str, object], now: str, *, touch: bool) -> bool:
        """Store values unchecked; returns True when the record was made for it. Raises
        INVALID_FIELD for what has no column, and for a value that no column holds.
        """
        for name, value in fields.items():
            if name not in self.spec.fields and name not in SYSTEM_FIELDS:
                raise SalesforceError(
                    "INVALID_FIELD",
                    f"No such column '{name}' on sobject of type {self.spec.name}",
                    fields=[name],
                )
            if isinstance(value, dict | list):
                raise SalesforceError(
                    "INVALID_FIELD", f"{name}: only a single value can be stored", fields=[name]
                )
        execute, table = self._connection.execute, self.spec.name
        values = {"SystemModstamp": now, **fields} if touch else dict(fields)
        is_new = execute(f'SELECT 1 FROM "{table}" WHERE Id = ?', (record_id,)).fetchone() is None
        try:
            if is_new:
                stamps = {
                    name: now for name in ("CreatedDate", "LastModifiedDate") if name in self.spec.fields
                }
                execute(self._insert, (record_id, now, *(self._blank | stamps).values()))
            if values:
                columns = ", ".join(f'"{name}" = ?' for name in values)
                execute(f'UPDATE "{table}" SET {columns} WHERE Id = ?', (*values.values(), record_id))
        except (sqlite3.IntegrityError, OverflowError) as error:
            raise SalesforceError("INVALID_FIELD", f"the store cannot hold this: {error}") from None
        return is_new

    def mark(self, record_id: str, modstamp: str, *, deleted: bool) -> None:
        """Move a record to the recycle bin or back."""
        try:
            self._connection.execute(
                f'UPDATE "{self.spec.name}" SET IsDeleted = ?, SystemModstamp = ? WHERE Id = ?',
                (deleted, modstamp, record_id),
            )
        except sqlite3.IntegrityError:
            raise self._duplicate(self.whole(record_id)) from None

    def modstamp(self, record_id: str) -> str:
        """The record's SystemModstamp as stored; raises NOT_FOUND."""
        row = self._connection.execute(
            f'SELECT SystemModstamp FROM "{self.spec.name}" WHERE Id = ?', (record_id,)
        ).fetchone()
        if row is None:
            raise not_found()
        return str(row[0])

    def children(self, reference: str, parent_id: str, *, binned: bool = False) -> list[str]:
        """Ids of the records that point to a parent: the live ones, with `binned` those in the
        recycle bin too.
        """
        state = "" if binned else " AND IsDeleted = 0"
        rows = self._connection.execute(
            f'SELECT Id FROM "{self.spec.name}" WHERE "{reference}" = ?{state} ORDER BY Id', (parent_id,)
        )
        return [row[0] for row in rows]

    def is_binned(self, record_id: str) -> bool:
        """True for a record in the recycle bin; False for a live one, and for none at all."""
        statement = f'SELECT 1 FROM "{self.spec.name}" WHERE Id = ? AND IsDeleted = 1'
        return self._connection.execute(statement, (record_id,)).fetchone() is not None

    def binned_before(self, moment: str, most: int) -> list[str]:
        """Ids of records that went to the recycle bin before `moment`, the oldest first."""
        # Without the hint SQLite walks the live records of that age too, which may be all ten
        # million.
        rows = self._connection.execute(
            f'SELECT Id FROM "{self.spec.name}" INDEXED BY "{self.spec.name}_binned" '
            "WHERE IsDeleted = 1 AND SystemModstamp < ? ORDER BY SystemModstamp LIMIT ?",
            (moment, most),
        )
        return [row[0] for row in rows]

    def remove(self, record_id: str) -> None:
        """Forget a record for good."""
        self._connection.execute(f'DELETE FROM "{self.spec.name}" WHERE Id = ?', (record_id,))

    def whole(self, record_id: str) -> dict[str, Value]:
        """Every field of the record as stored."""
        names = tuple(self.spec.fields)
        return dict(zip(names, self.fetch(record_id, names)[FIRST_FIELD:], strict=True))

    def _names_itself(self, name: str) -> bool:
        """A custom object's Name is its own id when nobody gives one (Object Reference, "Custom
        Objects").
        """
        return name == "Name" and self.spec.name.endswith("__c")

    def _check(self, fields: Mapping[str, object], into: dict[str, Value]) -> None:
        lengths, booleans, references, numbers = (
            self._text_length,
            self._boolean_names,
            self._references,
            self._numbers,
        )
        for name, value in fields.items():
            # Nearly all values are short enough texts without blank ends, ids or booleans; they
            # pass here without a call.
            if type(value) is str:
                if (0 < len(value) <= lengths.get(name, 0) and value[0] > " " < value[-1]) or (
                    name in references and len(value) == _ID_CHARACTERS and value.isalnum()
                ):
                    into[name] = value
                    continue
            elif (
                (type(value) is bool and name in booleans)
                or (type(value) is float and -(limit := numbers.get(name, 0.0)) < value < limit)
                or (value is None and name in self._checks)
            ):
                into[name] = value
                continue
            into[name] = self._checked(name, value)

    def misread(self, fields: Mapping[str, object]) -> SalesforceError | None:
        """The error of the first value that is of no type that its field can have; None when each
        may be.
        """
        for name, value in fields.items():
            check = None if type(value) is str and name in self._text_length else self._checks.get(name)
            if check is None or value is None:
                continue
            try:
                check(value)
            except SalesforceError as error:
                if error.code == WRONG_TYPE:
                    return error
        return None

    def _checked(self, name: str, value: object) -> Value:
        check = self._checks.get(name)
        if check is not None:
            return None if value is None else check(value)
        if name in self.spec.fields or name in self._calculated or name in SYSTEM_FIELDS:
            raise unwritable(name)
        raise SalesforceError(
            "INVALID_FIELD", f"No such column '{name}' on sobject of type {self.spec.name}", fields=[name]
        )

    def _duplicate(self, values: Mapping[str, Value]) -> SalesforceError:
        """Name the record that holds the value; Salesforce says its id."""
        for name, field in self.spec.fields.items():
            if is_unique(field) and values.get(name) is not None:
                row = self._connection.execute(
                    f'SELECT Id FROM "{self.spec.name}" WHERE "{name}" = ?{collation(field)} AND IsDeleted = 0',
                    (values[name],),
                ).fetchone()
                if row is not None:
                    return SalesforceError(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {name} duplicates value on record with id: {row[0]}",
                        fields=[name],
                    )
        return SalesforceError("DUPLICATE_VALUE", "duplicate value found: <unknown>")


def required_missing(names: Sequence[str]) -> SalesforceError:
    return SalesforceError(
        "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", fields=names
    )
