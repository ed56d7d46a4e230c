"""All records of an object, deleted ones too, page by page on a connection of its own, so that a
surge goes on meanwhile.
"""

import orjson

from sandbox.org.data.store import Store
from sandbox.org.schema.exact import dumps, known
from sandbox.org.schema.fields import NUMBERS
from schemas.catalogue import FieldType, ObjectSpec

_PAGE_ROWS = 2_000


class RecordExport:
    """Reads records in Id order. Each page is consistent in itself; the pages are not, while the
    org changes.
    """

    def __init__(self, store: Store, spec: ObjectSpec, after: str, limit: int | None) -> None:
        self._connection = store.reader()
        self._after = after
        self._left = limit
        self._names = ["Id", "IsDeleted", "SystemModstamp", *spec.fields]
        self._booleans = [
            name
            for name in self._names
            if name == "IsDeleted" or (name in spec.fields and spec.fields[name].type is FieldType.BOOLEAN)
        ]
        self._numbers = [name for name, field in spec.fields.items() if field.type in NUMBERS]
        columns = ", ".join(f'"{name}"' for name in self._names)
        self._query = f'SELECT {columns} FROM "{spec.name}" WHERE Id > ? ORDER BY Id LIMIT ?'

    def next_page(self) -> bytes:
        """The next records as NDJSON; empty after the last."""
        count = _PAGE_ROWS if self._left is None else min(_PAGE_ROWS, self._left)
        rows = self._connection.execute(self._query, (self._after, count)).fetchall()
        if not rows:
            return b""
        self._after = rows[-1][0]
        if self._left is not None:
            self._left -= len(rows)
        return b"".join([dumps(self._record(row), orjson.OPT_APPEND_NEWLINE) for row in rows])

    def close(self) -> None:
        self._connection.close()

    def _record(self, row: tuple[object, ...]) -> dict[str, object]:
        record = dict(zip(self._names, row, strict=True))
        for name in self._booleans:
            if type(record[name]) is not str:
                record[name] = bool(record[name])
        for name in self._numbers:
            if type(record[name]) is not float:
                record[name] = known(record[name])
        return record
