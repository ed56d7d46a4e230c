"""SQL of the findings about two records, of the rules `parent` and `unique`, in the part that
PostgreSQL and Redshift share.

Every statement begins at open findings or at touched records. `clients.warehouse.sql.slices` asks
the change log.
"""

from clients.warehouse.sql.apply import QUALITY, REREAD, TOUCHED, current_table
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import QUALITY_COLUMNS
from schemas.quality import ParentState, Rule
from schemas.salesforce.record_ids import KEY_PREFIX_CHARACTERS
from schemas.tables import ID_SIZE, Column, quoted
from transforms.repair import Cause

NOTED = "stage_noted"
"""Temporary: findings about two records, one row for a record and field."""
NOTED_COLUMNS: tuple[Column, ...] = QUALITY_COLUMNS

_SAME = "quality.object = n.object AND quality.record_id = n.record_id AND quality.field = n.field AND quality.rule = n.rule"
_OPEN = f"quality.rule = '{Rule.PARENT}' AND quality.resolved_at IS NULL"


def open_notes_again() -> str:
    """Open what was resolved, and bring up to date what names another record by now; an
    acknowledgement ends with it.
    """
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
        f"UPDATE {QUALITY} SET {', '.join(sets)}, seen = quality.seen + 1 FROM {NOTED} AS n "
        f"WHERE {_SAME} AND (quality.resolved_at IS NOT NULL OR quality.target <> n.target)"
    )


def count_new_notes() -> str:
    """field, how many of the staged findings are not open; run it before `open_notes_again`."""
    return (
        f"SELECT n.field, COUNT(*) FROM {NOTED} AS n LEFT JOIN {QUALITY} ON {_SAME} "
        "AND quality.resolved_at IS NULL WHERE quality.object IS NULL GROUP BY n.field"
    )


def insert_notes() -> str:
    """Add the findings that are not there; run it after `open_notes_again`."""
    names = [column.sql for column in NOTED_COLUMNS]
    return (
        f"INSERT INTO {QUALITY} ({', '.join(names)}) SELECT {', '.join(f'n.{name}' for name in names)} "
        f"FROM {NOTED} AS n LEFT JOIN {QUALITY} ON {_SAME} WHERE quality.object IS NULL"
    )


def resolve_left(spec: ObjectSpec) -> str:
    """Close findings of touched records that were deleted, or point elsewhere; parameter: when."""
    return (
        f"UPDATE {QUALITY} SET resolved_at = %s, resolved_by = c.batch FROM {TOUCHED} AS t, {current_table(spec)} AS c "
        f"WHERE quality.object = '{spec.name}' AND {_OPEN} AND quality.record_id = t.record_id AND c.record_id = t.record_id "
        f"AND (c.is_deleted OR COALESCE({_pointed(spec)}, '') <> quality.target)"
    )


def find_awaited(spec: ObjectSpec) -> str:
    """A row when a record waits for one of the object."""
    begins = f"SUBSTRING(quality.target, 1, {KEY_PREFIX_CHARACTERS}) = '{spec.key_prefix}'"
    return f"SELECT quality.record_id FROM {QUALITY} WHERE quality.resolved_at IS NULL AND quality.target IS NOT NULL AND {begins} LIMIT 1"


def resolve_arrived(spec: ObjectSpec) -> str:
    """Close what waited for touched records of this object, which are there; parameter: when."""
    return (
        f"UPDATE {QUALITY} SET resolved_at = %s, resolved_by = p.batch FROM {TOUCHED} AS t, {current_table(spec)} AS p "
        f"WHERE quality.target = t.record_id AND {_OPEN} AND p.record_id = t.record_id AND NOT p.is_deleted"
    )


def find_open(spec: ObjectSpec, rule: Rule) -> str:
    """A row when a finding of the rule, `parent` or `unique`, is open about a record of the
    object.
    """
    is_open = "quality.resolved_at IS NULL AND quality.target IS NOT NULL"
    return f"SELECT quality.record_id FROM {QUALITY} WHERE quality.object = '{spec.name}' AND quality.rule = '{rule}' AND {is_open} LIMIT 1"


def find_open_rules() -> str:
    """object, rule, field, each once, of the open findings about two records."""
    return f"SELECT DISTINCT quality.object, quality.rule, quality.field FROM {QUALITY} WHERE quality.resolved_at IS NULL AND quality.target IS NOT NULL"


