"""SQL of the scorecards, in the part that PostgreSQL and Redshift share: counts by day, and the view over them."""

from collections.abc import Sequence
from datetime import date

from clients.warehouse.statements import QUALITY, QUALITY_DAY
from schemas.quality import ANY_FIELD, FITS, ISOLATING
from schemas.tables import OPS, QUALITY_DAY_COLUMNS
from transforms.scorecard import Score

SCORECARD = f"{OPS}.quality_scorecard"
_SAME = "d.day = n.day AND d.object = n.object AND d.field = n.field AND d.rule = n.rule"
_TREND_DAYS = 7


def add_counts(object_name: str, day: date, scores: Sequence[Score]) -> str:
    """Add to the counts that are there. A few rows are given in the statement: to stage them would cost more than all the rest."""
    return (
        f"UPDATE {QUALITY_DAY} AS d SET checked = d.checked + n.checked, failed = d.failed + n.failed "
        f"FROM ({_given(object_name, day, scores)}) AS n WHERE {_SAME}"
    )


def insert_counts(object_name: str, day: date, scores: Sequence[Score]) -> str:
    """Begin the counts that are not there; run it after `add_counts`, whose rows the join leaves out."""
    names = [column.sql for column in QUALITY_DAY_COLUMNS]
    return (
        f"INSERT INTO {QUALITY_DAY} ({', '.join(names)}) SELECT {', '.join(f'n.{name}' for name in names)} "
        f"FROM ({_given(object_name, day, scores)}) AS n LEFT JOIN {QUALITY_DAY} AS d ON {_SAME} WHERE d.object IS NULL"
    )


def _given(object_name: str, day: date, scores: Sequence[Score]) -> str:
    # Names of the catalogue, which are checked identifiers, and names of rules.
    return " UNION ALL ".join(
        f"SELECT CAST('{day:%Y-%m-%d}' AS DATE) AS day, CAST('{object_name}' AS VARCHAR(255)) AS object, "
        f"CAST('{each.field}' AS VARCHAR(255)) AS field, CAST('{each.rule}' AS VARCHAR(64)) AS rule, "
        f"{each.checked} AS checked, {each.failed} AS failed"
        for each in scores
    )


def views() -> list[str]:
    """The statements that make the views."""
    return [_scorecard()]


def _scorecard() -> str:
    """A row a day, object, field and rule.

    `percent` of the checked changes failed; `percent_before` is that of the seven days before; `failed_now` is what is open.
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
