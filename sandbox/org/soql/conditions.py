"""WHERE and HAVING as SQL conditions with bound values.

SOQL knows true and false only, SQL also unknown. A comparison with an absent value is false in
SOQL (but `!=`, `NOT IN` and `EXCLUDES` hold for it), so every negation first turns unknown into
false; AND and OR need no such care, because an unknown that reaches the top filters the row out
just as false does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import NamedTuple, TypeAlias, assert_never

import orjson

from sandbox.org.soql.dates import Range, date_range
from sandbox.org.soql.distances import OPERATORS, is_distance
from sandbox.org.soql.entities import ID_KINDS, NUMBER_KINDS
from sandbox.org.soql.errors import PlacedSoqlError, cannot, unexpected_token, wrong_literal
from sandbox.org.soql.literals import (
    date_value,
    datetime_value,
    full_id,
    like_pattern,
    number_value,
    stored_datetime,
    string_value,
    time_value,
)
from sandbox.org.soql.nodes import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Inclusion,
    Literal,
    LiteralKind,
    Membership,
    Negation,
    Query,
)
from sandbox.org.soql.operands import Operand, operand
from sandbox.org.soql.scope import Scope

SqlValue: TypeAlias = str | int | float | None

MAX_BOUND_MEMBERS = 100
"""Longer lists of IN travel as one JSON array, far from SQLite's limit on bound values."""

_ORDERED = frozenset({"<", "<=", ">", ">="})


class Fragment(NamedTuple):
    """A piece of SQL and the values for its question marks."""

    sql: str
    params: tuple[SqlValue, ...] = ()


@dataclass(frozen=True, slots=True)
class ConditionContext:
    scope: Scope
    today: date
    semi_join: Callable[[Query], Fragment]
    """Compiles a subquery of IN to a SELECT of one column."""


def condition_sql(node: Condition, context: ConditionContext) -> Fragment:
    """The condition as SQL; raises `PlacedSoqlError` for what Salesforce refuses."""
    match node:
        case AllOf(operands):
            return _joined(" AND ", operands, context)
        case AnyOf(operands):
            return _joined(" OR ", operands, context)
        case Negation(inner):
            sql, params = condition_sql(inner, context)
            return Fragment(f"NOT coalesce({sql}, 0)", params)
        case Comparison():
            return _comparison(node, context)
        case Membership():
            return _membership(node, context)
        case Inclusion():
            return _inclusion(node, context)
        case _:
            assert_never(node)


def _joined(word: str, operands: Sequence[Condition], context: ConditionContext) -> Fragment:
    parts = [condition_sql(each, context) for each in operands]
    return Fragment(
        f"({word.join(part.sql for part in parts)})", tuple(v for part in parts for v in part.params)
    )


def _filtered(node: Comparison | Membership | Inclusion, context: ConditionContext) -> Operand:
    left = operand(node.left, context.scope)
    operator = node.operator if isinstance(node, Comparison) else "IN"
    if is_distance(node.left) and operator not in OPERATORS:
        detail = f"DISTANCE is compared by {' and '.join(OPERATORS)} only, not by {operator}"
        raise PlacedSoqlError("INVALID_QUERY_FILTER_OPERATOR", detail, at=left.at)
    if left.resolved is not None and not left.resolved.field.filterable:
        raise cannot(left.name, "filtered", at=left.at)
    return left


def _comparison(node: Comparison, context: ConditionContext) -> Fragment:
    left, literal = _filtered(node, context), node.right
    if node.operator == "LIKE":
        return _like(left, literal)
    if literal.kind is LiteralKind.DATE_WORD:
        return _in_range(left, node.operator, _range(left, literal, context.today))
    value = _value(left, literal)
    if left.is_decimal and value is not None:
        return _number_comparison(left, node.operator, value)
    if node.operator in _ORDERED:
        if value is None or left.kind == "boolean":
            detail = f"invalid operator {node.operator} on {left.kind} field {left.name}"
            raise PlacedSoqlError("INVALID_QUERY_FILTER_OPERATOR", detail, at=left.at)
        sql, bound = _comparable(left, value)
        return Fragment(f"{sql} {node.operator} ?", (bound,))
    if value is None:
        return Fragment(f"{left.sql} IS {'NOT ' if node.operator == '!=' else ''}NULL")
    sql, bound = _comparable(left, value)
    return Fragment(f"{sql} {'=' if node.operator == '=' else 'IS NOT'} ?", (bound,))


