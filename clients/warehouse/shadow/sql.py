"""SQL that sets a shadow's tables beside the warehouse's own, row by row of the same key, in what
PostgreSQL and Redshift share.
"""

from clients.warehouse.shadow.schemas import in_schemas
from clients.warehouse.sql.apply import change_table, current_table, history_table
from schemas.catalogue import ObjectSpec
from schemas.tables import Column, change_columns, current_columns, history_columns

KEY = ("record_id", "change_order")
"""Columns by which rows belong together; a current row has the first alone."""
_OF_THE_RUN = frozenset({"applied_at", "batch", "received_at"})
"""Order of two deliveries, and the time of applying: not the facts of a record."""


def compared_tables(spec: ObjectSpec) -> dict[str, tuple[Column, ...]]:
    """The object's tables with the columns that are compared, the key's first."""
    tables = {current_table(spec): current_columns(spec), change_table(spec): change_columns(spec)}
    if spec.history:
        tables[history_table(spec)] = history_columns(spec)
    return {table: _keyed(columns) for table, columns in tables.items()}


def _keyed(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    keys = [column for column in columns if column.name in KEY]
    return (*keys, *(c for c in columns if c.name not in _OF_THE_RUN and c.name not in KEY))


def count_differences(table: str, columns: tuple[Column, ...], prefix: str) -> str:
    """One row: rows of both, only of the warehouse, only of the shadow, that differ; then by column
    how many differ in it.
    """
    values = [column for column in columns if column.name not in KEY]
    both = "c.record_id IS NOT NULL AND s.record_id IS NOT NULL"
    sums = [
        f"SUM(CASE WHEN {both} THEN 1 ELSE 0 END)",
        "SUM(CASE WHEN s.record_id IS NULL THEN 1 ELSE 0 END)",
        "SUM(CASE WHEN c.record_id IS NULL THEN 1 ELSE 0 END)",
        f"SUM(CASE WHEN {both} AND NOT ({_same(values)}) THEN 1 ELSE 0 END)",
        *(f"SUM(CASE WHEN {both} AND NOT ({_equal(column)}) THEN 1 ELSE 0 END)" for column in values),
    ]
    return f"SELECT {', '.join(sums)} FROM {_joined(table, columns, prefix)}"


def find_differences(table: str, columns: tuple[Column, ...], prefix: str, count: int) -> str:
    """Records, at most `count`, of which a row is on one side only or differs."""
    values = [column for column in columns if column.name not in KEY]
    wrong = f"c.record_id IS NULL OR s.record_id IS NULL OR NOT ({_same(values)})"
    return (
        f"SELECT DISTINCT COALESCE(c.record_id, s.record_id) FROM {_joined(table, columns, prefix)} "
        f"WHERE {wrong} ORDER BY 1 LIMIT {count}"
    )


def _joined(table: str, columns: tuple[Column, ...], prefix: str) -> str:
    keys = [column.sql for column in columns if column.name in KEY]
    on = " AND ".join(f"c.{key} = s.{key}" for key in keys)
    return f"{table} AS c FULL JOIN {in_schemas(table, prefix)} AS s ON {on}"


def _same(columns: list[Column]) -> str:
    return " AND ".join(f"({_equal(column)})" for column in columns)


def _equal(column: Column) -> str:
    """Never null, so that it can be negated."""
    ours, theirs = f"c.{column.sql}", f"s.{column.sql}"
    return f"CASE WHEN {ours} = {theirs} OR ({ours} IS NULL AND {theirs} IS NULL) THEN TRUE ELSE FALSE END"
