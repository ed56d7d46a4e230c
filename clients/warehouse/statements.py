"""The fold's SQL: statements that PostgreSQL and Redshift both understand.

Only what both have: MERGE with one WHEN MATCHED and no condition, UPDATE … FROM, DELETE … USING. Names come from the
catalogue, whose table and column names are checked identifiers. A test parses every statement with sqlglot's Redshift
dialect, and another runs it on PostgreSQL.
"""

from collections.abc import Sequence

from schemas.catalogue import ObjectSpec
from schemas.tables import (
    AUDIT,
    BITS_PER_MASK,
    CURATED,
    LEDGER_COLUMNS,
    OPS,
    QUARANTINE_COLUMNS,
    RECORD_ID,
    REREAD_COLUMNS,
    RESOLUTION_COLUMNS,
    Column,
    change_columns,
    current_columns,
    field_columns,
    history_columns,
    mask_names,
)

TOUCHED = "stage_touched"
"""Temporary: the records of the group (record_id)."""
SUSPECT = "stage_suspect"
"""Temporary: records with a change that is not later than what was applied (record_id)."""
REBUILT = "stage_rebuilt"
"""Temporary: records to fold anew (record_id)."""
RECORD_LIST: tuple[Column, ...] = (RECORD_ID,)


def net_stage(spec: ObjectSpec, what: str) -> str:
    """Temporary table of net rows: `what` is `latest` (one a record) or `versions` (one a change)."""
    return f"stage_{spec.table}_{what}"


def change_table(spec: ObjectSpec) -> str:
    return f"{AUDIT}.{spec.table}_change"


def current_table(spec: ObjectSpec) -> str:
    return f"{CURATED}.{spec.table}_current"


def history_table(spec: ObjectSpec) -> str:
    return f"{CURATED}.{spec.table}_history"


LEDGER = f"{OPS}.ledger"
QUARANTINE = f"{OPS}.quarantine"
REREAD = f"{OPS}.reread"

TABLES_OF_OPS: dict[str, tuple[Column, ...]] = {
    LEDGER: LEDGER_COLUMNS,
    QUARANTINE: (*QUARANTINE_COLUMNS, *RESOLUTION_COLUMNS),
    REREAD: REREAD_COLUMNS,
}


def tables_of(spec: ObjectSpec) -> dict[str, tuple[Column, ...]]:
    """The object's permanent tables and their columns."""
    tables = {change_table(spec): change_columns(spec), current_table(spec): current_columns(spec)}
    if spec.history:
        tables[history_table(spec)] = history_columns(spec)
    return tables


def find_last_orders(spec: ObjectSpec) -> str:
    """record_id, the order of the last change applied, the version: for the touched records that exist."""
    return (
        f"SELECT c.record_id, c.last_change_order FROM {current_table(spec)} AS c "
        f"JOIN {TOUCHED} AS t ON c.record_id = t.record_id"
    )


def find_logged_orders(spec: ObjectSpec) -> str:
    """record_id, change_order of every logged change of the suspect records."""
    return (
        f"SELECT c.record_id, c.change_order FROM {change_table(spec)} AS c "
        f"JOIN {SUSPECT} AS s ON c.record_id = s.record_id"
    )


def read_changes(spec: ObjectSpec) -> str:
    """Every logged change of the records to rebuild, in the columns of `LoggedChange`."""
    head = [
        "record_id",
        "change_order",
        "change_type",
        "changed_at",
        "changed_fields",
        "diff_fields",
        "batch",
        "applied_at",
    ]
    names = ", ".join(f"c.{name}" for name in [*head, *(column.sql for column in field_columns(spec))])
    return f"SELECT {names} FROM {change_table(spec)} AS c JOIN {REBUILT} AS r ON c.record_id = r.record_id"


def close_versions(spec: ObjectSpec) -> str:
    """End the open version of each record of the group where the group's first change begins."""
    return (
        f"UPDATE {history_table(spec)} AS h SET valid_to = n.changed_at, is_current = FALSE "
        f"FROM {net_stage(spec, 'versions')} AS n "
        f"WHERE h.record_id = n.record_id AND h.is_current AND n.version_step = 1"
    )


