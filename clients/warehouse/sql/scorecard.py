"""SQL of the scorecards, in the part that PostgreSQL and Redshift share: counts by day, and the
view over them.
"""

from collections.abc import Sequence
from datetime import date

from clients.warehouse.sql.apply import QUALITY, QUALITY_DAY
from schemas.ops_tables import QUALITY_DAY_COLUMNS
from schemas.quality import ANY_FIELD, FITS, ISOLATING
from schemas.tables import OPS
from transforms.quality.scorecard import RuleCount

SCORECARD = f"{OPS}.quality_scorecard"
_TREND_DAYS = 7


def find_counts(object_name: str, day: date) -> str:
    """Field and rule of the counts that are there."""
    return f"SELECT quality_day.field, quality_day.rule FROM {QUALITY_DAY} WHERE {_of(object_name, day)}"


def add_counts(object_name: str, day: date, scores: Sequence[RuleCount]) -> str:
    """Add to counts that are there. A few rows are said in the statement: to stage them, or to join
    them, costs several times as much.
    """
    checked, failed = (
        " ".join(f"WHEN {_key(each)} THEN {getattr(each, name)}" for each in scores)
        for name in ("checked", "failed")
    )
    return (
        f"UPDATE {QUALITY_DAY} SET checked = quality_day.checked + CASE {checked} ELSE 0 END, "
        f"failed = quality_day.failed + CASE {failed} ELSE 0 END "
        f"WHERE {_of(object_name, day)} AND ({' OR '.join(f'({_key(each)})' for each in scores)})"
    )


def insert_counts(object_name: str, day: date, scores: Sequence[RuleCount]) -> str:
    """Begin counts that are not there."""
    names = ", ".join(column.sql for column in QUALITY_DAY_COLUMNS)
    rows = ", ".join(
        f"('{day:%Y-%m-%d}', '{object_name}', '{each.field}', '{each.rule}', {each.checked}, {each.failed})"
        for each in scores
    )
    return f"INSERT INTO {QUALITY_DAY} ({names}) VALUES {rows}"


def _of(object_name: str, day: date) -> str:
    # Names of the catalogue, which are checked identifiers.
    return f"quality_day.day = CAST('{day:%Y-%m-%d}' AS DATE) AND quality_day.object = '{object_name}'"


def _key(score: RuleCount) -> str:
    return f"quality_day.field = '{score.field}' AND quality_day.rule = '{score.rule}'"


def views() -> dict[str, str]:
    """View -> the statement that makes it."""
    return {SCORECARD: _scorecard()}


def _scorecard() -> str:
    """A row a day, object, field and rule.

    `percent` of the checked changes failed; `percent_before` is that of the seven days before;
    `failed_now` is what is open.
    """
    isolating = ", ".join(f"'{rule}'" for rule in sorted(ISOLATING))
    is_fits = f"q.rule IN ({isolating})"
    now = (
        f"SELECT q.object AS object, CASE WHEN {is_fits} THEN '{ANY_FIELD}' ELSE q.field END AS field, "
        f"CASE WHEN {is_fits} THEN '{FITS}' ELSE q.rule END AS rule, COUNT(*) AS failed_now "
        f"FROM {QUALITY} AS q WHERE q.resolved_at IS NULL GROUP BY 1, 2, 3"
    )
    before = (
        "SELECT d.day AS day, d.object AS object, d.field AS field, d.rule AS rule, "
        "SUM(b.checked) AS checked, SUM(b.failed) AS failed "
        f"FROM {QUALITY_DAY} AS d JOIN {QUALITY_DAY} AS b ON b.object = d.object AND b.field = d.field AND b.rule = d.rule "
        f"AND b.day < d.day AND b.day >= d.day - {_TREND_DAYS} GROUP BY d.day, d.object, d.field, d.rule"
    )
    return (
        f"CREATE OR REPLACE VIEW {SCORECARD} AS SELECT d.object AS object, d.field AS field, d.rule AS rule, d.day AS day, "
        f'd.checked AS checked, d.failed AS failed, {_percent("d")} AS "percent", {_percent("b")} AS "percent_before", '
        f"{_percent('d')} - {_percent('b')} AS trend, COALESCE(o.failed_now, 0) AS failed_now FROM {QUALITY_DAY} AS d "
        f"LEFT JOIN ({before}) AS b ON b.day = d.day AND b.object = d.object AND b.field = d.field AND b.rule = d.rule "
        f"LEFT JOIN ({now}) AS o ON o.object = d.object AND o.field = d.field AND o.rule = d.rule"
    )


def _percent(of: str) -> str:
    return f"CAST(CASE WHEN {of}.checked > 0 THEN 100.0 * {of}.failed / {of}.checked END AS DOUBLE PRECISION)"
