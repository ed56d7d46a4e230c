"""A SOQL tree as SQLite statements, plus the plan by which their rows are read.

Values are always bound, never spliced; the only names that reach the SQL are those of the
store's own tables and columns.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sandbox.org.soql.compiled import ChildRows, CompiledQuery
from sandbox.org.soql.conditions import ConditionContext, Fragment, SqlValue, condition_sql
from sandbox.org.soql.entities import Entities
from sandbox.org.soql.errors import PlacedSoqlError, SoqlError, no_such_child
from sandbox.org.soql.filter_scopes import as_condition, refuse_scope
from sandbox.org.soql.nodes import ChildQuery, Condition, Query, SelectItem
from sandbox.org.soql.ordering import order_keys
from sandbox.org.soql.parser import parse
from sandbox.org.soql.scope import Scope
from sandbox.org.soql.selection import QueryShape, Selection, select_groups, select_rows, shape_of
from sandbox.org.soql.subtotals import with_subtotals
from schemas.salesforce.limits import SOQL_MAX_OFFSET

MAX_CHILD_LEVELS = 4
"""Levels of subqueries below the outermost query: five in all (SOQL and SOSL Reference, since
v58.0).
"""


def compile_soql(
    text: str,
    entities: Entities,
    *,
    include_deleted: bool = False,
    today: date | None = None,
    user: str | None = None,
) -> CompiledQuery:
    """Parse and compile; raises `SoqlError` with Salesforce's code and words.

    Args:
        text: As an API takes it: `ALL ROWS` is for Apex alone (SOQL and SOSL Reference, "SELECT").
        entities: The objects as the user sees them.
        include_deleted: The difference between queryAll and query.
        today: Where date words count from; None = now, UTC.
        user: Id of the user whose scopes `USING SCOPE` names; None = they are refused.
    """
    try:
        query = _for_api(parse(text), entities, user)
        day = today or datetime.now(UTC).date()
        return compile_query(query, entities, include_deleted=include_deleted, today=day)
    except PlacedSoqlError as error:
        raise error.in_text(text) from None


def _for_api(query: Query, entities: Entities, user: str | None) -> Query:
    """The query with its scope as a condition."""
    if query.all_rows:
        raise PlacedSoqlError("MALFORMED_QUERY", "ALL ROWS not allowed in this context", at=query.object_at)
    return as_condition(query, entities, user)


def compile_query(
    query: Query, entities: Entities, *, include_deleted: bool, today: date, depth: int = 0
) -> CompiledQuery:
    """Compile a tree; raises `PlacedSoqlError`, which the caller completes with the text.

    `depth` is how many queries this one stands inside; 0 for the outermost.
    """
    if query.offset > SOQL_MAX_OFFSET:
        detail = f"Maximum SOQL offset allowed is {SOQL_MAX_OFFSET}"
        raise PlacedSoqlError("NUMBER_OUTSIDE_VALID_RANGE", detail, at=query.offset_at)
    refuse_scope(query)
    scope = Scope(query, entities)
    deleted = include_deleted or query.all_rows
    context = ConditionContext(scope, today, _SemiJoins(entities, deleted, today))
    shape = shape_of(query)
    where = _where(query.where, context, include_deleted=deleted)
    whole = with_subtotals(query, context, where) if query.subtotals else None
    selection = select_groups(query, scope) if shape == "groups" else select_rows(query, scope)
    tail = Fragment("") if query.subtotals else _tail(query, context, selection, shape)
    children = tuple(
        _children(item, scope, include_deleted=deleted, today=today, depth=depth)
        for item in query.select
        if isinstance(item, ChildQuery)
    )
    return CompiledQuery(
        shape,
        scope.entity,
        selection,
        scope.source,
        scope.from_sql,
        where,
        tail,
        query.limit,
        query.offset,
        children,
        whole,
    )


def _children(item: ChildQuery, scope: Scope, *, include_deleted: bool, today: date, depth: int) -> ChildRows:
    """The subquery over the child object that its FROM, a relationship's name, stands for."""
    name = item.query.object_name
    if depth >= MAX_CHILD_LEVELS:
        detail = f"SOQL statements cannot query children more than {MAX_CHILD_LEVELS} levels down: {name}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=item.at)
    relationships = scope.entities.children(scope.entity)
    found = next((each for each in relationships if (each.name or "").lower() == name.lower()), None)
    if found is None or found.name is None:
        raise no_such_child(name, at=item.at)
    query = replace(item.query, object_name=found.child, alias=item.query.alias or name)
    compiled = compile_query(
        query, scope.entities, include_deleted=include_deleted, today=today, depth=depth + 1
    )
    if compiled.shape != "rows":
        raise PlacedSoqlError("MALFORMED_QUERY", "Subqueries cannot aggregate", at=item.at)
    return ChildRows(found.name, compiled, f'{compiled.source}."{found.field}"')


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
        keys = [key for item in query.order_by for key in order_keys(item, context.scope, selection, shape)]
        sql += f" ORDER BY {', '.join(f'{key.sql}{key.words}' for key in keys)}"
    return Fragment(sql, params)


@dataclass(slots=True)
class _SemiJoins:
    """Compiles the subqueries of one query; each gets table aliases of its own."""

    entities: Entities
    include_deleted: bool
    today: date
    count: int = 0
    is_inside: bool = False
    """True while a subquery is compiled: none may stand in it."""

    def __call__(self, query: Query) -> Fragment:
        if self.is_inside:
            detail = "Nesting of semi join sub-selects is not supported"
            raise PlacedSoqlError("MALFORMED_QUERY", detail, at=query.object_at)
        self.is_inside = True
        try:
            return self._compiled(query)
        finally:
            self.is_inside = False

    def _compiled(self, query: Query) -> Fragment:
        refuse_scope(query)
        self.count += 1
        scope = Scope(query, self.entities, prefix=f"s{self.count}_")
        if len(query.select) != 1 or not isinstance(query.select[0], SelectItem):
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