def open_versions(spec: ObjectSpec) -> str:
    """One version a change: the row as it was before the group, with what the changes up to it set."""
    expressions = {
        "record_id": "n.record_id",
        **{column.sql: _merged(spec, column, place, "c") for place, column in enumerate(field_columns(spec))},
        **_merged_state("c"),
        "valid_from": "n.changed_at",
        "valid_to": "n.valid_to",
        "is_current": "n.is_current",
        **{name: f"n.{name}" for name in ("change_order", "changed_at", "applied_at", "batch")},
    }
    names = [column.sql for column in history_columns(spec)]
    return (
        f"INSERT INTO {history_table(spec)} ({', '.join(names)}) "
        f"SELECT {', '.join(expressions[name] for name in names)} "
        f"FROM {net_stage(spec, 'versions')} AS n LEFT JOIN {current_table(spec)} AS c ON c.record_id = n.record_id"
    )


def merge_current(spec: ObjectSpec) -> str:
    """Bring the latest state of each record of the group up to date; run it after `open_versions`."""
    target = f"{spec.table}_current"
    names = [column.sql for column in current_columns(spec)]
    stamps = {"last_change_order": "n.change_order"} | {
        n: f"n.{n}" for n in ("changed_at", "applied_at", "batch")
    }
    fields = field_columns(spec)
    update = {
        **{column.sql: _merged(spec, column, place, target) for place, column in enumerate(fields)},
        **_merged_state(target),
        **stamps,
    }
    insert = {
        "record_id": "n.record_id",
        **{column.sql: f"n.{column.sql}" for column in fields},
        "is_deleted": "n.is_deleted",
        "is_complete": "n.is_complete",
        "version": "n.version_step",
        **stamps,
    }
    return (
        f"MERGE INTO {current_table(spec)} USING {net_stage(spec, 'latest')} AS n "
        f"ON {target}.record_id = n.record_id "
        f"WHEN MATCHED THEN UPDATE SET {', '.join(f'{name} = {value}' for name, value in update.items())} "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) VALUES ({', '.join(insert[name] for name in names)})"
    )


def delete_rebuilt(table: str) -> str:
    """Remove the records to rebuild from a curated table; their new rows are loaded in the same transaction."""
    bare = table.partition(".")[2]
    return f"DELETE FROM {table} USING {REBUILT} AS r WHERE {bare}.record_id = r.record_id"


def find_applied_batches(count: int) -> str:
    """Which of `count` batches the ledger already has for an object; parameters: object, then the batches."""
    facts = "batch, object, landed, applied, duplicate, quarantined, rebuilt, last_changed_at"
    return f"SELECT {facts} FROM {LEDGER} WHERE object = %s AND batch IN ({', '.join(['%s'] * count)})"


def count_recent_changes() -> str:
    """Changes by object and lane since a time; parameter: the time."""
    return (
        f"SELECT object, lane, SUM(applied) FROM {LEDGER} WHERE last_received_at >= %s GROUP BY object, lane"
    )


def count_changes_by_hour() -> str:
    """Changes by object, lane and hour since a time: new ones, and all that were received; parameter: the time.

    An hour is given as the seconds since the epoch at which it begins.
    """
    hour = "DATE_TRUNC('hour', last_received_at)"
    return (
        f"SELECT object, lane, CAST(EXTRACT(EPOCH FROM {hour}) AS BIGINT), SUM(applied), SUM(landed) "
        f"FROM {LEDGER} WHERE last_received_at >= %s GROUP BY object, lane, {hour}"
    )


def find_ledger_beginning() -> str:
    """When the first change of all was received; null in an empty ledger."""
    return f"SELECT MIN(first_received_at) FROM {LEDGER}"


def find_newest_change() -> str:
    """Commit time of the newest applied change of a lane; parameter: the lane."""
    return f"SELECT MAX(last_changed_at) FROM {LEDGER} WHERE lane = %s"


def find_newest_past_change() -> str:
    """As `find_newest_change`, without batches that hold a commit time which had not come yet; parameter: the lane."""
    return f"SELECT MAX(last_changed_at) FROM {LEDGER} WHERE lane = %s AND last_changed_at <= committed_at"


