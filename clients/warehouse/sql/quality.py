"""SQL of the quality table, in the part that PostgreSQL and Redshift share."""

from clients.warehouse.sql.apply import GROUPED, QUALITY, change_table
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import QUALITY_COLUMNS, RESOLUTION_COLUMNS
from schemas.quality import Severity
from schemas.tables import RECORD_ID, Column, Kind

FOUND = "stage_found"
"""Temporary: what a group of changes found, one row for a record, field and rule."""
FOUND_COLUMNS: tuple[Column, ...] = (*QUALITY_COLUMNS, *RESOLUTION_COLUMNS)
SETTLED = "stage_settled"
"""Temporary: open rows that a later change of the group has answered."""
SETTLED_COLUMNS: tuple[Column, ...] = (
    RECORD_ID,
    Column("field", Kind.TEXT, 255),
    Column("rule", Kind.TEXT, 64),
    Column("batch", Kind.TEXT, 255),
)
LATE = "stage_late"
"""Temporary: records with a finding of a change that is not their last one (record_id)."""

FOLDED = "stage_folded"
"""Temporary: records that were folded again (record_id)."""

_SAME = "quality.object = f.object AND quality.record_id = f.record_id AND quality.field = f.field AND quality.rule = f.rule"


def find_open_findings() -> str:
    """record_id, field, rule, change_order, severity of what is open of the group's records and of
    them alone; parameter: the object.
    """
    return (
        f"SELECT quality.record_id, quality.field, quality.rule, quality.change_order, quality.severity FROM {QUALITY} JOIN {GROUPED} AS t "
        f"ON quality.record_id = t.record_id AND quality.object = t.object WHERE quality.object = %s AND quality.resolved_at IS NULL AND quality.target IS NULL"
    )


def find_open_isolating() -> str:
    """record_id, field, rule of the open rows of the records that were folded again, as far as they
    say that a field is unknown; parameter: the object.
    """
    return (
        f"SELECT quality.record_id, quality.field, quality.rule FROM {QUALITY} JOIN {FOLDED} AS f ON quality.record_id = f.record_id "
        f"WHERE quality.object = %s AND quality.resolved_at IS NULL AND quality.severity = '{Severity.ISOLATE}'"
    )


def read_places(spec: ObjectSpec) -> str:
    """record_id, change_order, change_type, changed_fields, diff_fields of every logged change of
    the late records.
    """
    return (
        f"SELECT c.record_id, c.change_order, c.change_type, c.changed_fields, c.diff_fields "
        f"FROM {change_table(spec)} AS c JOIN {LATE} AS l ON c.record_id = l.record_id"
    )


def update_findings() -> str:
    """Bring the rows that are there up to date. A newer breach opens a row again, and takes its
    acknowledgement away.
    """
    is_newer = "f.change_order > quality.change_order"
    newer = [
        f"{name} = CASE WHEN {is_newer} THEN f.{name} ELSE quality.{name} END"
        for name in ("severity", "detail", "batch", "resolved_at", "resolved_by")
    ]
    opens = f"{is_newer} AND quality.resolved_at IS NOT NULL AND f.resolved_at IS NULL"
    forgotten = [
        f"{name} = CASE WHEN {opens} THEN NULL ELSE quality.{name} END"
        for name in ("acknowledged_at", "acknowledged_by", "acknowledged_reason")
    ]
    order = f"change_order = CASE WHEN {is_newer} THEN f.change_order ELSE quality.change_order END"
    seen = "last_seen_at = f.last_seen_at, seen = quality.seen + f.seen"
    return (
        f"UPDATE {QUALITY} SET {', '.join([*newer, *forgotten, order, seen])} FROM {FOUND} AS f WHERE {_SAME}"
    )


def reopen_findings() -> str:
    """Open the rows that are there and resolved; their field is unknown again. Run it before
    `insert_findings`.
    """
    same = [f"{name} = f.{name}" for name in ("severity", "detail", "batch", "change_order", "last_seen_at")]
    none = [f"{name} = NULL" for name in ("resolved_at", "resolved_by")]
    none += [f"acknowledged_{name} = NULL" for name in ("at", "by", "reason")]
    return f"UPDATE {QUALITY} SET {', '.join([*same, *none])} FROM {FOUND} AS f WHERE {_SAME}"


def insert_findings() -> str:
    """Add the rows that are not there; run it after `update_findings`."""
    names = [column.sql for column in FOUND_COLUMNS]
    return (
        f"INSERT INTO {QUALITY} ({', '.join(names)}) SELECT {', '.join(f'f.{name}' for name in names)} "
        f"FROM {FOUND} AS f LEFT JOIN {QUALITY} ON {_SAME} WHERE quality.object IS NULL"
    )


def find_unknown_fields() -> str:
    """object, field, last_seen_at of the fields that changes carried and the catalogue lacked;
    parameter: the rule.
    """
    return f"SELECT object, field, last_seen_at FROM {QUALITY} WHERE rule = %s AND resolved_at IS NULL"


def close_field() -> str:
    """Close what was said about a field as such; parameters: when, by what, the object, the field
    as changes call it, the rule.
    """
    return (
        f"UPDATE {QUALITY} SET resolved_at = %s, resolved_by = %s "
        "WHERE object = %s AND field = %s AND rule = %s AND record_id = '' AND resolved_at IS NULL"
    )


def settle_findings() -> str:
    """Close what a later change has answered; parameters: when, the object."""
    return (
        f"UPDATE {QUALITY} SET resolved_at = %s, resolved_by = s.batch FROM {SETTLED} AS s "
        "WHERE quality.object = %s AND quality.record_id = s.record_id AND quality.field = s.field AND quality.rule = s.rule "
        "AND quality.resolved_at IS NULL"
    )
