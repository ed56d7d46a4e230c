"""Rows of a CSV as rows to write. Empty means "leave alone", `#N/A` means null (Bulk API 2.0 and
Bulk API Developer Guide, "Valid CSV Record Rows").
"""

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.org.bulk.csv_reader import CsvRow
from sandbox.org.bulk.errors import InvalidBatchError
from sandbox.org.errors import SalesforceError
from sandbox.org.soql.entities import Entities, Entity
from sandbox.org.state.dml import Verb, Write

NULL = "#N/A"
_BOOLEANS = dict.fromkeys(("yes", "y", "true", "on", "1"), True) | dict.fromkeys(
    ("no", "n", "false", "off", "0"), False
)
_Setter = Callable[[dict[str, Any], str], None]
_BY_ID: frozenset[Verb] = frozenset({"update", "delete", "hardDelete", "undelete"})


class RowMaker:
    """Makes `Write`s of one job's rows; raises `InvalidBatchError` for a column that means
    nothing.
    """

    def __init__(
        self, entities: Entities, entity: Entity, verb: Verb, key: str | None, header: Sequence[str]
    ) -> None:
        self._entity = entity
        self._verb = verb
        self._key = key
        lower = [name.lower() for name in header]
        if len(set(lower)) < len(lower):
            raise InvalidBatchError("Duplicate field name in the CSV header")
        self._id_at = lower.index("id") if "id" in lower else None
        self._by_id = verb in _BY_ID
        if verb in ("delete", "hardDelete") and lower != ["id"]:
            raise InvalidBatchError("A delete takes the column Id and no other")
        self._setters = [
            (place, self._setter(entities, name))
            for place, name in enumerate(header)
            if not (self._by_id and place == self._id_at)
        ]

    def write(self, row: CsvRow) -> Write | SalesforceError:
        """The row to write, or why it cannot be tried."""
        fields: dict[str, Any] = {}
        for place, put in self._setters:
            if value := row[place]:
                put(fields, value)
        record_id = self.record_id(row)
        if self._by_id and not record_id:
            return SalesforceError("MISSING_ARGUMENT", f"Id not specified in an {self._verb} call")
        return Write(self._verb, self._entity.name, fields, record_id if self._by_id else None, self._key)

    def record_id(self, row: CsvRow) -> str | None:
        """The value of the row's Id column."""
        return None if self._id_at is None else row[self._id_at]

    def _setter(self, entities: Entities, column: str) -> _Setter:
        if "." in column:
            return self._parent_setter(entities, column)
        found = self._entity.by_lower_name.get(column.lower())
        if found is None:
            raise InvalidBatchError(f"Field name not found : {column}")
        name, is_boolean = found.name, found.kind == "boolean"

        def put(fields: dict[str, Any], value: str) -> None:
            if value == NULL:
                fields[name] = None
            elif is_boolean:
                fields[name] = _BOOLEANS.get(value.lower(), value)
            else:
                fields[name] = value

        return put

    def _parent_setter(self, entities: Entities, column: str) -> _Setter:
        """`Owner.Ext__c`, or `User:Owner.Ext__c` where the parent may be of several objects."""
        path, _, key = column.partition(".")
        kind, _, relationship = path.rpartition(":")
        reference = self._entity.by_relationship.get(relationship.lower())
        if reference is None or reference.relationship is None:
            raise InvalidBatchError(f"Field name not found : {column}")
        if kind and kind.lower() not in (name.lower() for name in reference.references):
            raise InvalidBatchError(f"Field name not found : {column}")
        target = entities.find(kind) if kind else entities.target(reference)
        if target is None or key.lower() not in target.by_lower_name:
            raise InvalidBatchError(f"Field name not found : {column}")
        name, parent, target_name = reference.name, reference.relationship, target.name

        def put(fields: dict[str, Any], value: str) -> None:
            if value == NULL:
                fields[name] = None
            else:
                fields[parent] = {"attributes": {"type": target_name}, key: value}

        return put
