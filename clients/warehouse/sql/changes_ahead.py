"""SQL that takes changes ahead of the clock out of the change log, in the part that PostgreSQL and
Redshift share.
"""

from clients.warehouse.sql.apply import LEDGER, QUALITY, QUARANTINE, REREAD, change_table
from schemas.catalogue import ObjectSpec
from schemas.tables import change_columns

ABOVE = "stage_above"
"""Temporary: records whose repair must stand above what the warehouse holds of them (record_id)."""


def read_ahead(spec: ObjectSpec) -> str:
    """The logged changes of the staged records that are later than a time, in the columns of
    `change_columns`; parameter: the time.
    """
    names = ", ".join(f"c.{column.sql}" for column in change_columns(spec))
    return (
        f"SELECT {names} FROM {change_table(spec)} AS c JOIN {ABOVE} AS a ON c.record_id = a.record_id "
        "WHERE c.changed_at > %s"
    )


def delete_ahead(spec: ObjectSpec) -> str:
    """Take them out of the log; parameter: the time."""
    table = change_table(spec)
    bare = table.partition(".")[2]
    return f"DELETE FROM {table} USING {ABOVE} AS a WHERE {bare}.record_id = a.record_id AND {bare}.changed_at > %s"


def find_last_change(spec: ObjectSpec) -> str:
    """Commit time of the last logged change of the staged records; null when they have none."""
    return f"SELECT MAX(c.changed_at) FROM {change_table(spec)} AS c JOIN {ABOVE} AS a ON c.record_id = a.record_id"


def find_highest_ordinals(count: int) -> str:
    """The highest ordinal in quarantine by batch, of those of `count` batches that it has;
    parameters: the batches.
    """
    return f"SELECT batch, MAX(ordinal) FROM {QUARANTINE} WHERE batch IN ({', '.join(['%s'] * count)}) GROUP BY batch"


def move_counts() -> str:
    """Changes of a batch that were applied are refused now; its last commit time lies no more ahead
    of when it was received.

    Parameters: changes, changes, isolated fields, batch, object.
    """
    last = "CASE WHEN last_changed_at > last_received_at THEN last_received_at ELSE last_changed_at END"
    return (
        f"UPDATE {LEDGER} SET applied = applied - %s, quarantined = quarantined + %s, isolated = isolated - %s, "
        f"last_changed_at = {last} WHERE batch = %s AND object = %s"
    )


def settle_findings_ahead() -> str:
    """Close what changes beyond a place said of the staged records, as of the lowest place: a
    reading can open it again.

    Parameters: when, object, the place.
    """
    return (
        f"UPDATE {QUALITY} SET change_order = '0', resolved_at = %s, resolved_by = quality.batch FROM {ABOVE} AS a "
        "WHERE quality.object = %s AND quality.record_id = a.record_id AND quality.change_order > %s"
    )


def close_rereads_ahead() -> str:
    """Close what changes beyond a place asked for of the staged records: no reading would ever
    stand above them.

    Parameters: when, object, the place.
    """
    return (
        f"UPDATE {REREAD} SET closed_at = %s, outcome = 'given_up' FROM {ABOVE} AS a "
        "WHERE reread.object = %s AND reread.record_id = a.record_id AND reread.closed_at IS NULL AND reread.change_order > %s"
    )
