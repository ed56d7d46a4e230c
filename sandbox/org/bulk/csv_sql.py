"""Rows of a query as CSV lines, written by SQLite itself.

In C and without Python's global lock, a row of 1 KB costs a few microseconds. Texts are joined
two by two, so that long ones are copied a few times only; `printf` would be as fast and end a
value at the first NUL in it. Every value is quoted; null is an empty pair of quotes, datetimes
end in `Z`, numbers are plain and have all their digits (Bulk API 2.0 and Bulk API Developer
Guide, "Get Results for a Query Job").
"""

from collections.abc import Sequence
from dataclasses import replace

from sandbox.org.soql.compiled import CompiledQuery, Statement
from sandbox.org.soql.entities import DECIMAL_KINDS
from sandbox.org.soql.selection import Column

SELECT_ORDER_FROM = 50.0
"""Up to v49.0 columns come in alphabetical order."""


def result_columns(compiled: CompiledQuery, version: float) -> list[Column]:
    """The columns in the order of the file."""
    columns = list(compiled.columns)
    return columns if version >= SELECT_ORDER_FROM else sorted(columns, key=lambda c: ".".join(c.path))


def header_line(columns: Sequence[Column], separator: str, newline: str) -> str:
    return separator.join(f'"{".".join(column.path)}"' for column in columns) + newline


def line_sql(compiled: CompiledQuery, columns: Sequence[Column], separator: str, newline: str) -> str:
    """The expression that is one line, its ending included."""
    between = f"""'"{separator}"'"""
    pieces = ["""'"'"""]
    for column in columns:
        pieces += [_value_sql(compiled.selection.sql[column.index], column), between]
    return _joined([*pieces[:-1], f"""'"{newline}'"""])


def _joined(pieces: Sequence[str]) -> str:
    if len(pieces) == 1:
        return pieces[0]
    middle = len(pieces) // 2
    return f"({_joined(pieces[:middle])} || {_joined(pieces[middle:])})"


def _value_sql(sql: str, column: Column) -> str:
    if column.kind in DECIMAL_KINDS:
        # SQLite writes 15 digits of a float, and an exponent where the number is very large or very
        # small.
        is_plain = f"abs({sql}) < 1e15 AND abs({sql}) >= 1e-4 AND CAST(CAST({sql} AS TEXT) AS REAL) = {sql}"
        text = f"CASE WHEN {is_plain} THEN CAST({sql} AS TEXT) ELSE number_text({sql}) END"
        return (
            f"CASE WHEN {sql} IS NULL THEN '' WHEN typeof({sql}) = 'text' THEN {_quoted(sql)} ELSE {text} END"
        )
    if column.kind != "boolean":
        return _quoted(f"ifnull({sql}, '')")
    # A boolean without a value is false, but that of a parent who is missing is nothing.
    missing = "''" if len(column.path) > 1 else "'false'"
    return f"CASE {sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE ifnull({_quoted(sql)}, {missing}) END"


def _quoted(sql: str) -> str:
    """An unchecked write may have left any text in any field."""
    return f"""replace({sql}, '"', '""')"""


def is_whole_object(compiled: CompiledQuery) -> bool:
    """True when the query reads all live (or all) records: then its blocks are ranges of row
    numbers.
    """
    bare = compiled.where.sql in ("", f'{compiled.source}."IsDeleted" = 0')
    return bare and not compiled.tail.sql and compiled.limit is None and not compiled.offset


def range_sql(compiled: CompiledQuery, line: str) -> str:
    """Lines of rows with numbers above the first parameter, up to the second. For whole objects."""
    where = f"{compiled.source}.rowid > ? AND {compiled.source}.rowid <= ?"
    if compiled.where.sql:
        where += f" AND {compiled.where.sql}"
    return _block_sql(line, f"{compiled.from_sql} WHERE {where}")


def numbers_statement(compiled: CompiledQuery) -> Statement:
    """The row numbers of the result in its order, as one JSON array."""
    selection = replace(compiled.selection, sql=[f"{compiled.source}.rowid AS number"])
    sql, params = replace(compiled, selection=selection).rows()
    return Statement(f"SELECT json_group_array(number) FROM ({sql})", params)


def numbered_sql(compiled: CompiledQuery, line: str) -> str:
    """Lines of the rows whose numbers the parameter lists (a JSON array), in the list's order."""
    rows = (
        f"json_each(?) AS wanted CROSS JOIN {compiled.from_sql} WHERE {compiled.source}.rowid = wanted.value"
    )
    return _block_sql(line, rows)


def _block_sql(line: str, rows: str) -> str:
    # LIMIT keeps SQLite from merging the two levels, which would work out every line twice.
    inner = f"SELECT CAST({line} AS BLOB) AS line FROM {rows} LIMIT -1"
    return f"SELECT CAST(group_concat(line, '') AS BLOB), json_group_array(length(line)) FROM ({inner})"
