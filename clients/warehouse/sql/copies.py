"""SQL that brings a read copy what the warehouse has, and compares the two, in the part that
PostgreSQL and Redshift share.
"""

from collections.abc import Sequence

from clients.warehouse.sql.apply import (
    ERASED,
    LEDGER,
    REBUILT,
    TOUCHED,
    change_table,
    current_table,
    placeholders,
)
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import LEDGER_COLUMNS
from schemas.tables import Column

_DAY = "CAST(FLOOR(EXTRACT(EPOCH FROM c.changed_at) / 86400) AS BIGINT)"


def find_slice_end(spec: ObjectSpec, records: int) -> str:
    """The last of the next `records` records by id, no row when there are fewer; parameter: the id
    after which they begin.
    """
    return (
        f"SELECT c.record_id FROM {current_table(spec)} AS c WHERE c.record_id > %s "
        f"ORDER BY c.record_id LIMIT 1 OFFSET {records - 1}"
    )


def read_between(table: str, columns: Sequence[Column], *, is_last: bool) -> str:
    """Rows of the records after an id and up to another, or of all after one; parameters: the
    ids.
    """
    names = ", ".join(f"c.{column.sql}" for column in columns)
    return f"SELECT {names} FROM {table} AS c WHERE {_between(is_last=is_last)}"


def find_places(table: str) -> str:
    """record_id and change_order of the rows of the records of `REBUILT`."""
    return f"SELECT c.record_id, c.change_order FROM {table} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def list_batches() -> str:
    """An object's rows of the ledger since a time; parameters: the object, the time."""
    names = ", ".join(column.sql for column in LEDGER_COLUMNS)
    return f"SELECT {names} FROM {LEDGER} WHERE object = %s AND committed_at >= %s"


def find_batches() -> str:
    """Batch and commit of an object's rows in the ledger since a time; parameters: the object, the
    time.
    """
    return f"SELECT batch, committed_at FROM {LEDGER} WHERE object = %s AND committed_at >= %s"


def find_recent_batches() -> str:
    """Object, batch and commit of every row of the ledger since a time; parameter: the time."""
    return f"SELECT object, batch, committed_at FROM {LEDGER} WHERE committed_at >= %s"


def find_known_batches(count: int) -> str:
    """Those of `count` batches that the ledger has of an object; parameters: the object, the
    batches.
    """
    return f"SELECT batch FROM {LEDGER} WHERE object = %s AND batch IN ({placeholders(count)})"


def list_erased() -> str:
    """The records of an object that were erased; parameter: the object."""
    return f"SELECT record_id FROM {ERASED} WHERE object = %s"


def find_touched(spec: ObjectSpec, batches: int) -> str:
    """The records that `batches` batches brought changes of, by the change log since a time;
    parameters: the time, the batches.
    """
    return (
        f"SELECT DISTINCT c.record_id FROM {change_table(spec)} AS c "
        f"WHERE c.applied_at >= %s AND c.batch IN ({placeholders(batches)})"
    )


def sum_days(spec: ObjectSpec) -> str:
    """By day of the last change: records, deleted ones, versions, and seconds of the days, of all
    records but those of `TOUCHED`.
    """
    second = "SUM(CAST(FLOOR(EXTRACT(EPOCH FROM c.changed_at)) AS BIGINT))"
    deleted = "SUM(CASE WHEN c.is_deleted THEN 1 ELSE 0 END)"
    return (
        f"SELECT {_DAY}, COUNT(*), {deleted}, SUM(c.version), {second} FROM {_others(spec)} GROUP BY {_DAY}"
    )


def list_day(spec: ObjectSpec) -> str:
    """Record, place of its last change, version, and whether it is deleted, of a day but for
    `TOUCHED`; parameter: the day.
    """
    return f"SELECT c.record_id, c.last_change_order, c.version, c.is_deleted FROM {_others(spec)} AND {_DAY} = %s"


def _others(spec: ObjectSpec) -> str:
    return (
        f"{current_table(spec)} AS c LEFT JOIN {TOUCHED} AS t ON t.record_id = c.record_id "
        "WHERE t.record_id IS NULL"
    )


def empty(table: str) -> str:
    """Take every row out of a table."""
    return f"DELETE FROM {table}"


def forget_batches() -> str:
    """Take an object's rows out of the ledger; parameter: the object."""
    return f"DELETE FROM {LEDGER} WHERE object = %s"


def find_behind(spec: ObjectSpec) -> str:
    """As `find_places`, of the change log."""
    return find_places(change_table(spec))


def _between(*, is_last: bool) -> str:
    return "c.record_id > %s" if is_last else "c.record_id > %s AND c.record_id <= %s"
