"""Query results, page by page, children included.

A result that does not fit in one page is pinned to its ids before the first page goes out, so
that its pages neither overlap nor miss a record. The children of a record are a result of their
own, with their own pages.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.org.errors import SalesforceError
from sandbox.org.queries.cursors import Cursor, Cursors, ids_at
from sandbox.org.queries.rows import Row, row_renderer
from sandbox.org.soql.compiled import ChildRows, CompiledQuery
from schemas.salesforce.limits import QUERY_PAGE_MAX

Result = dict[str, object]
"""A query result as JSON: totalSize, done, nextRecordsUrl, records."""


@dataclass(frozen=True, slots=True)
class ResultReader:
    """Reads results within one snapshot of the data, in a reader's thread."""

    connection: sqlite3.Connection
    cursors: Cursors
    base: str
    """`/services/data/v67.0`."""
    size: int
    """Records of a page."""

    def first(self, compiled: CompiledQuery) -> Result:
        """The first page, or all there is; raises when aggregates would need a second page."""
        if compiled.shape == "count":
            total = int(self.connection.execute(*compiled.count()).fetchone()[0])
            return {"totalSize": total, "done": True, "records": []}
        rows = self.connection.execute(*compiled.rows(at_most=self.size + 1)).fetchall()
        if len(rows) <= self.size:
            return self._whole(compiled, rows)
        if compiled.shape == "groups":
            message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
            raise SalesforceError("EXCEEDED_ID_LIMIT", message)
        # The rows at hand are not used: without ORDER BY the ids may come in another order, and the
        # pages follow the ids.
        name, cursor = self.cursors.open(compiled, self._all_ids(compiled), self.size)
        return self.page(name, cursor, 0)

    def page(self, name: str, cursor: Cursor, offset: int) -> Result:
        """The page of a cursor that begins with row `offset`, its records as they are now."""
        ids = ids_at(cursor.ids, offset, self.size)
        found = {row[0]: row for row in self.connection.execute(*cursor.compiled.rows_of(ids))}
        rows = [found[record_id] for record_id in ids if record_id in found]
        return self._part(name, cursor, offset + self.size, rows)

    def _part(self, name: str, cursor: Cursor, following: int, rows: Sequence[Row]) -> Result:
        """The page before row `following`. Its next address says /query/ even when queryAll opened
        it, as Salesforce's does.
        """
        page: Result = {"totalSize": cursor.total, "done": following >= cursor.total}
        if not page["done"]:
            page["nextRecordsUrl"] = f"{self.base}/query/{name}-{following}"
        return page | {"records": self._records(cursor.compiled, rows)}

    def _whole(self, compiled: CompiledQuery, rows: Sequence[Row]) -> Result:
        return {"totalSize": len(rows), "done": True, "records": self._records(compiled, rows)}

    def _all_ids(self, compiled: CompiledQuery) -> bytes:
        """Back to back, gathered in chunks: ten million Python strings would not fit beside
        everything else.
        """
        ids, found = bytearray(), self.connection.execute(*compiled.ids())
        while chunk := found.fetchmany(QUERY_PAGE_MAX):
            ids += "".join(row[0] for row in chunk).encode("ascii")
        return bytes(ids)

    def _records(self, compiled: CompiledQuery, rows: Sequence[Row]) -> list[Result]:
        render = row_renderer(compiled, self.base)
        records = [render(row) for row in rows]
        for children in compiled.children:
            by_parent = self._children(children, [row[0] for row in rows])
            for row, record in zip(rows, records, strict=True):
                record[children.name] = by_parent.get(row[0])
        return records

    def _children(self, children: ChildRows, parent_ids: list[str]) -> dict[str, Result]:
        """Each parent's result; a parent without children has none (null in the record)."""
        query = children.query
        grouped: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.connection.execute(*children.rows_under(parent_ids)):
            grouped[row[-1]].append(row)
        end = None if query.limit is None else query.offset + query.limit
        return {
            parent: self._child_result(query, rows[query.offset : end])
            for parent, rows in grouped.items()
            if rows[query.offset : end]
        }

    def _child_result(self, query: CompiledQuery, rows: list[Row]) -> Result:
        if len(rows) <= self.size:
            return self._whole(query, rows)
        ids = "".join(row[0] for row in rows).encode("ascii")
        name, cursor = self.cursors.open(query, ids, self.size)
        return self._part(name, cursor, self.size, rows[: self.size])
