"""What a reconciliation asks the warehouse, in SQL that PostgreSQL and Redshift both understand.

Times come as epoch milliseconds: millions of them are read, and numbers cost a tenth of what times do.
"""

from collections.abc import Sequence

from clients.warehouse.statements import change_table, current_table, history_table
from schemas.catalogue import ObjectSpec
from schemas.tables import Column, current_columns, field_columns, history_columns

NAMED = "stage_named"
"""Temporary: the records that are looked at (record_id)."""


def sum_buckets(spec: ObjectSpec, numbers: Sequence[Column], seconds: int, ranges: int) -> str:
    """Bucket, live records, newest change and sums, of the rows that were last changed before a time.

    A bucket is so many whole lengths of `seconds` since the epoch. Parameters: the time, then `since` and `until` of each range.
    """
    bucket = f"CAST(FLOOR(EXTRACT(EPOCH FROM c.last_modified_date) / {seconds}) AS BIGINT)"
    sums = "".join(f", SUM(c.{column.sql})" for column in numbers)
    return (
        f"SELECT {bucket}, COUNT(*), MAX({_ms('last_modified_date')}){sums} FROM {current_table(spec)} AS c "
        f"WHERE NOT c.is_deleted AND c.changed_at < %s AND ({_in_ranges(ranges)}) GROUP BY {bucket}"
    )


def find_moving(spec: ObjectSpec) -> str:
    """The records that were changed at a time or later; parameter: the time."""
    return f"SELECT c.record_id FROM {current_table(spec)} AS c WHERE c.changed_at >= %s"


def read_moves(spec: ObjectSpec, numbers: Sequence[Column]) -> str:
    """Every logged change of the named records: header, LastModifiedDate, numbers; by record."""
    head = ("record_id", "change_order", "change_type", "changed_at", "changed_fields")
    names = [*head, "last_modified_date", *(column.sql for column in numbers)]
    return (
        f"SELECT {', '.join(f'c.{name}' for name in names)} FROM {change_table(spec)} AS c "
        f"JOIN {NAMED} AS n ON c.record_id = n.record_id"
    )


def read_facts(spec: ObjectSpec, fields: Sequence[Column], limit: int) -> str:
    """Facts of the first `limit` rows after a record, in the order of their ids; parameter: the record's id."""
    return (
        f"SELECT {_facts(fields)} FROM {current_table(spec)} AS c WHERE c.record_id > %s "
        f"ORDER BY c.record_id LIMIT {limit}"
    )


def read_named_facts(spec: ObjectSpec, fields: Sequence[Column]) -> str:
    """Facts of the named records."""
    return f"SELECT {_facts(fields)} FROM {current_table(spec)} AS c JOIN {NAMED} AS n ON c.record_id = n.record_id"


def find_live(spec: ObjectSpec, ranges: int) -> str:
    """Live records last modified in some ranges; parameters: `since` and `until` of each."""
    return f"SELECT c.record_id FROM {current_table(spec)} AS c WHERE NOT c.is_deleted AND ({_in_ranges(ranges)})"


def count_days(spec: ObjectSpec) -> str:
    """Rows of current, and days on which one was last modified."""
    day = "FLOOR(EXTRACT(EPOCH FROM c.last_modified_date) / 86400)"
    return f"SELECT COUNT(*), COUNT(DISTINCT {day}) FROM {current_table(spec)} AS c"


def find_logged(spec: ObjectSpec, limit: int) -> str:
    """The first `limit` records of the change log after one, in order; parameter: its id."""
    return (
        f"SELECT c.record_id FROM {change_table(spec)} AS c WHERE c.record_id > %s "
        f"GROUP BY c.record_id ORDER BY c.record_id LIMIT {limit}"
    )


def read_logged(spec: ObjectSpec, *, is_last: bool) -> str:
    """As `statements.read_changes`, of the records after one and up to another, or of all after one; parameters: their ids."""
    head = (
        "record_id",
        "change_order",
        "change_type",
        "changed_at",
        "changed_fields",
        "diff_fields",
        "batch",
        "applied_at",
    )
    names = ", ".join(f"c.{name}" for name in [*head, *(column.sql for column in field_columns(spec))])
    return f"SELECT {names} FROM {change_table(spec)} AS c WHERE {_between(is_last=is_last)}"


def read_current(spec: ObjectSpec, *, is_last: bool) -> str:
    """Whole rows of current, of the same records."""
    names = ", ".join(f"c.{column.sql}" for column in current_columns(spec))
    return f"SELECT {names} FROM {current_table(spec)} AS c WHERE {_between(is_last=is_last)}"


def read_history(spec: ObjectSpec, *, is_last: bool) -> str:
    """Whole rows of history, of the same records."""
    names = ", ".join(f"c.{column.sql}" for column in history_columns(spec))
    return f"SELECT {names} FROM {history_table(spec)} AS c WHERE {_between(is_last=is_last)}"


def _facts(fields: Sequence[Column]) -> str:
    lmd = f"COALESCE({_ms('last_modified_date')}, -1)"
    values = "".join(f", c.{column.sql}" for column in fields)
    return f"c.record_id, {lmd}, {_ms('changed_at')}, c.is_deleted, c.is_complete{values}"


def _ms(column: str) -> str:
    return f"CAST(EXTRACT(EPOCH FROM c.{column}) * 1000 AS BIGINT)"


def _in_ranges(count: int) -> str:
    return " OR ".join(["c.last_modified_date >= %s AND c.last_modified_date < %s"] * count)


def _between(*, is_last: bool) -> str:
    return "c.record_id > %s" if is_last else "c.record_id > %s AND c.record_id <= %s"
