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
    cause, asked by when for that cause, or after when.
    """
    return (
        f"SELECT record_id, MAX(changed_at) FROM {REREAD} WHERE object = %s AND closed_at IS NULL AND record_id IS NOT NULL "
        "AND (cause <> %s OR asked_at <= %s OR asked_at > %s) GROUP BY record_id ORDER BY MIN(asked_at), record_id "
        f"LIMIT {count}"
    )


def find_oldest_open() -> str:
    """Commit time of the oldest change that is on the list for one of its records; null when none
    is. Parameter: the object.
    """
    return f"SELECT MIN(changed_at) FROM {REREAD} WHERE object = %s AND closed_at IS NULL AND record_id IS NOT NULL"


def close_told(spec: ObjectSpec) -> str:
    """Close what a whole image, or the end of the record, has answered.

    Parameters: when, applied since when, object, the origin of an end, object. Several changes may
    answer one row, so they are aggregated first: an UPDATE that matches a row twice is an error on
    Redshift where `error_on_nondeterministic_update` is on.
    """
    told = (
        f"SELECT w.record_id AS record_id, w.change_order AS change_order, MIN(c.batch) AS batch FROM {REREAD} AS w "
        f"JOIN {change_table(spec)} AS c ON c.record_id = w.record_id AND c.change_order > w.change_order "
        "WHERE c.applied_at >= %s AND w.object = %s AND w.closed_at IS NULL "
        "AND (c.change_type IN ('create', 'undelete', 'snapshot') OR c.change_origin = %s) "
        "GROUP BY w.record_id, w.change_order"
    )
    return (
        f"UPDATE {REREAD} SET closed_at = %s, closed_by = told.batch, outcome = 'read' FROM ({told}) AS told "
        "WHERE reread.object = %s AND reread.closed_at IS NULL "
        "AND reread.record_id = told.record_id AND reread.change_order = told.change_order"
    )


def close_whole(spec: ObjectSpec) -> str:
    """Close what asked for a record that is complete by now; parameters: when, object, the
    cause.
    """
    return (
        f"UPDATE {REREAD} SET closed_at = %s, closed_by = c.batch, outcome = 'read' FROM {current_table(spec)} AS c "
        "WHERE reread.object = %s AND reread.closed_at IS NULL AND reread.cause = %s "
        "AND c.record_id = reread.record_id AND c.is_complete"
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
        f"UPDATE {REREAD} SET attempts = reread.attempts + 1 FROM {TOUCHED} AS t "
        "WHERE reread.object = %s AND reread.closed_at IS NULL AND reread.record_id = t.record_id "
        "AND reread.changed_at <= %s"
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
    # A change may be on the list more than once: replays and repairs ask again.
    answered = (
        f"SELECT r.batch AS batch, r.ordinal AS ordinal, MIN(r.closed_by) AS closed_by FROM {REREAD} AS r "
        "WHERE r.object = %s AND r.outcome = 'read' GROUP BY r.batch, r.ordinal"
    )
    return (
        f"UPDATE {QUARANTINE} SET resolved_at = %s, resolved_by = answered.closed_by FROM ({answered}) AS answered "
        "WHERE quarantine.batch = answered.batch AND quarantine.ordinal = answered.ordinal "
        "AND quarantine.resolved_at IS NULL"
    )