def find_incomplete(spec: ObjectSpec) -> str:
    """record_id, place, time and batch of the last change: of the touched records that are not complete."""
    return (
        f"SELECT c.record_id, c.last_change_order, c.changed_at, c.batch FROM {current_table(spec)} AS c "
        f"JOIN {TOUCHED} AS t ON c.record_id = t.record_id WHERE NOT c.is_complete"
    )


def count_open_rereads() -> str:
    """What is to be read: object, cause, records, earliest and latest commit, beginning of the window, first asked."""
    return (
        "SELECT object, cause, COUNT(DISTINCT record_id), MIN(changed_at), MAX(changed_at), MIN(since_at), "
        "SUM(CASE WHEN record_id IS NULL AND since_at IS NULL THEN 1 ELSE 0 END), MAX(attempts), MIN(asked_at) "
        f"FROM {REREAD} WHERE closed_at IS NULL GROUP BY object, cause"
    )


def find_open_records(count: int) -> str:
    """Up to `count` records to read, each once, with the latest commit; parameters: object, a cause, asked by when for that cause."""
    return (
        f"SELECT record_id, MAX(changed_at) FROM {REREAD} WHERE object = %s AND closed_at IS NULL AND record_id IS NOT NULL "
        "AND (cause <> %s OR asked_at <= %s) GROUP BY record_id ORDER BY MIN(asked_at), record_id "
        f"LIMIT {count}"
    )


def close_told(spec: ObjectSpec) -> str:
    """Close what a whole image, or the end of the record, has answered; parameters: when, object, the origin of an end."""
    return (
        f"UPDATE {REREAD} AS r SET closed_at = %s, closed_by = c.batch, outcome = 'read' FROM {change_table(spec)} AS c "
        "WHERE r.object = %s AND r.closed_at IS NULL AND c.record_id = r.record_id AND c.change_order > r.change_order "
        "AND (c.change_type IN ('create', 'undelete', 'snapshot') OR c.change_origin = %s)"
    )


def close_whole(spec: ObjectSpec) -> str:
    """Close what asked for a record that is complete by now; parameters: when, object, the cause."""
    return (
        f"UPDATE {REREAD} AS r SET closed_at = %s, closed_by = c.batch, outcome = 'read' FROM {current_table(spec)} AS c "
        "WHERE r.object = %s AND r.closed_at IS NULL AND r.cause = %s AND c.record_id = r.record_id AND c.is_complete"
    )


def close_window() -> str:
    """Close what a window has answered; parameters: when, by what, object, the latest commit that it answers."""
    return (
        f"UPDATE {REREAD} SET closed_at = %s, closed_by = %s, outcome = 'read' "
        "WHERE object = %s AND closed_at IS NULL AND record_id IS NULL AND changed_at <= %s"
    )


def count_attempt() -> str:
    """One reading of the touched records was in vain; parameters: object, the latest commit that it answers."""
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


def find_batch_beginning() -> str:
    """The first commit and receipt times of an applied batch, null before; parameter: the batch."""
    return f"SELECT MIN(first_changed_at), MIN(first_received_at) FROM {LEDGER} WHERE batch = %s"


def insert_row(table: str, columns: Sequence[Column]) -> str:
    """Insert one row given as parameters."""
    names = ", ".join(column.sql for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns))})"


def _merged(spec: ObjectSpec, column: Column, place: int, before: str) -> str:
    mask = mask_names(spec)[place // BITS_PER_MASK]
    bit = 1 << (place % BITS_PER_MASK)
    return f"CASE WHEN (n.{mask} & {bit}) <> 0 THEN n.{column.sql} ELSE {before}.{column.sql} END"


def _merged_state(before: str) -> dict[str, str]:
    return {
        "is_deleted": f"CASE WHEN n.sets_deleted THEN n.is_deleted ELSE COALESCE({before}.is_deleted, FALSE) END",
        "is_complete": f"n.is_complete OR COALESCE({before}.is_complete, FALSE)",
        "version": f"COALESCE({before}.version, 0) + n.version_step",
    }
