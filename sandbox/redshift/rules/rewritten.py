"""Functions that PostgreSQL spells otherwise."""

from collections.abc import Callable

from sqlglot import exp

_HALF = exp.Literal.number("0.5")


def _listagg(node: exp.Expr) -> None:
    """LISTAGG(…) WITHIN GROUP (ORDER BY …) -> STRING_AGG(… ORDER BY …)."""
    value, *separator = node.expressions
    within = node.parent if isinstance(node.parent, exp.WithinGroup) else None
    last: exp.Expr = separator[0].copy() if separator else exp.Literal.string("")
    if within is not None:
        last = exp.Order(this=last, expressions=[each.copy() for each in within.expression.expressions])
    made = exp.Anonymous(this="STRING_AGG", expressions=[exp.cast(value.copy(), "varchar"), last])
    (within or node).replace(made)


def _median(node: exp.Expr) -> None:
    """MEDIAN(x) -> PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)."""
    order = exp.Order(expressions=[exp.Ordered(this=node.expressions[0].copy())])
    share = exp.Anonymous(this="PERCENTILE_CONT", expressions=[_HALF.copy()])
    node.replace(exp.WithinGroup(this=share, expression=order))


def _decode(node: exp.Expr) -> None:
    """DECODE(x, a, b, …, z) -> CASE, where null equals null."""
    value, *rest = node.expressions
    default = rest.pop().copy() if len(rest) % 2 else None
    ifs = [
        exp.If(this=exp.NullSafeEQ(this=value.copy(), expression=one.copy()), true=then.copy())
        for one, then in zip(rest[::2], rest[1::2], strict=True)
    ]
    node.replace(exp.paren(exp.Case(ifs=ifs, default=default)))


def _coalesce(node: exp.Expr) -> None:
    node.set("this", "COALESCE")


REWRITTEN: dict[str, Callable[[exp.Expr], None]] = {
    "LISTAGG": _listagg,
    "MEDIAN": _median,
    "DECODE": _decode,
    "NVL": _coalesce,
}
"""Each changes the tree in the place of the call."""
