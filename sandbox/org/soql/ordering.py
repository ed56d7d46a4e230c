"""ORDER BY as SQL: what is sorted by, and the words that follow it."""

from typing import NamedTuple

from sandbox.org.soql.entities import COMPOUNDS
from sandbox.org.soql.errors import PlacedSoqlError, cannot
from sandbox.org.soql.functions import EXACT_NUMBER
from sandbox.org.soql.nodes import FieldPath, OrderItem
from sandbox.org.soql.operands import operand
from sandbox.org.soql.scope import Scope
from sandbox.org.soql.selection import QueryShape, Selection


class OrderKey(NamedTuple):
    """One key of ORDER BY."""

    sql: str
    words: str
    """Collation, direction and place of nulls, each with a blank before it."""


def order_keys(
    item: OrderItem, scope: Scope, selection: Selection, shape: QueryShape, *, has_subtotals: bool = False
) -> list[OrderKey]:
    """The keys of one item; raises `PlacedSoqlError` for what may not be sorted by.

    `has_subtotals`: any field that is grouped by may be null, as a subtotal has it.
    """
    path = item.expression
    if isinstance(path, FieldPath) and len(path.parts) == 1 and (sql := selection.aliases.get(path.parts[0])):
        return [OrderKey(sql, " DESC" if item.descending else "")]
    found = operand(path, scope)
    if found.resolved is not None and (not found.resolved.field.sortable or found.kind in COMPOUNDS):
        raise cannot(found.name, "sorted", at=found.at)
    if shape == "groups" and not found.is_aggregate and found.sql not in selection.grouped:
        detail = f"Ordered field must be grouped or aggregated: {found.name}"
        raise PlacedSoqlError("MALFORMED_QUERY", detail, at=found.at)
    direction = f"{' DESC' if item.descending else ''}{_nulls(item, never_null=found.never_null and not has_subtotals)}"
    collation = " COLLATE NOCASE" if found.is_text else ""
    keys = [OrderKey(found.as_number, f"{collation}{direction}")]
    if found.is_decimal:
        # Numbers that are the same to the digits of a float are distinguished by their texts; few
        # rows have one.
        long = f"typeof({found.sql}) = 'text' OR abs({found.sql}) >= 1e15"
        text = f"CASE WHEN {long} THEN CAST({found.sql} AS TEXT) END"
        keys.append(OrderKey(text, f" COLLATE {EXACT_NUMBER}{direction}"))
    return keys


def _nulls(item: OrderItem, *, never_null: bool) -> str:
    """Said only where it differs from SQLite's habit, because saying it costs the use of an
    index.
    """
    if never_null or item.descending == item.nulls_last:
        return ""
    return " NULLS LAST" if item.nulls_last else " NULLS FIRST"
