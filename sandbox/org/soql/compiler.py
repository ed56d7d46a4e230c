"""A SOQL tree as one SQLite statement, plus the plan by which its rows are read.

Values are always bound, never spliced; the only names that reach the SQL are those of the store's own tables and columns. The
same compiled query can be asked for its rows, for its ids alone (a cursor keeps those), for the rows of some ids, or for how many
there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import orjson

from sandbox.org.soql.conditions import ConditionContext, Fragment, SqlValue, condition_sql
from sandbox.org.soql.entities import ADDRESS, Entities, Entity
from sandbox.org.soql.errors import PlacedSoqlError, SoqlError, cannot
from sandbox.org.soql.nodes import Condition, FieldPath, OrderItem, Query
from sandbox.org.soql.operands import Operand, operand
from sandbox.org.soql.parser import parse
from sandbox.org.soql.scope import Scope
from sandbox.org.soql.selection import Column, QueryShape, Selection, select_groups, select_rows, shape_of
from schemas.limits import SOQL_MAX_OFFSET


class Statement(NamedTuple):
    sql: str
    params: tuple[SqlValue, ...]


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
        """The rows of these records, in any order; the first column is the Id. For `rows` only."""
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
        where = f" WHERE {self.where.sql}" if self.where.sql else ""
        return Statement(
            f"SELECT {select} FROM {self.from_sql}{where}{tail.sql}{window}", self.where.params + tail.params
        )


def compile_soql(
    text: str, entities: Entities, *, include_deleted: bool = False, today: date | None = None
) -> CompiledQuery:
    """Parse and compile; raises `SoqlError` with Salesforce's code and words.

    `include_deleted` is the difference between queryAll and query. `today` is what date words count from; None means now, UTC.
    """
    try:
        return compile_query(
            parse(text), entities, include_deleted=include_deleted, today=today or datetime.now(UTC).date()
        )
    except PlacedSoqlError as error:
        raise error.in_text(text) from None


def compile_query(query: Query, entities: Entities, *, include_deleted: bool, today: date) -> CompiledQuery:
    """Compile a tree; raises `PlacedSoqlError`, which the caller completes with the text."""
    if query.offset > SOQL_MAX_OFFSET:
        detail = f"Maximum SOQL offset allowed is {SOQL_MAX_OFFSET}"
        raise PlacedSoqlError("NUMBER_OUTSIDE_VALID_RANGE", detail, at=query.offset_at)
    scope = Scope(query, entities)
    deleted = include_deleted or query.all_rows
    context = ConditionContext(scope, today, _SemiJoins(entities, deleted, today))
    shape = shape_of(query)
    selection = select_groups(query, scope) if shape == "groups" else select_rows(query, scope)
    where = _where(query.where, context, include_deleted=deleted)
    tail = _tail(query, context, selection, shape)
    return CompiledQuery(
        shape, scope.entity, selection, scope.source, scope.from_sql, where, tail, query.limit, query.offset
    )


def _where(condition: Condition | None, context: ConditionContext, *, include_deleted: bool) -> Fragment:
    parts = [] if include_deleted else [Fragment(f'{context.scope.source}."IsDeleted" = 0')]
    if condition is not None:
        parts.append(condition_sql(condition, context))
    return Fragment(" AND ".join(part.sql for part in parts), tuple(v for part in parts for v in part.params))


def _tail(query: Query, context: ConditionContext, selection: Selection, shape: QueryShape) -> Fragment:
    sql, params = "", tuple[SqlValue, ...]()
    if selection.group_by:
        sql += f" GROUP BY {', '.join(selection.group_by)}"
    if query.having is not None:
        if shape != "groups":
            raise SoqlError("MALFORMED_QUERY", "Having clause requires a group by or an aggregate function")
        having = condition_sql(query.having, context)
        sql, params = f"{sql} HAVING {having.sql}", having.params
    if query.order_by and shape != "count":
        sql += (
            f" ORDER BY {', '.join(_order(item, context.scope, selection, shape) for item in query.order_by)}"
        )
    return Fragment(sql, params)


def _order(item: OrderItem, scope: Scope, selection: Selection, shape: QueryShape) -> str:
    path = item.expression
    if (
        isinstance(path, FieldPath)
        and len(path.parts) == 1
        and (alias := selection.aliases.get(path.parts[0]))
    ):
        return alias + (" DESC" if item.descending else "")
    found = operand(path, scope)
    if found.resolved is not None and (not found.resolved.field.sortable or found.kind == ADDRESS):
        raise cannot(found.name, "sorted", at=found.at)
    if shape == "groups" and not found.is_aggregate and found.sql not in selection.grouped:
        detail = f"Ordered field must be grouped or aggregated: {found.name}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=found.at)
    return f"{_collated(found)}{' DESC' if item.descending else ''}{_nulls(item, found)}"


def _collated(found: Operand) -> str:
    return f"{found.sql} COLLATE NOCASE" if found.is_text else found.sql


def _nulls(item: OrderItem, found: Operand) -> str:
    """Said only where it differs from SQLite's habit, because saying it costs the use of an index."""
    if found.never_null or item.descending == item.nulls_last:
        return ""
    return " NULLS LAST" if item.nulls_last else " NULLS FIRST"


def _window(limit: int | None, offset: int) -> str:
    if limit is None and not offset:
        return ""
    return f" LIMIT {-1 if limit is None else limit}" + (f" OFFSET {offset}" if offset else "")


@dataclass(slots=True)
class _SemiJoins:
    """Compiles the subqueries of one query; each gets table aliases of its own."""

    entities: Entities
    include_deleted: bool
    today: date
    count: int = 0

    def __call__(self, query: Query) -> Fragment:
        self.count += 1
        scope = Scope(query, self.entities, prefix=f"s{self.count}_")
        if len(query.select) != 1:
            raise PlacedSoqlError(
                "MALFORMED_QUERY", "Semi join subqueries must select one field", at=query.object_at
            )
        selection = select_rows(query, scope)
        wanted = selection.sql[-1]
        where = _where(
            query.where, ConditionContext(scope, self.today, self), include_deleted=self.include_deleted
        )
        sql = " AND ".join(part for part in (where.sql, f"{wanted} IS NOT NULL") if part)
        return Fragment(f"SELECT {wanted} FROM {scope.from_sql} WHERE {sql}", where.params)
