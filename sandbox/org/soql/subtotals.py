"""`GROUP BY ROLLUP` and `GROUP BY CUBE`: groups, and the sums of groups (SOQL and SOSL Reference).

Each set of fields that is grouped by is a query of its own; their rows are put together. A field
that a row sums over is null there, and `GROUPING()` of it is 1.
"""

from collections.abc import Iterator
from itertools import combinations

from sandbox.org.soql.conditions import ConditionContext, Fragment, SqlValue, condition_sql
from sandbox.org.soql.nodes import FunctionCall, OrderItem, Query, Subtotals
from sandbox.org.soql.operands import GROUPING, operand
from sandbox.org.soql.ordering import OrderKey, order_keys
from sandbox.org.soql.scope import Scope
from sandbox.org.soql.selection import select_groups


def with_subtotals(query: Query, context: ConditionContext, where: Fragment) -> Fragment:
    """The whole SELECT of a query with subtotals, but for LIMIT and OFFSET.

    Without an ORDER BY a subtotal stands behind the rows that it sums, the grand total last. No
    page tells the answer to a query without any row: here it is no row, not even a total.
    """
    scope = context.scope
    groups = [operand(each, scope).sql for each in query.group_by]
    scope.subtotalled = frozenset(groups)
    branches: list[tuple[str, str]] = []
    params: tuple[SqlValue, ...] = ()
    order, width = "", 0
    for kept in _sets(query):
        scope.rolled_up = frozenset(sql for place, sql in enumerate(groups) if place not in kept)
        selection = select_groups(query, scope)
        keys = _keys(query, scope)
        having = Fragment("") if query.having is None else condition_sql(query.having, context)
        columns = [*selection.sql, *(key.sql for key in keys)]
        listed = ", ".join(f"{sql} AS c{place}" for place, sql in enumerate(columns))
        ending = f" GROUP BY {', '.join(selection.group_by) or 'NULL'}"
        branches.append((listed, f"{ending} HAVING {having.sql}" if having.sql else ending))
        params += where.params + having.params
        if not order:  # the first set is the whole list, in which no field is null by being summed
            width = len(selection.sql)
            order = ", ".join(f"c{width + place}{key.words}" for place, key in enumerate(keys))
    scope.rolled_up = frozenset()
    under = f" WHERE {where.sql}" if where.sql else ""
    union = " UNION ALL ".join(
        f"SELECT {listed} FROM {scope.from_sql}{under}{ending}" for listed, ending in branches
    )
    shown = ", ".join(f"c{place}" for place in range(width))
    return Fragment(f"SELECT {shown} FROM ({union}) ORDER BY {order}", params)


def _keys(query: Query, scope: Scope) -> list[OrderKey]:
    items = query.order_by or tuple(_behind_their_rows(query))
    selection = select_groups(query, scope)
    return [key for item in items for key in order_keys(item, scope, selection, "groups", has_subtotals=True)]


def _behind_their_rows(query: Query) -> Iterator[OrderItem]:
    for each in query.group_by:
        yield OrderItem(FunctionCall(GROUPING, (each,), each.at), descending=False, nulls_last=False)
        yield OrderItem(each, descending=False, nulls_last=False)


def _sets(query: Query) -> Iterator[tuple[int, ...]]:
    """Places of the fields that are grouped by, one set after the other; first all of them."""
    places = range(len(query.group_by))
    for size in reversed(range(len(places) + 1)):
        yield from (
            [tuple(places[:size])] if query.subtotals is Subtotals.ROLLUP else combinations(places, size)
        )
