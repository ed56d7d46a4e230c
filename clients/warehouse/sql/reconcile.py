"""Reconciliation queries to the warehouse, in SQL that PostgreSQL and Redshift both understand.

Times come as epoch milliseconds: millions of them are read, and numbers cost a tenth of what
times do.
"""

from collections.abc import Sequence

from clients.warehouse.sql.apply import (
    ERASED,
    QUALITY,
    REBUILT,
    RECONCILIATION,
    change_table,
    current_table,
    history_table,
)
from schemas.catalogue import ObjectSpec
from schemas.ingest.change_types import WHOLE
from schemas.quality import Rule
from schemas.tables import Column, field_columns

NAMED = "stage_named"
"""Temporary: the records that are looked at (record_id)."""


def sum_buckets(spec: ObjectSpec, numbers: Sequence[Column], seconds: int, ranges: int) -> str:
    """Bucket, live records, newest change and sums, of the rows that were last changed before a
    time.

    A bucket is so many whole lengths of `seconds` since the epoch. Parameters: the time, then
    `since` and `until` of each range.
    """
    bucket = _bucket(seconds)
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
    """Facts of the first `limit` rows after a record, in the order of their ids; parameter: the
    record's id.
    """
    return (
        f"SELECT {_facts(fields)} FROM {current_table(spec)} AS c WHERE c.record_id > %s "
        f"ORDER BY c.record_id LIMIT {limit}"
    )


def read_every_fact(spec: ObjectSpec, fields: Sequence[Column]) -> str:
    """Facts of all rows, in no order."""
    return f"SELECT {_facts(fields)} FROM {current_table(spec)} AS c"


def read_named_facts(spec: ObjectSpec, fields: Sequence[Column]) -> str:
    """Facts of the named records."""
    return f"SELECT {_facts(fields)} FROM {current_table(spec)} AS c JOIN {NAMED} AS n ON c.record_id = n.record_id"


def find_too_wide() -> str:
    """record_id and field, of what the rows of the named records have no room for; parameter: the
    object.
    """
    return (
        f"SELECT q.record_id, q.field FROM {QUALITY} AS q JOIN {NAMED} AS n ON q.record_id = n.record_id "
        f"WHERE q.object = %s AND q.rule = '{Rule.TOO_WIDE}' AND q.resolved_at IS NULL"
    )


def find_ahead(spec: ObjectSpec) -> str:
    """The records whose last change is later than a time; parameter: the time."""
    return f"SELECT c.record_id FROM {current_table(spec)} AS c WHERE c.changed_at > %s ORDER BY c.record_id"


def count_with_isolated(spec: ObjectSpec) -> str:
    """The number of live records that have fields whose value did not fit."""
    return f"SELECT COUNT(*) FROM {current_table(spec)} AS c WHERE {_ISOLATED}"


def find_isolated(spec: ObjectSpec, limit: int) -> str:
    """The first `limit` of them."""
    return f"SELECT c.record_id FROM {current_table(spec)} AS c WHERE {_ISOLATED} ORDER BY c.record_id LIMIT {limit}"


def sum_isolated(spec: ObjectSpec, *, is_whole: bool) -> str:
    """Records and fields that are isolated, of all live records or of a range; parameters: its
    `since` and `until`.
    """
    fields = "LENGTH(c.unknown_fields) - LENGTH(REPLACE(c.unknown_fields, ',', '')) + 1"
    return (
        f"SELECT COUNT(*), SUM({fields}) FROM {current_table(spec)} AS c WHERE {_isolated(is_whole=is_whole)}"
    )


def list_isolated(spec: ObjectSpec, limit: int, *, is_whole: bool) -> str:
    """record_id and unknown_fields of the first `limit` of them; parameters as of
    `sum_isolated`.
    """
    where = _isolated(is_whole=is_whole)
    return f"SELECT c.record_id, c.unknown_fields FROM {current_table(spec)} AS c WHERE {where} ORDER BY c.record_id LIMIT {limit}"


def find_unknown_by_bucket(spec: ObjectSpec, seconds: int, ranges: int) -> str:
    """Bucket and unknown_fields of live records with isolated fields, each pair once; parameters:
    `since` and `until` of each range.
    """
    bucket = _bucket(seconds)
    return (
        f"SELECT DISTINCT {bucket}, c.unknown_fields FROM {current_table(spec)} AS c "
        f"WHERE {_ISOLATED} AND ({_in_ranges(ranges)})"
    )


def find_live(spec: ObjectSpec, ranges: int) -> str:
    """Live records last modified in some ranges; parameters: `since` and `until` of each."""
    return f"SELECT c.record_id FROM {current_table(spec)} AS c WHERE NOT c.is_deleted AND ({_in_ranges(ranges)})"


def count_days(spec: ObjectSpec) -> str:
    """Rows of current, and days on which one was last modified."""
    day = "FLOOR(EXTRACT(EPOCH FROM c.last_modified_date) / 86400)"
    return f"SELECT COUNT(*), COUNT(DISTINCT {day}) FROM {current_table(spec)} AS c"


def find_bound(spec: ObjectSpec, limit: int) -> str:
    """The record of the change that is `limit` changes after a record, in the order of ids;
    parameter: its id.
    """
    return (
        f"SELECT c.record_id FROM {change_table(spec)} AS c WHERE c.record_id > %s "
        f"ORDER BY c.record_id LIMIT 1 OFFSET {limit - 1}"
    )


