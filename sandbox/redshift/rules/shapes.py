"""Shapes of queries that Redshift refuses although every part of them is in its reference."""

from collections.abc import Callable

from sqlglot import exp

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.functions import FUNCTIONS
from sandbox.redshift.rules.rule import DATATYPE, UNSUPPORTED, rule

DISTINCT_ON = rule(
    "distinct-on", "queries", "There is no DISTINCT ON.", "c_unsupported-postgresql-features", UNSUPPORTED
)
SAME_ORDER = rule(
    "same-within-group",
    "queries",
    "All WITHIN GROUP clauses of a query must have the same ORDER BY.",
    "r_PERCENTILE_CONT",
    UNSUPPORTED,
)
PERCENTILE = rule(
    "percentile-constant",
    "queries",
    "The percentile is one constant between 0 and 1.",
    "r_PERCENTILE_CONT",
    DATATYPE,
)
IS_BOOLEAN = rule(
    "is-boolean",
    "queries",
    "IS TRUE and IS FALSE are predicates of WHERE, and stand in no select list.",
    "r_Boolean_type",
    UNSUPPORTED,
)
RECURSIVE = rule("recursive-columns", "queries", "A recursive CTE lists its columns.", "r_WITH_clause")
RECURSIVE_UNION = rule(
    "recursive-union", "queries", "A recursive CTE joins its two queries by UNION ALL.", "r_WITH_clause"
)
WINDOW_FRAME = rule(
    "window-frame",
    "queries",
    "An aggregate, FIRST_VALUE, LAST_VALUE or NTH_VALUE over an ORDER BY names its frame, by ROWS.",
    "c_Window_functions",
    UNSUPPORTED,
)
SET_ALL = rule(
    "set-all", "queries", "INTERSECT, EXCEPT and MINUS have no ALL; UNION has.", "r_UNION", UNSUPPORTED
)
SET_LIMIT = rule(
    "set-limit",
    "queries",
    "No query within a set operation has a LIMIT or an OFFSET.",
    "r_UNION",
    UNSUPPORTED,
)
COMPARED_WITH_ALL = rule(
    "compared-with-all",
    "queries",
    "A comparison with ALL is <> ALL, which is NOT IN.",
    "r_comparison_condition",
    UNSUPPORTED,
)
_FRAMED = ("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")


def _select(node: exp.Expr) -> None:
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        raise RefusedError(DISTINCT_ON, "SELECT DISTINCT ON is not supported")
    orders = {
        within.expression.sql().lower()
        for within in node.find_all(exp.WithinGroup)
        if within.find_ancestor(exp.Select) is node and not isinstance(within.parent, exp.Window)
    }
    if len(orders) > 1:
        raise RefusedError(
            SAME_ORDER, "within group ORDER BY clauses for aggregate functions must be the same"
        )


def _within(node: exp.Expr) -> None:
    inner = node.this
    if isinstance(inner, exp.Anonymous) and inner.name.upper().startswith("PERCENTILE_"):
        (share,) = inner.expressions
        if not isinstance(share, exp.Literal | exp.Parameter | exp.Placeholder | exp.Cast):
            raise RefusedError(
                PERCENTILE, f"the percentile must be a constant between 0 and 1, not {share.sql()[:60]}"
            )


def _is(node: exp.Expr) -> None:
    """IS TRUE and IS FALSE are conditions alone."""
    if isinstance(node.expression, exp.Boolean):
        around = node.find_ancestor(exp.Where, exp.Join, exp.Having, exp.When, exp.Merge, exp.Select)
        if isinstance(around, exp.Select):
            raise RefusedError(IS_BOOLEAN, f"IS with a Boolean value in the select list: {node.sql()[:60]}")


def _with(node: exp.Expr) -> None:
    for cte in node.expressions if node.args.get("recursive") else ():
        if not cte.args["alias"].args.get("columns"):
            raise RefusedError(RECURSIVE, "a recursive common table expression must list its columns")
        query, name = cte.this.unnest(), cte.alias.lower()
        is_recursive = any(table.name.lower() == name for table in query.find_all(exp.Table))
        if is_recursive and not (isinstance(query, exp.Union) and not query.args.get("distinct")):
            raise RefusedError(RECURSIVE_UNION, f"the recursive query {name} needs UNION ALL")


def _window(node: exp.Expr) -> None:
    spec, name = node.args.get("spec"), node.this.name.upper()
    if spec is not None and str(spec.args.get("kind") or "ROWS").upper() != "ROWS":
        raise RefusedError(WINDOW_FRAME, f"a window's frame has ROWS, not {spec.args['kind']}")
    known = FUNCTIONS.get(name)
    is_framed = name in _FRAMED or (known is not None and known.kind == "aggregate")
    if is_framed and node.args.get("order") is not None and spec is None:
        raise RefusedError(
            WINDOW_FRAME, "Aggregate window functions with an ORDER BY clause require a frame clause"
        )


def _set_operation(node: exp.Expr) -> None:
    if not isinstance(node, exp.Union) and not node.args.get("distinct"):
        raise RefusedError(SET_ALL, f"{type(node).__name__.upper()} ALL is not supported")
    for side in (node.this, node.expression):
        while isinstance(side, exp.Subquery):
            _no_limit(side)
            side = side.this
        _no_limit(side)


def _no_limit(query: exp.Expr) -> None:
    if query.args.get("limit") is not None or query.args.get("offset") is not None:
        raise RefusedError(SET_LIMIT, "LIMIT may not be used within input to set operations")


def _all(node: exp.Expr) -> None:
    if not isinstance(node.parent, exp.NEQ):
        raise RefusedError(COMPARED_WITH_ALL, "the ALL predicate is not supported")


SHAPES: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
    exp.Select: _select,
    exp.WithinGroup: _within,
    exp.Is: _is,
    exp.With: _with,
    exp.Window: _window,
    exp.Union: _set_operation,
    exp.Except: _set_operation,
    exp.Intersect: _set_operation,
    exp.All: _all,
}
"""Kind of a node -> its check, which raises `RefusedError`."""
