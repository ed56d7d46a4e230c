"""SQL of the rules that look at other records, `parent` and `unique`, in the part that PostgreSQL and Redshift share.

Every statement begins at the records that a batch touched, at open findings or at deleted parents: none reads a whole table.
"""

from collections.abc import Mapping, Sequence

from clients.warehouse.sql.apply import DEPARTED, QUALITY, REREAD, TOUCHED, current_table
from clients.warehouse.sql.quality import LATE
from schemas.catalogue import ObjectSpec
from schemas.quality import ParentState, Rule
from schemas.salesforce.record_ids import KEY_PREFIX_CHARACTERS
from schemas.tables import ID_SIZE, QUALITY_COLUMNS, RECORD_ID, Column, Kind, quoted
from transforms.repair import Cause

WANTED = "stage_wanted"
"""Temporary: records that changes of the group point to, each once."""
WANTED_COLUMNS: tuple[Column, ...] = (RECORD_ID, Column("object", Kind.TEXT, 255))
NOTED = "stage_noted"
"""Temporary: findings about two records, one row for a record and field."""
NOTED_COLUMNS: tuple[Column, ...] = QUALITY_COLUMNS

_SAME = "q.object = n.object AND q.record_id = n.record_id AND q.field = n.field AND q.rule = n.rule"
_OPEN = f"q.rule = '{Rule.PARENT}' AND q.resolved_at IS NULL"
_ASKED_FOR = (
    f"SELECT r.record_id FROM {REREAD} AS r "
    f"WHERE r.closed_at IS NULL AND r.cause = '{Cause.PARENT}' AND r.record_id IS NOT NULL"
)


def find_absent(parents: Sequence[ObjectSpec]) -> str:
    """Of the wanted records those that are not there, or deleted."""
    return " UNION ALL ".join(
        f"SELECT w.record_id FROM {WANTED} AS w LEFT JOIN {current_table(parent)} AS p "
        "ON p.record_id = w.record_id AND NOT p.is_deleted "
        f"WHERE w.object = '{parent.name}' AND p.record_id IS NULL"
        for parent in parents
    )


def find_present(ids: Mapping[str, Sequence[str]]) -> str:
    """The same question of a few records, said in the statement: those that are there and live.

    `ids`: the current table of each object -> ids of letters and digits alone, which the caller has checked.
    """
    return " UNION ALL ".join(
        f"SELECT p.record_id FROM {table} AS p WHERE NOT p.is_deleted AND p.record_id IN ({', '.join(map(_literal, some))})"
        for table, some in ids.items()
    )


def read_pointing(spec: ObjectSpec, names: Sequence[str]) -> str:
    """record_id, place and batch of the last change, and some references, of the touched records that live."""
    columns = "".join(f", c.{quoted(name)}" for name in names)
    return (
        f"SELECT c.record_id, c.last_change_order, c.batch{columns} FROM {current_table(spec)} AS c "
        f"JOIN {TOUCHED} AS t ON c.record_id = t.record_id WHERE NOT c.is_deleted"
    )


def open_notes_again() -> str:
    """Open what was resolved, and bring up to date what names another record by now; an acknowledgement ends with it."""
    taken = ("severity", "detail", "change_order", "batch", "last_seen_at", "target", "state")
    ended = (
        "resolved_at",
        "resolved_by",
        "acknowledged_at",
        "acknowledged_by",
        "acknowledged_reason",
    )
    sets = [*(f"{name} = n.{name}" for name in taken), *(f"{name} = NULL" for name in ended)]
    return (
        f"UPDATE {QUALITY} AS q SET {', '.join(sets)}, seen = q.seen + 1 FROM {NOTED} AS n "
        f"WHERE {_SAME} AND (q.resolved_at IS NOT NULL OR q.target <> n.target)"
    )


def insert_notes() -> str:
    """Add the findings that are not there; run it after `open_notes_again`."""
    names = [column.sql for column in NOTED_COLUMNS]
    return (
        f"INSERT INTO {QUALITY} ({', '.join(names)}) SELECT {', '.join(f'n.{name}' for name in names)} "
        f"FROM {NOTED} AS n LEFT JOIN {QUALITY} AS q ON {_SAME} WHERE q.object IS NULL"
    )


def resolve_left(spec: ObjectSpec) -> str:
    """Close what was said of touched records that were deleted, or point elsewhere; parameter: when."""
    return (
        f"UPDATE {QUALITY} AS q SET resolved_at = %s, resolved_by = c.batch FROM {TOUCHED} AS t, {current_table(spec)} AS c "
        f"WHERE q.object = '{spec.name}' AND {_OPEN} AND q.record_id = t.record_id AND c.record_id = t.record_id "
        f"AND (c.is_deleted OR COALESCE({_pointed(spec)}, '') <> q.target)"
    )


def find_awaited() -> str:
    """A row when a record waits for a touched one."""
    return f"SELECT q.record_id FROM {QUALITY} AS q JOIN {TOUCHED} AS t ON q.target = t.record_id WHERE {_OPEN} LIMIT 1"


def resolve_arrived(spec: ObjectSpec) -> str:
    """Close what waited for touched records of this object, which are there; parameter: when."""
    return (
        f"UPDATE {QUALITY} AS q SET resolved_at = %s, resolved_by = p.batch FROM {TOUCHED} AS t, {current_table(spec)} AS p "
        f"WHERE q.target = t.record_id AND {_OPEN} AND p.record_id = t.record_id AND NOT p.is_deleted"
    )


