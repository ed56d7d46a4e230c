"""SQL of repairs, in the part that PostgreSQL and Redshift share: the list of what is to be read,
and what of it is answered.
"""

from clients.warehouse.sql.apply import QUARANTINE, REREAD, TOUCHED, change_table, current_table
from schemas.catalogue import ObjectSpec


def find_incomplete(spec: ObjectSpec) -> str:
    """record_id, place, time and batch of the last change: of the touched records that are not
    complete.
    """
    return (
        f"SELECT c.record_id, c.last_change_order, c.changed_at, c.batch FROM {current_table(spec)} AS c "
        f"JOIN {TOUCHED} AS t ON c.record_id = t.record_id WHERE NOT c.is_complete"
    )


def count_open_rereads() -> str:
    """Records to read: object, cause, records, earliest and latest commit, beginning of the window,
    first asked.
    """
    return (
        "SELECT object, cause, COUNT(DISTINCT record_id), MIN(changed_at), MAX(changed_at), MIN(since_at), "
        "SUM(CASE WHEN record_id IS NULL AND since_at IS NULL THEN 1 ELSE 0 END), MAX(attempts), MIN(asked_at) "
        f"FROM {REREAD} WHERE closed_at IS NULL GROUP BY object, cause"
    )


def find_open_changes(count: int) -> str:
    """batch, ordinal of the refused changes of `count` batches that are on the list; parameters:
    object, then the batches.
    """
    return (
        f"SELECT batch, ordinal FROM {REREAD} "
        f"WHERE object = %s AND closed_at IS NULL AND batch IN ({', '.join(['%s'] * count)})"
    )


def find_open_records(count: int) -> str:
    """Up to `count` records to read, each once, with the latest commit; parameters: object, a
    cause, asked by when for that cause.
    """
    return (
        f"SELECT record_id, MAX(changed_at) FROM {REREAD} WHERE object = %s AND closed_at IS NULL AND record_id IS NOT NULL "
        "AND (cause <> %s OR asked_at <= %s) GROUP BY record_id ORDER BY MIN(asked_at), record_id "
        f"LIMIT {count}"
    )


def close_told(spec: ObjectSpec) -> str:
    """Close what a whole image, or the end of the record, has answered; parameters: when, object,
    the origin of an end.
    """
    return (
        f"UPDATE {REREAD} AS r SET closed_at = %s, closed_by = c.batch, outcome = 'read' FROM {change_table(spec)} AS c "
        "WHERE r.object = %s AND r.closed_at IS NULL AND c.record_id = r.record_id AND c.change_order > r.change_order "
        "AND (c.change_type IN ('create', 'undelete', 'snapshot') OR c.change_origin = %s)"
    )


def close_whole(spec: ObjectSpec) -> str:
    """Close what asked for a record that is complete by now; parameters: when, object, the
    cause.
    """
    return (
        f"UPDATE {REREAD} AS r SET closed_at = %s, closed_by = c.batch, outcome = 'read' FROM {current_table(spec)} AS c "
        "WHERE r.object = %s AND r.closed_at IS NULL AND r.cause = %s AND c.record_id = r.record_id AND c.is_complete"
    )


def close_window() -> str:
    """Close what a window has answered; parameters: when, by what, object, the latest commit that
    it answers.
    """
    return (
        f"UPDATE {REREAD} SET closed_at = %s, closed_by = %s, outcome = 'read' "
        "WHERE object = %s AND closed_at IS NULL AND record_id IS NULL AND changed_at <= %s"
    )


def count_attempt() -> str:
    """One reading of the touched records was in vain; parameters: object, the latest commit that it
    answers.
    """
    return (
        f"UPDATE {REREAD} AS r SET attempts = r.attempts + 1 FROM {TOUCHED} AS t "
        "WHERE r.object = %s AND r.closed_at IS NULL AND r.record_id = t.record_id AND r.changed_at <= %s"
    )


def count_attempt_of_all() -> str:
    """As `count_attempt`, of every record of the object."""
    return (
        f"UPDATE {REREAD} SET attempts = attempts + 1 "
        "WHERE object = %s AND closed_at IS NULL AND record_id IS NOT NULL AND changed_at <= %s"
    )


def give_up() -> str:
    """Close what was read in vain too often; parameters: when, object, how often."""
    return (
        f"UPDATE {REREAD} SET closed_at = %s, outcome = 'given_up' "
        "WHERE object = %s AND closed_at IS NULL AND attempts >= %s"
    )


def resolve_quarantine() -> str:
    """Mark what is answered in quarantine, too; parameters: when, object."""
    return (
        f"UPDATE {QUARANTINE} AS q SET resolved_at = %s, resolved_by = r.closed_by FROM {REREAD} AS r "
        "WHERE r.object = %s AND r.outcome = 'read' AND q.batch = r.batch AND q.ordinal = r.ordinal AND q.resolved_at IS NULL"
    )
