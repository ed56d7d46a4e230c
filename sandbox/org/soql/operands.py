"""Anything that stands for a value in a query - a field, an aggregate, a date function - as SQL
with a type.
"""

from dataclasses import dataclass, replace

from sandbox.org.soql.distances import DISTANCE, distance_sql
from sandbox.org.soql.entities import COMPOUNDS, DECIMAL_KINDS, NUMBER_KINDS, TEXT_KINDS
from sandbox.org.soql.errors import PlacedSoqlError
from sandbox.org.soql.functions import EXACT_SUM
from sandbox.org.soql.nodes import Expression, FieldPath, FunctionCall
from sandbox.org.soql.scope import ResolvedField, Scope

FORMAT, GROUPING = "FORMAT", "GROUPING"
ROLLED_UP = "NULL"
"""The SQL of a field that a row of subtotals sums over."""
SHOWN_AS_FIELDS = frozenset({FORMAT, "TOLABEL", "CONVERTTIMEZONE"})
"""Functions of a field that stand in a list of fields, and may have an alias there."""
_AGGREGATES = {
    "COUNT": "count({})",
    "COUNT_DISTINCT": "count(DISTINCT {})",
    "SUM": "sum({})",
    "AVG": "avg({})",
    "MIN": "min({})",
    "MAX": "max({})",
}
_DATE_FUNCTIONS = {
    "CALENDAR_YEAR": "CAST(substr({}, 1, 4) AS INTEGER)",
    "CALENDAR_QUARTER": "(CAST(substr({}, 6, 2) AS INTEGER) + 2) / 3",
    "CALENDAR_MONTH": "CAST(substr({}, 6, 2) AS INTEGER)",
    "DAY_IN_MONTH": "CAST(substr({}, 9, 2) AS INTEGER)",
    "DAY_IN_WEEK": "CAST(strftime('%w', {}) AS INTEGER) + 1",
    "DAY_IN_YEAR": "CAST(strftime('%j', {}) AS INTEGER)",
    # Fiscal years are calendar years here, as for the date words.
    "FISCAL_YEAR": "CAST(substr({}, 1, 4) AS INTEGER)",
    "FISCAL_QUARTER": "(CAST(substr({}, 6, 2) AS INTEGER) + 2) / 3",
    "FISCAL_MONTH": "CAST(substr({}, 6, 2) AS INTEGER)",
    "WEEK_IN_MONTH": "(CAST(substr({}, 9, 2) AS INTEGER) + 6) / 7",
    "WEEK_IN_YEAR": "(CAST(strftime('%j', {}) AS INTEGER) + 6) / 7",
    "HOUR_IN_DAY": "CAST(substr({}, 12, 2) AS INTEGER)",
    "DAY_ONLY": "substr({}, 1, 10)",
}


@dataclass(frozen=True, slots=True)
class Operand:
    """A value of each row or group."""

    sql: str
    kind: str
    """Its type in describe's words; what a function makes is int, double or date, or its
    argument's.
    """
    name: str
    """As messages call it."""
    at: int
    resolved: ResolvedField | None = None
    """The field, when it is nothing but a field."""
    is_aggregate: bool = False

    @property
    def is_text(self) -> bool:
        return self.kind in TEXT_KINDS

    @property
    def is_decimal(self) -> bool:
        """True when a value may be stored as its text, because a float would lose digits of it."""
        is_stored = self.resolved is not None and self.resolved.field.expression is None
        return self.kind in DECIMAL_KINDS and is_stored

    @property
    def as_number(self) -> str:
        """The value as a number that SQL can work with, to the digits of a float."""
        return f"CAST({self.sql} AS NUMERIC)" if self.is_decimal else self.sql

    @property
    def never_null(self) -> bool:
        """A field that every record has; of a parent it may still be missing."""
        return self.resolved is not None and self.resolved.field.never_null and len(self.resolved.path) == 1


def is_aggregate(expression: Expression) -> bool:
    """True for an aggregate, formatted or not."""
    if not isinstance(expression, FunctionCall):
        return False
    inner = expression.argument
    is_formatted = expression.name == FORMAT and inner is not None and is_aggregate(inner)
    return expression.name in _AGGREGATES or expression.name == GROUPING or is_formatted


