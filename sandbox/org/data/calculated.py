"""Calculated fields in change events, as Salesforce sends them since v66.0; older releases leave
them out.

Nothing is stored: a value is worked out when it is asked for, so the event of a record carries
what a query in its transaction would have found. A change of another record, or of the day,
tells nothing.
"""

import sqlite3
from collections.abc import Sequence

from sandbox.org.events.changes import EventShape
from sandbox.org.schema.fields import Value
from sandbox.org.soql.entities import NUMBER_KINDS, Field
from schemas.catalogue import ObjectSpec


class CalculatedFields:
    """Those of one object, which has at least one."""

    def __init__(self, spec: ObjectSpec, fields: Sequence[Field], connection: sqlite3.Connection) -> None:
        # In these events they are fields like all others.
        specs = {
            field.name: field.spec.model_copy(update={"calculated": False})
            for field in fields
            if field.spec is not None
        }
        self.spec = spec.model_copy(update={"fields": {**spec.fields, **specs}})
        self.shape = EventShape(self.spec)
        """How events look that carry them."""
        self._connection = connection
        self._numbers = frozenset(field.name for field in fields if field.kind in NUMBER_KINDS - {"int"})
        self._names = tuple(field.name for field in fields)
        columns = ", ".join(field.sql("r") for field in fields)
        self._select = f'SELECT {columns} FROM "{spec.name}" AS r WHERE r.Id = ?'

    def of(self, record_id: str) -> dict[str, Value]:
        """Their values for a record that exists, as the writer sees it now."""
        row = self._connection.execute(self._select, (record_id,)).fetchone()
        return {
            name: float(value) if name in self._numbers and value is not None else value
            for name, value in zip(self._names, row, strict=True)
        }
