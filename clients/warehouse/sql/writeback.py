"""Writeback queries to the warehouse, in SQL that PostgreSQL and Redshift both understand.

They are bounded by the time of the log, too: see `transforms.apply.logged_since`.
"""

from clients.warehouse.sql.apply import change_table, placeholders
from clients.warehouse.sql.reconcile import NAMED
from schemas.catalogue import ObjectSpec


def read_recent_changes(spec: ObjectSpec, count: int) -> str:
    """Record, time, columns, user and origin of the named records' changes from a time on;
    parameters: the time, logged since when, the records as of `_of_named`.
    """
    return f"SELECT c.record_id, c.changed_at, c.changed_fields, c.commit_user, c.change_origin FROM {_of_named(spec, count)}"


def read_returned_changes(spec: ObjectSpec, count: int) -> str:
    """Record, time, when applied, type, user and origin of the named records' changes from a time
    on; parameters: the time, logged since when, the records as of `_of_named`.
    """
    return f"SELECT c.record_id, c.changed_at, c.applied_at, c.change_type, c.commit_user, c.change_origin FROM {_of_named(spec, count)}"


def _of_named(spec: ObjectSpec, count: int) -> str:
    """The named records' changes: of `count` that are parameters; 0 = of those in `NAMED`."""
    since = "WHERE c.changed_at >= %s AND c.applied_at >= %s"
    log = f"{change_table(spec)} AS c"
    if count:
        return f"{log} {since} AND c.record_id IN ({placeholders(count)})"
    return f"{log} JOIN {NAMED} AS n ON c.record_id = n.record_id {since}"