def format_sql(value: Operand) -> str:
    """`FORMAT()` of a value, as SQL."""
    return f"soql_format({value.sql}, '{value.kind}')"


def operand(expression: Expression, scope: Scope) -> Operand:
    """The expression over `scope`'s tables; raises `PlacedSoqlError` for unknown fields and
    functions.
    """
    found = _operand(expression, scope)
    if found.sql in scope.rolled_up:
        return replace(found, sql=ROLLED_UP)
    return found


def _operand(expression: Expression, scope: Scope) -> Operand:
    if isinstance(expression, FieldPath):
        resolved = scope.resolve(expression)
        has_sql = resolved.field.parts and resolved.field.kind not in COMPOUNDS
        sql = resolved.sql if has_sql else "NULL"
        return Operand(sql, resolved.field.kind, expression.text, expression.at, resolved)
    if expression.name == DISTANCE:
        return Operand(distance_sql(expression, scope), "double", DISTANCE, expression.at)
    argument = _operand(_only_argument(expression), scope)
    if expression.name == GROUPING:
        return _grouping(expression, argument, scope)
    if expression.name in _AGGREGATES:
        return _aggregate(expression, argument)
    if expression.name in _DATE_FUNCTIONS:
        return _date_function(expression, argument)
    if expression.name == FORMAT and argument.resolved is None:
        name = f"{FORMAT}({argument.name})"
        return replace(argument, sql=format_sql(argument), kind="string", name=name)
    if expression.name in SHOWN_AS_FIELDS:
        return argument
    raise PlacedSoqlError("MALFORMED_QUERY", f"unknown function: {expression.name}", at=expression.at)


def _only_argument(call: FunctionCall) -> Expression:
    """The argument of a function that takes one, which is no literal."""
    if not call.arguments:
        raise PlacedSoqlError("MALFORMED_QUERY", f"Invalid use of function {call.name}", at=call.at)
    if len(call.arguments) > 1 or call.argument is None:
        detail = f"Invalid number of arguments for function {call.name}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
    return call.argument


def _grouping(call: FunctionCall, argument: Operand, scope: Scope) -> Operand:
    """`GROUPING()`: 1 in a row that sums over the field, 0 in others (SOQL and SOSL Reference,
    "Identify Subtotals with GROUP BY").
    """
    if argument.sql not in scope.subtotalled:
        detail = f"GROUPING takes a field of a GROUP BY ROLLUP or CUBE: {argument.name}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
    sql = "1" if argument.sql in scope.rolled_up else "0"
    return Operand(sql, "int", f"{GROUPING}({argument.name})", call.at, is_aggregate=True)


def _aggregate(call: FunctionCall, argument: Operand) -> Operand:
    counts = call.name in ("COUNT", "COUNT_DISTINCT")
    long_text = argument.resolved is not None and argument.resolved.field.is_long_text
    if (
        argument.is_aggregate
        or long_text
        or (call.name in ("SUM", "AVG") and argument.kind not in NUMBER_KINDS)
    ):
        detail = f"field {argument.name} does not support aggregate operator {call.name}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
    kind = "int" if counts else "double" if call.name == "AVG" else argument.kind
    # A count of texts does not tell capitals from small letters, as no comparison of texts in SOQL
    # does.
    value = f"{argument.sql} COLLATE NOCASE" if argument.is_text else argument.as_number
    sql = _AGGREGATES[call.name].format(value)
    if call.name == "SUM" and argument.kind in DECIMAL_KINDS:
        sql = f"{EXACT_SUM}({argument.sql})"
    return Operand(sql, kind, f"{call.name}({argument.name})", call.at, is_aggregate=True)


def _date_function(call: FunctionCall, argument: Operand) -> Operand:
    needs_time = call.name in ("HOUR_IN_DAY", "DAY_ONLY")
    if argument.kind != "datetime" and (needs_time or argument.kind != "date"):
        wanted = "dateTime" if needs_time else "date or dateTime"
        detail = f"{call.name} takes a field of type {wanted}: {argument.name}"
        raise PlacedSoqlError("INVALID_FIELD", detail, at=call.at)
    kind = "date" if call.name == "DAY_ONLY" else "int"
    return Operand(
        _DATE_FUNCTIONS[call.name].format(argument.sql), kind, f"{call.name}({argument.name})", call.at
    )
