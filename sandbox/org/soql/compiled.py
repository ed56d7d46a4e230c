"""A query that is known to be valid, and the statements by which it can be read.

The same compiled query can be asked for its rows, for its ids alone (a cursor keeps those), for
the rows of some ids, or for how many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from sandbox.org.soql.conditions import Fragment, SqlValue
from sandbox.org.soql.entities import Entity
from sandbox.org.soql.selection import Column, QueryShape, Selection


class Statement(NamedTuple):
    sql: str
    params: tuple[SqlValue, ...]


@dataclass(frozen=True, slots=True)
class ChildRows:
    """A parent-to-child subquery: its own query, and the column by which its records belong to the
    parents.
    """

    name: str
    """The relationship's name, which is the key in the parent's record."""
    query: "CompiledQuery"
    """Its LIMIT and OFFSET count for each parent by itself, so the reader of the rows applies them.
    """
    parent_sql: str

    def rows_under(self, parent_ids: Sequence[str]) -> Statement:
        """The children of these parents, in the subquery's order; the last column is the parent's
        Id.
        """
        child = self.query
        conditions = [child.where.sql] if child.where.sql else []
        conditions.append(f"{self.parent_sql} IN (SELECT value FROM json_each(?))")
        select = ", ".join([*child.selection.sql, self.parent_sql])
        sql = f"SELECT {select} FROM {child.from_sql} WHERE {' AND '.join(conditions)}{child.tail.sql}"
        return Statement(
            sql, (*child.where.params, orjson.dumps(list(parent_ids)).decode(), *child.tail.params)
        )


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A query that is known to be valid, ready to run."""

    shape: QueryShape
    entity: Entity
    selection: Selection
    source: str
    """Alias of the object's own table."""
    from_sql: str
    where: Fragment
    """Empty for all rows."""
    tail: Fragment
    """GROUP BY, HAVING and ORDER BY."""
    limit: int | None
    offset: int
    children: tuple[ChildRows, ...] = ()
    whole: Fragment | None = None
    """The SELECT of groups with subtotals, complete but for its window; None for every other query.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.selection.columns

    def rows(self, *, at_most: int | None = None) -> Statement:
        """The whole result, or its first `at_most` rows (None: all)."""
        limits = [limit for limit in (self.limit, at_most) if limit is not None]
        window = _window(min(limits) if limits else None, self.offset)
        return self._statement(", ".join(self.selection.sql), self.tail, window)

    def ids(self) -> Statement:
        """The Ids of the result's records, in its order. For `rows` only."""
        return self._statement(f'{self.source}."Id"', self.tail, _window(self.limit, self.offset))

    def rows_of(self, ids: Sequence[str]) -> Statement:
        """The rows of these records, in any order, whatever the query's conditions; the first
        column is the Id. For `rows` only.
        """
        sql = (
            f"SELECT {', '.join(self.selection.sql)} FROM {self.from_sql} "
            f'WHERE {self.source}."Id" IN (SELECT value FROM json_each(?))'
        )
        return Statement(sql, (orjson.dumps(list(ids)).decode(),))

    def count(self) -> Statement:
        """How many rows the result has; one row with one number."""
        if self.limit is None and not self.offset and not self.tail.params and self.shape != "groups":
            return self._statement("count(*)", Fragment(""), "")
        inner = self._statement("1", self.tail, _window(self.limit, self.offset))
        return Statement(f"SELECT count(*) FROM ({inner.sql})", inner.params)

    def _statement(self, select: str, tail: Fragment, window: str) -> Statement:
        if self.whole is not None:
            return Statement(f"{self.whole.sql}{window}", self.whole.params)
        where = f" WHERE {self.where.sql}" if self.where.sql else ""
        return Statement(
            f"SELECT {select} FROM {self.from_sql}{where}{tail.sql}{window}", self.where.params + tail.params
        )


def _window(limit: int | None, offset: int) -> str:
    if limit is None and not offset:
        return ""
    return f" LIMIT {-1 if limit is None else limit}" + (f" OFFSET {offset}" if offset else "")