def count_logged(spec: ObjectSpec, *, is_last: bool) -> str:
    """Records of the change log with their changes and the last place, of the records after one and
    up to another, or of all after one; parameters: their ids.
    """
    return (
        f"SELECT c.record_id, COUNT(*), MAX(c.change_order) FROM {change_table(spec)} AS c "
        f"WHERE {_between(is_last=is_last)} GROUP BY c.record_id"
    )


def find_rows(table: str, *, is_last: bool) -> str:
    """The record of each row, of the records after one and up to another, or of all after one;
    parameters: their ids.
    """
    return f"SELECT c.record_id FROM {table} AS c WHERE {_between(is_last=is_last)}"


def find_current_like_log(spec: ObjectSpec, *, is_last: bool) -> str:
    """Of the same records those whose row of current is what one whole change of theirs says, with
    its version and place.

    Parameters: the ids twice.
    """
    return (
        f"SELECT r.record_id, r.version, r.last_change_order FROM {current_table(spec)} AS r "
        f"JOIN {change_table(spec)} AS c ON c.record_id = r.record_id AND c.change_order = r.last_change_order "
        f"WHERE {_both_between(is_last=is_last)} AND {_like_whole(spec)}"
    )


def find_history_like_log(spec: ObjectSpec, *, is_last: bool) -> str:
    """Of the same records those with a row of history that is what a whole first and only change
    says.

    Parameters: the ids twice.
    """
    return (
        f"SELECT r.record_id FROM {history_table(spec)} AS r "
        f"JOIN {change_table(spec)} AS c ON c.record_id = r.record_id AND c.change_order = r.change_order "
        f"WHERE {_both_between(is_last=is_last)} AND {_like_whole(spec)} AND r.version = 1 "
        f"AND r.is_current AND r.valid_to IS NULL AND r.valid_from = c.changed_at"
    )


def read_rebuilt(table: str, columns: Sequence[Column]) -> str:
    """Whole rows of the records to rebuild."""
    names = ", ".join(f"c.{column.sql}" for column in columns)
    return f"SELECT {names} FROM {table} AS c JOIN {REBUILT} AS n ON c.record_id = n.record_id"


def _both_between(*, is_last: bool) -> str:
    # Said of both tables: a planner without statistics would else read all of the second one for
    # each stretch of the first.
    return f"{_between(is_last=is_last)} AND {_between(is_last=is_last, of='r')}"


def _like_whole(spec: ObjectSpec) -> str:
    """The row r is live, complete, and has the values of the whole change c."""
    stamps = ("changed_at", "applied_at", "batch")
    unknown = "COALESCE(r.unknown_fields, '') = COALESCE(c.isolated_fields, '')"
    kinds = ", ".join(f"'{kind}'" for kind in sorted(WHOLE))
    same = [f"r.{name} = c.{name}" for name in stamps]
    for column in field_columns(spec):
        ours, logged = f"r.{column.sql}", f"c.{column.sql}"
        same.append(f"({ours} = {logged} OR ({ours} IS NULL AND {logged} IS NULL))")
    return f"c.change_type IN ({kinds}) AND NOT r.is_deleted AND r.is_complete AND {unknown} AND {' AND '.join(same)}"


def _facts(fields: Sequence[Column]) -> str:
    lmd = f"COALESCE({_ms('last_modified_date')}, -1)"
    values = "".join(f", c.{column.sql}" for column in fields)
    return f"c.record_id, {lmd}, {_ms('changed_at')}, c.is_deleted, c.is_complete, c.unknown_fields{values}"


def _ms(column: str) -> str:
    return f"CAST(ROUND(EXTRACT(EPOCH FROM c.{column}) * 1000) AS BIGINT)"


def _bucket(seconds: int) -> str:
    return f"CAST(FLOOR(EXTRACT(EPOCH FROM c.last_modified_date) / {seconds}) AS BIGINT)"


_ISOLATED = (
    "c.unknown_fields IS NOT NULL AND NOT c.is_deleted "
    # What was erased on purpose is no value that did not fit.
    f"AND c.record_id NOT IN (SELECT e.record_id FROM {ERASED} AS e)"
)


def _isolated(*, is_whole: bool) -> str:
    return _ISOLATED if is_whole else f"{_ISOLATED} AND {_in_ranges(1)}"


def _in_ranges(count: int) -> str:
    return " OR ".join(["c.last_modified_date >= %s AND c.last_modified_date < %s"] * count)


def _between(*, is_last: bool, of: str = "c") -> str:
    return f"{of}.record_id > %s" if is_last else f"{of}.record_id > %s AND {of}.record_id <= %s"


def list_reconciliations(limit: int) -> str:
    """The `limit` newest ones; parameters: the object twice, empty for any."""
    return (
        "SELECT object, window_name, depth, as_of, verdict, org_records, warehouse_records, found, repaired, altered, calls, "
        f"began_at, ended_at, isolated FROM {RECONCILIATION} WHERE (CAST(%s AS VARCHAR) = '' OR object = %s) "
        f"ORDER BY ended_at DESC, object LIMIT {limit}"
    )
