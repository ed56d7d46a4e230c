"""Writeback queries to the warehouse, in SQL that PostgreSQL and Redshift both understand."""

from clients.warehouse.sql.apply import change_table
from clients.warehouse.sql.reconcile import NAMED
from schemas.catalogue import ObjectSpec


def read_recent_changes(spec: ObjectSpec) -> str:
    """Record, time, columns, user and origin of the named records' changes from a time on;
    parameter: the time.
    """
    return (
        f"SELECT c.record_id, c.changed_at, c.changed_fields, c.commit_user, c.change_origin FROM {change_table(spec)} AS c "
        f"JOIN {NAMED} AS n ON c.record_id = n.record_id WHERE c.changed_at >= %s"
    )


def read_returned_changes(spec: ObjectSpec) -> str:
    """Record, time, when applied, type, user and origin of the named records' changes from a time
    on; parameter: the time.
    """
    return (
        f"SELECT c.record_id, c.changed_at, c.applied_at, c.change_type, c.commit_user, c.change_origin FROM {change_table(spec)} AS c "
        f"JOIN {NAMED} AS n ON c.record_id = n.record_id WHERE c.changed_at >= %s"
    )
