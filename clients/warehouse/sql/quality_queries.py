"""SQL with which people look at findings and scorecards and act on them, in the part that
PostgreSQL and Redshift share.
"""

from collections.abc import Sequence

from clients.warehouse.sql.apply import QUALITY, QUARANTINE, current_table
from clients.warehouse.sql.scorecard import SCORECARD
from schemas.catalogue import ObjectSpec
from schemas.tables import quoted

_CHOSEN = " AND ".join(
    f"(CAST(%s AS VARCHAR) = '' OR quality.{name} = %s)" for name in ("object", "rule", "field", "record_id")
)
"""Parameters: object, rule, field and record, each twice, empty for any."""
_OPEN = f"{_CHOSEN} AND quality.resolved_at IS NULL"
_ACKNOWLEDGED = "acknowledged_at = %s, acknowledged_by = %s, acknowledged_reason = %s"
_ANSWERABLE = " AND ".join(
    [
        *(f"(CAST(%s AS VARCHAR) = '' OR {name} = %s)" for name in ("reason", "object", "batch")),
        "resolved_at IS NULL",
    ]
)
_REFUSED = f"{_ANSWERABLE} AND acknowledged_at IS NULL"
DISCARDED = "discarded"
"""In `resolved_by` of a row that an operator has given up; other rows name a batch there."""
_FACTS = (
    "quality.object, quality.record_id, quality.field, quality.rule, quality.severity, quality.state, quality.target, quality.detail, quality.change_order, quality.batch, "
    "quality.first_seen_at, quality.last_seen_at, quality.seen, quality.resolved_at, quality.resolved_by, quality.acknowledged_at, quality.acknowledged_by, "
    "quality.acknowledged_reason"
)


def count_findings() -> str:
    """Open findings by object, field, rule, severity and state: how many, how many acknowledged,
    first and last seen, a detail.
    """
    return (
        "SELECT quality.object, quality.field, quality.rule, quality.severity, COALESCE(quality.state, ''), COUNT(*), "
        "SUM(CASE WHEN quality.acknowledged_at IS NULL THEN 0 ELSE 1 END), MIN(quality.first_seen_at), MAX(quality.last_seen_at), MAX(quality.detail) "
        f"FROM {QUALITY} WHERE {_OPEN} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    )


def list_waiting_findings(count: int) -> str:
    """The `count` findings seen last that are open and not acknowledged; parameters as of
    `_CHOSEN`.
    """
    return (
        f"SELECT {_FACTS} FROM {QUALITY} WHERE {_OPEN} AND quality.acknowledged_at IS NULL "
        f"ORDER BY quality.last_seen_at DESC, quality.object, quality.record_id, quality.field, quality.rule LIMIT {count}"
    )


def list_every_finding(count: int) -> str:
    """The same with those that are acknowledged or resolved."""
    return (
        f"SELECT {_FACTS} FROM {QUALITY} WHERE {_CHOSEN} "
        f"ORDER BY quality.last_seen_at DESC, quality.object, quality.record_id, quality.field, quality.rule LIMIT {count}"
    )


def acknowledge_findings() -> str:
    """Parameters: when, by whom, why; then as of `_CHOSEN`."""
    return f"UPDATE {QUALITY} SET {_ACKNOWLEDGED} WHERE {_OPEN} AND quality.acknowledged_at IS NULL"


def count_unacknowledged() -> str:
    """The number of findings for `acknowledge_findings`; parameters as of `_CHOSEN`."""
    return f"SELECT COUNT(*) FROM {QUALITY} WHERE {_OPEN} AND quality.acknowledged_at IS NULL"


def find_records_of_findings() -> str:
    """Object, record, a batch and the latest place, of records with open findings."""
    return (
        f"SELECT quality.object, quality.record_id, MIN(quality.batch), MAX(quality.change_order) FROM {QUALITY} "
        f"WHERE {_OPEN} AND quality.record_id <> '' GROUP BY quality.object, quality.record_id"
    )


def read_scorecard() -> str:
    """Object, field, rule, day, checked, failed, percent, percent_before, trend, failed_now;
    parameters: object twice, the first day.
    """
    return (
        'SELECT s.object, s.field, s.rule, s.day, s.checked, s.failed, s."percent", s."percent_before", s.trend, s.failed_now '
        f"FROM {SCORECARD} AS s WHERE (CAST(%s AS VARCHAR) = '' OR s.object = %s) AND s.day >= CAST(%s AS DATE) "
        "ORDER BY s.object, s.day DESC, s.field, s.rule"
    )


def count_isolated() -> str:
    """Object, fields and findings that leave a field unknown, orphans, other open findings: of what
    nobody has acknowledged.
    """
    is_lost = "quality.severity = 'isolate'"
    is_orphan = "quality.state = 'orphan'"
    return (
        f"SELECT quality.object, COUNT(DISTINCT CASE WHEN {is_lost} THEN quality.field END), SUM(CASE WHEN {is_lost} THEN 1 ELSE 0 END), "
        f"SUM(CASE WHEN {is_orphan} THEN 1 ELSE 0 END), SUM(CASE WHEN {is_lost} OR {is_orphan} THEN 0 ELSE 1 END) "
        f"FROM {QUALITY} WHERE quality.resolved_at IS NULL AND quality.acknowledged_at IS NULL GROUP BY quality.object ORDER BY quality.object"
    )


def acknowledge_quarantine() -> str:
    """Parameters: when, by whom, why; then reason, object and batch, each twice, empty for any."""
    return f"UPDATE {QUARANTINE} SET {_ACKNOWLEDGED} WHERE {_REFUSED}"


def count_unacknowledged_quarantine() -> str:
    """The number of rows for `acknowledge_quarantine`; parameters: reason, object and batch, each
    twice, empty for any.
    """
    return f"SELECT COUNT(*) FROM {QUARANTINE} WHERE {_REFUSED}"


def discard_quarantine() -> str:
    """Parameters: when, by whom, why, when; then reason, object and batch, each twice, empty for
    any.
    """
    return f"UPDATE {QUARANTINE} SET {_ACKNOWLEDGED}, resolved_at = %s, resolved_by = '{DISCARDED}' WHERE {_ANSWERABLE}"


def count_refused() -> str:
    """How many rows `discard_quarantine` is about, acknowledged ones too; parameters: reason,
    object and batch, each twice.
    """
    return f"SELECT COUNT(*) FROM {QUARANTINE} WHERE {_ANSWERABLE}"


def read_texts(spec: ObjectSpec, names: Sequence[str], count: int) -> str:
    """The columns of the `count` live records that were applied last."""
    chosen = ", ".join(f"c.{quoted(name)}" for name in names)
    return (
        f"SELECT {chosen} FROM {current_table(spec)} AS c WHERE NOT c.is_deleted "
        f"ORDER BY c.applied_at DESC LIMIT {count}"
    )