def _number_comparison(left: Operand, operator: str, value: SqlValue) -> Fragment:
    """Numbers are compared as SQLite has them, but for those that are stored as texts, and with
    such a one.
    """
    sign = {"!=": "IS NOT", "<>": "IS NOT"}.get(operator, operator)
    by_text = f"number_order({left.sql}, ?) {sign} 0"
    if isinstance(value, str):
        return Fragment(by_text, (value,))
    sql = f"CASE typeof({left.sql}) WHEN 'text' THEN {by_text} ELSE {left.sql} {sign} ? END"
    return Fragment(f"({sql})", (str(value), value))


def _comparable(left: Operand, value: SqlValue) -> tuple[str, SqlValue]:
    """Both sides so that SQLite compares them as Salesforce does: texts without regard to case.

    SQLite's NOCASE knows ASCII letters only, but can use an index; it is enough when the literal
    has no others.
    """
    if not left.is_text or not isinstance(value, str):
        return left.sql, value
    if value.isascii():
        return f"{left.sql} COLLATE NOCASE", value
    return f"soql_lower({left.sql})", value.lower()


def _like(left: Operand, literal: Literal) -> Fragment:
    if not left.is_text:
        detail = f"invalid operator on {left.kind} field: {left.name}"
        raise PlacedSoqlError("INVALID_QUERY_FILTER_OPERATOR", detail, at=left.at)
    if literal.kind is not LiteralKind.STRING:
        raise wrong_literal(left.name, "string", quoted=True, at=literal.at)
    pattern = like_pattern(literal)
    if pattern.isascii():
        return Fragment(f"{left.sql} LIKE ? ESCAPE '\\'", (pattern,))
    return Fragment(f"soql_lower({left.sql}) LIKE ? ESCAPE '\\'", (pattern.lower(),))


def _range(left: Operand, literal: Literal, today: date) -> Range:
    """The days that a date word means; a word that is none is a word where no word may stand."""
    days = date_range(literal.text, literal.count, today=today)
    if days is None:
        raise unexpected_token(literal.text, at=literal.at)
    if left.kind not in ("date", "datetime"):
        raise _mismatch(left, literal)
    return days


def _in_range(left: Operand, operator: str, days: Range) -> Fragment:
    first, after = (_day_start(day, left.kind) for day in days)
    match operator:
        case "=":
            return Fragment(f"({left.sql} >= ? AND {left.sql} < ?)", (first, after))
        case "!=":
            return Fragment(f"({left.sql} IS NULL OR {left.sql} < ? OR {left.sql} >= ?)", (first, after))
        case "<" | ">=":
            return Fragment(f"{left.sql} {operator} ?", (first,))
        case _:
            return Fragment(f"{left.sql} {'<' if operator == '<=' else '>='} ?", (after,))


def _day_start(day: date, kind: str) -> str:
    return day.isoformat() if kind == "date" else stored_datetime(datetime.combine(day, time(), UTC))


def _membership(node: Membership, context: ConditionContext) -> Fragment:
    left = _filtered(node, context)
    if isinstance(node.members, Query):
        sql, params = context.semi_join(node.members)
        inside = f"{left.sql} IN ({sql})"
        return Fragment(f"NOT coalesce({inside}, 0)" if node.negated else inside, params)
    if any(literal.kind is LiteralKind.DATE_WORD for literal in node.members):
        return _any_range(node, node.members, context)
    values = [_value(left, literal) for literal in node.members]
    present = [value for value in values if value is not None]
    sql, params = _is_one_of(left, present)
    if len(present) < len(values):
        sql = f"({sql} OR {left.sql} IS NULL)"
    return Fragment(f"NOT coalesce({sql}, 0)" if node.negated else sql, params)