def resolve_rule() -> str:
    """Close the open findings of a rule that is asked no more; parameters: when, by what, the
    object, the rule, the field.
    """
    return (
        f"UPDATE {QUALITY} SET resolved_at = %s, resolved_by = %s "
        "WHERE object = %s AND rule = %s AND field = %s AND resolved_at IS NULL AND target IS NOT NULL"
    )


def find_open_shared(spec: ObjectSpec) -> str:
    """record_id, field of open findings of the rule `unique` about touched records, of either
    side.
    """
    is_open = (
        f"quality.object = '{spec.name}' AND quality.rule = '{Rule.UNIQUE}' AND quality.resolved_at IS NULL"
    )
    return " UNION ".join(
        f"SELECT quality.record_id, quality.field FROM {QUALITY} JOIN {TOUCHED} AS t ON quality.{side} = t.record_id WHERE {is_open}"
        for side in ("record_id", "target")
    )


def count_waiting() -> str:
    """Objects with findings of the rule `parent` that are not decided, and how many."""
    return f"SELECT quality.object, COUNT(*) FROM {QUALITY} WHERE {_OPEN} AND quality.state <> '{ParentState.ORPHAN}' GROUP BY quality.object"


def resolve_found(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """Close what is undecided about records of `spec` whose parent is there by now; parameter:
    when.
    """
    return (
        f"UPDATE {QUALITY} SET resolved_at = %s, resolved_by = p.batch FROM {current_table(parent)} AS p "
        f"WHERE {_of(spec, parent)} AND quality.state <> '{ParentState.ORPHAN}' AND p.record_id = quality.target AND NOT p.is_deleted"
    )


def find_missing(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """Parents that were never seen, a batch and the latest place of what points to them; parameter:
    noted until when.
    """
    return (
        f"SELECT quality.target, MIN(quality.batch), MAX(quality.change_order) FROM {QUALITY} LEFT JOIN {current_table(parent)} AS p "
        f"ON p.record_id = quality.target WHERE {_due(spec, parent)} AND p.record_id IS NULL GROUP BY quality.target"
    )


def find_left_behind(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """Records that point to a deleted parent, a batch and the latest place; parameter: noted until
    when.
    """
    return (
        f"SELECT quality.record_id, MIN(quality.batch), MAX(quality.change_order) FROM {QUALITY} JOIN {current_table(parent)} AS p "
        f"ON p.record_id = quality.target WHERE {_due(spec, parent)} AND p.is_deleted GROUP BY quality.record_id"
    )


def mark_asked(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """The org is asked about what is due; parameter: noted until when."""
    return f"UPDATE {QUALITY} SET state = '{ParentState.ASKED}' WHERE {_due(spec, parent)}"


def mark_orphans(spec: ObjectSpec, parent: ObjectSpec) -> str:
    """Requests that are answered and have no parent; run it after `resolve_found`. Parameter: the
    detail.
    """
    return (
        f"UPDATE {QUALITY} SET state = '{ParentState.ORPHAN}', detail = %s "
        f"WHERE {_of(spec, parent)} AND quality.state = '{ParentState.ASKED}' "
        f"AND NOT EXISTS ({_asked_for('quality.target')}) AND NOT EXISTS ({_asked_for('quality.record_id')})"
    )


def _asked_for(column: str) -> str:
    """The org was asked for the record for the sake of a child, and has not answered."""
    return f"SELECT 1 FROM {REREAD} AS r WHERE r.closed_at IS NULL AND r.cause = '{Cause.PARENT}' AND r.record_id = {column}"


def _pointed(spec: ObjectSpec) -> str:
    """The target of the finding's field of the row `c`; null for a field that is not checked any
    more.
    """
    cases = [f"WHEN '{name}' THEN c.{quoted(spec.columns[name])}" for name in spec.pointers]
    return f"CASE quality.field {' '.join(cases)} END" if cases else f"CAST(NULL AS VARCHAR({ID_SIZE}))"


def _of(spec: ObjectSpec, parent: ObjectSpec) -> str:
    begins = f"SUBSTRING(quality.target, 1, {KEY_PREFIX_CHARACTERS}) = '{parent.key_prefix}'"
    return f"quality.object = '{spec.name}' AND {_OPEN} AND {begins}"


def _due(spec: ObjectSpec, parent: ObjectSpec) -> str:
    return f"{_of(spec, parent)} AND quality.state = '{ParentState.WAITS}' AND quality.last_seen_at <= %s"
