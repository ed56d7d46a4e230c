"""SQL of retention, in the part that PostgreSQL and Redshift share."""

from collections.abc import Sequence

from clients.warehouse.sql.apply import (
    ARCHIVE,
    LEDGER,
    QUARANTINE,
    REBUILT,
    REFOLD,
    base_table,
    change_table,
    history_table,
)
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import ARCHIVE_COLUMNS

_BOOLEAN = 16
"""The type's number, in PostgreSQL and in Redshift, which keeps the catalogue of PostgreSQL 8."""
_BETWEEN = "{time} >= %s AND {time} < %s"


def list_archive() -> str:
    """Every row of `ops.archive`, in its columns."""
    names = ", ".join(column.sql for column in ARCHIVE_COLUMNS)
    return f"SELECT {names} FROM {ARCHIVE} ORDER BY source, month"


def forget_month() -> str:
    """Parameters: source, month."""
    return f"DELETE FROM {ARCHIVE} WHERE source = %s AND month = %s"


def find_booleans() -> str:
    """The boolean columns of a table; parameters: its schema, its name."""
    return (
        'SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c."oid" = a.attrelid '
        f'JOIN pg_namespace n ON n."oid" = c.relnamespace WHERE a.atttypid = {_BOOLEAN} AND n.nspname = %s AND c.relname = %s'
    )


def find_ledger_start() -> str:
    """When the first batch of an object was committed; null when there is none. Parameter: the
    object.
    """
    return f"SELECT MIN(committed_at) FROM {LEDGER} WHERE object = %s"


def find_start(table: str, time: str) -> str:
    """The first time in a table; null when it is empty."""
    return f"SELECT MIN({time}) FROM {table}"


def count_by_second(table: str, time: str) -> str:
    """Seconds since the epoch, and rows; parameters: from when, until when."""
    # EXTRACT gives seconds with their fraction in PostgreSQL, and without it in Redshift.
    second = f"CAST(FLOOR(EXTRACT(EPOCH FROM {time})) AS BIGINT)"
    return f"SELECT {second}, COUNT(*) FROM {table} WHERE {_BETWEEN.format(time=time)} GROUP BY {second} ORDER BY 1"


def count_span(table: str, time: str) -> str:
    """Rows of a span of time; parameters: from when, until when."""
    return f"SELECT COUNT(*) FROM {table} WHERE {_BETWEEN.format(time=time)}"


def read_span(table: str, columns: Sequence[str], time: str) -> str:
    """The rows of a span of time; parameters: from when, until when. `columns` are SQL."""
    return f"SELECT {', '.join(columns)} FROM {table} AS c WHERE {_BETWEEN.format(time='c.' + time)}"


def read_subjects(table: str, subject: str, time: str) -> str:
    """Each subject of a span of time once; parameters: from when, until when."""
    return (
        f"SELECT DISTINCT {subject} FROM {table} WHERE {_BETWEEN.format(time=time)} AND {subject} IS NOT NULL"
    )


def delete_span(table: str, time: str) -> str:
    """Parameters: from when, until when."""
    return f"DELETE FROM {table} WHERE {_BETWEEN.format(time=time)}"


def find_last_places(spec: ObjectSpec) -> str:
    """record_id and the last place of the records to rebuild, of a span of time; parameters: from
    when, until when.
    """
    return (
        f"SELECT c.record_id, MAX(c.change_order) FROM {change_table(spec)} AS c JOIN {REBUILT} AS r "
        f"ON c.record_id = r.record_id WHERE {_BETWEEN.format(time='c.applied_at')} GROUP BY c.record_id"
    )


def delete_changes(spec: ObjectSpec) -> str:
    """Take the changes of the records to rebuild out of the log, of a span of time; parameters:
    from when, until when.
    """
    table = change_table(spec)
    bare = table.partition(".")[2]
    span = _BETWEEN.format(time=f"{bare}.applied_at")
    return f"DELETE FROM {table} USING {REBUILT} AS r WHERE {bare}.record_id = r.record_id AND {span}"


def delete_bases(spec: ObjectSpec) -> str:
    """Remove the bases of the records to rebuild; their new ones are loaded in the same
    transaction.
    """
    table = base_table(spec)
    bare = table.partition(".")[2]
    return f"DELETE FROM {table} USING {REBUILT} AS r WHERE {bare}.record_id = r.record_id"


def delete_ended_versions(spec: ObjectSpec) -> str:
    """Remove versions that ended before a time; parameter: the time."""
    return f"DELETE FROM {history_table(spec)} WHERE valid_to < %s"


def list_refolds(limit: int) -> str:
    """Records that are to be folded again, the oldest first; parameter: the object."""
    return (
        f"SELECT record_id, MIN(asked_at) FROM {REFOLD} WHERE object = %s GROUP BY record_id "
        f"ORDER BY MIN(asked_at), record_id LIMIT {limit}"
    )


def close_refolds() -> str:
    """Take the records to rebuild from the list; parameters: the object, and asked until when."""
    bare = REFOLD.partition(".")[2]
    return (
        f"DELETE FROM {REFOLD} USING {REBUILT} AS r WHERE {bare}.record_id = r.record_id "
        f"AND {bare}.object = %s AND {bare}.asked_at <= %s"
    )


def find_applied(count: int) -> str:
    """Batch and object of the ledger's rows of `count` batches; parameters: the batches."""
    return f"SELECT batch, object FROM {LEDGER} WHERE batch IN ({', '.join(['%s'] * count)})"


def find_waiting(count: int) -> str:
    """Those of `count` batches with changes in quarantine that wait; parameters: the batches."""
    return (
        f"SELECT DISTINCT batch FROM {QUARANTINE} WHERE batch IN ({', '.join(['%s'] * count)}) "
        "AND resolved_at IS NULL AND acknowledged_at IS NULL"
    )