def _any_range(node: Membership, literals: tuple[Literal, ...], context: ConditionContext) -> Fragment:
    equals = tuple(Comparison(node.left, "=", literal) for literal in literals)
    found = condition_sql(AnyOf(equals), context)
    return Fragment(f"NOT coalesce({found.sql}, 0)", found.params) if node.negated else found


def _is_one_of(left: Operand, values: Sequence[SqlValue]) -> Fragment:
    if left.is_decimal:
        parts = [_number_comparison(left, "=", value) for value in values] or [Fragment("0")]
        return Fragment(
            f"({' OR '.join(part.sql for part in parts)})",
            tuple(value for part in parts for value in part.params),
        )
    plain = all(not isinstance(value, str) or value.isascii() for value in values)
    if left.is_text and not plain:
        source, values = f"soql_lower({left.sql})", [str(value).lower() for value in values]
    else:
        source = f"{left.sql} COLLATE NOCASE" if left.is_text else left.sql
    if len(values) > MAX_BOUND_MEMBERS:
        return Fragment(
            f"{source} IN (SELECT value FROM json_each(?))", (orjson.dumps(list(values)).decode(),)
        )
    return Fragment(f"{source} IN ({', '.join('?' * len(values))})", tuple(values))


def _inclusion(node: Inclusion, context: ConditionContext) -> Fragment:
    """`INCLUDES ('a;b', 'c')`: both a and b, or c."""
    left = _filtered(node, context)
    if left.kind != "multipicklist":
        detail = f"includes/excludes operator only valid on multipicklist field: {left.name}"
        raise PlacedSoqlError("INVALID_QUERY_FILTER_OPERATOR", detail, at=left.at)
    choices, params = [], list[SqlValue]()
    for literal in node.members:
        values = [value for value in str(_value(left, literal) or "").split(";") if value]
        choices.append(" AND ".join([f"';' || {left.sql} || ';' LIKE ? ESCAPE '\\'"] * len(values)) or "0")
        params += [f"%;{_like_escaped(value)};%" for value in values]
    sql = f"(({') OR ('.join(choices)}))"
    return Fragment(f"NOT coalesce({sql}, 0)" if node.negated else sql, tuple(params))


def _like_escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _value(left: Operand, literal: Literal) -> SqlValue:
    """The literal in the store's form of the operand's type; the empty text is no value, as in
    Salesforce.
    """
    if literal.kind is LiteralKind.NULL:
        return None
    match left.kind, literal.kind:
        case kind, LiteralKind.STRING if kind in ID_KINDS:
            return _id_value(left, literal)
        case _, LiteralKind.STRING if left.is_text:
            return string_value(literal) or None
        case "boolean", LiteralKind.BOOLEAN:
            return int(literal.text.lower() == "true")
        case kind, LiteralKind.NUMBER if kind in NUMBER_KINDS:
            return number_value(literal)
        case "date", LiteralKind.DATE:
            return date_value(literal)
        case "datetime", LiteralKind.DATETIME:
            return datetime_value(literal)
        case "time", LiteralKind.TIME:
            return time_value(literal)
        case _:
            raise _mismatch(left, literal)


def _id_value(left: Operand, literal: Literal) -> str | None:
    text = string_value(literal)
    if not text:
        return None
    if (value := full_id(text)) is None:
        raise PlacedSoqlError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}", at=left.at)
    return value


def _mismatch(left: Operand, literal: Literal) -> PlacedSoqlError:
    if literal.kind is LiteralKind.DATE_WORD:
        return unexpected_token(literal.text, at=literal.at)
    quoted = left.is_text or left.kind in ID_KINDS
    wanted = (
        "string" if left.is_text else {"datetime": "dateTime", "reference": "id"}.get(left.kind, left.kind)
    )
    return wrong_literal(left.name, wanted, quoted=quoted, at=left.at)
