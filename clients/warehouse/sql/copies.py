"""SQL that brings a read copy what the warehouse has, and compares the two, in the part that
PostgreSQL and Redshift share.
"""

from collections.abc import Sequence

from clients.warehouse.sql.apply import (
    ERASED,
    LEDGER,
    REBUILT,
    change_table,
    current_table,
    placeholders,
)
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import LEDGER_COLUMNS
from schemas.tables import Column

_DAY = "COALESCE(CAST(FLOOR(EXTRACT(EPOCH FROM c.last_modified_date) / 86400) AS BIGINT), -1)"


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
    """The batches of an object in the ledger since a time; parameters: the object, the time."""
    return f"SELECT batch FROM {LEDGER} WHERE object = %s AND committed_at >= %s"


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


def sum_days(spec: ObjectSpec) -> str:
    """By day of the last modification, -1 for none: records, deleted ones, versions, and the times
    of their last changes.
    """
    changed = "SUM(CAST(FLOOR(EXTRACT(EPOCH FROM c.changed_at)) AS BIGINT))"
    deleted = "SUM(CASE WHEN c.is_deleted THEN 1 ELSE 0 END)"
    return (
        f"SELECT {_DAY}, COUNT(*), {deleted}, SUM(c.version), {changed} FROM {current_table(spec)} AS c GROUP BY 1"
    )


def list_day(spec: ObjectSpec) -> str:
    """Record, place of its last change, version, whether it is deleted, and the batch, of a day;
    parameter: the day.
    """
    return (
        "SELECT c.record_id, c.last_change_order, c.version, c.is_deleted, c.batch "
        f"FROM {current_table(spec)} AS c WHERE {_DAY} = %s"
    )


def empty(table: str) -> str:
    """Take every row out of a table."""
    return f"DELETE FROM {table}"


def find_behind(spec: ObjectSpec) -> str:
    """As `find_places`, of the change log."""
    return find_places(change_table(spec))


def _between(*, is_last: bool) -> str:
    return "c.record_id > %s" if is_last else "c.record_id > %s AND c.record_id <= %s"