def find_shared(spec: ObjectSpec, name: str) -> str:
    """Of some records (`LATE`) those whose value another live record has in the same column, with one such record, place and batch of its last change."""
    column = quoted(name)
    return (
        f"SELECT c.record_id, MIN(o.record_id), MIN(c.last_change_order), MIN(c.batch) FROM {LATE} AS t JOIN {current_table(spec)} AS c ON c.record_id = t.record_id "
        f"JOIN {current_table(spec)} AS o ON o.{column} = c.{column} AND o.record_id <> c.record_id "
        "WHERE NOT c.is_deleted AND NOT o.is_deleted GROUP BY c.record_id"
    )


def find_open_shared(spec: ObjectSpec) -> str:
    """record_id, field of open findings of the rule `unique` about touched records, of either side."""
    is_open = f"q.object = '{spec.name}' AND q.rule = '{Rule.UNIQUE}' AND q.resolved_at IS NULL"
    return " UNION ".join(
        f"SELECT q.record_id, q.field FROM {QUALITY} AS q JOIN {TOUCHED} AS t ON q.{side} = t.record_id WHERE {is_open}"
        for side in ("record_id", "target")
    )


def count_waiting() -> str:
    """Objects with findings of the rule `parent` that are not decided, and how many."""
    return f"SELECT q.object, COUNT(*) FROM {QUALITY} AS q WHERE {_OPEN} AND q.state <> '{ParentState.ORPHAN}' GROUP BY q.object"


def resolve_found(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """Close what is open about records of `spec` whose parent is there by now; parameter: when."""
    return (
        f"UPDATE {QUALITY} AS q SET resolved_at = %s, resolved_by = p.batch FROM {current_table(parent)} AS p "
        f"WHERE {_of(spec, parent)} AND p.record_id = q.target AND NOT p.is_deleted"
    )


def find_missing(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """Parents that were never seen, a batch and the latest place of what points to them; parameter: noted until when."""
    return (
        f"SELECT q.target, MIN(q.batch), MAX(q.change_order) FROM {QUALITY} AS q LEFT JOIN {current_table(parent)} AS p "
        f"ON p.record_id = q.target WHERE {_due(spec, parent)} AND p.record_id IS NULL GROUP BY q.target"
    )


def find_left_behind(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """Records that point to a deleted parent, a batch and the latest place; parameter: noted until when."""
    return (
        f"SELECT q.record_id, MIN(q.batch), MAX(q.change_order) FROM {QUALITY} AS q JOIN {current_table(parent)} AS p "
        f"ON p.record_id = q.target WHERE {_due(spec, parent)} AND p.is_deleted GROUP BY q.record_id"
    )


def mark_asked(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """The org is asked about what is due; parameter: noted until when."""
    return f"UPDATE {QUALITY} AS q SET state = '{ParentState.ASKED}' WHERE {_due(spec, parent)}"


def mark_orphans(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """What was asked, and is answered, and has no parent; run it after `resolve_found`. Parameter: the detail."""
    return (
        f"UPDATE {QUALITY} AS q SET state = '{ParentState.ORPHAN}', detail = %s "
        f"WHERE {_of(spec, parent)} AND q.state = '{ParentState.ASKED}' "
        f"AND q.target NOT IN ({_ASKED_FOR}) AND q.record_id NOT IN ({_ASKED_FOR})"
    )


def find_departed() -> str:
    """Object, record and batch of every deleted record whose children were not looked for."""
    return f"SELECT object, record_id, batch FROM {DEPARTED} ORDER BY object, record_id"


def find_children(spec: ObjectSpec, name: str, parent: ObjectSpec) -> str:
    """record_id, place and batch of the last change, and the parent, of live records that point to a touched and deleted one."""
    column = quoted(name)
    return (
        f"SELECT c.record_id, c.last_change_order, c.batch, c.{column} FROM {TOUCHED} AS t "
        f"JOIN {current_table(parent)} AS p ON p.record_id = t.record_id JOIN {current_table(spec)} AS c ON c.{column} = t.record_id "
        "WHERE p.is_deleted AND NOT c.is_deleted"
    )


def forget_departed(count: int) -> str:
    """Take what was looked for off the list; parameters: the object, then `count` batches."""
    marks = ", ".join(["%s"] * count)
    return (
        f"DELETE FROM {DEPARTED} USING {TOUCHED} AS t WHERE departed.record_id = t.record_id "
        f"AND departed.object = %s AND departed.batch IN ({marks})"
    )


def _literal(record_id: str) -> str:
    return f"'{record_id}'"


def _pointed(spec: ObjectSpec) -> str:
    """What the finding's field of the row `c` points to; null for a field that is not looked at any more."""
    cases = [f"WHEN '{name}' THEN c.{quoted(spec.columns[name])}" for name in spec.pointers]
    return f"CASE q.field {' '.join(cases)} END" if cases else f"CAST(NULL AS VARCHAR({ID_SIZE}))"


def _of(spec: ObjectSpec, parent: ObjectSpec) -> str:
    begins = f"SUBSTRING(q.target, 1, {KEY_PREFIX_CHARACTERS}) = '{parent.key_prefix}'"
    return f"q.object = '{spec.name}' AND {_OPEN} AND {begins}"


def _due(spec: ObjectSpec, parent: ObjectSpec) -> str:
    return f"{_of(spec, parent)} AND q.state = '{ParentState.WAITS}' AND q.last_seen_at <= %s"
