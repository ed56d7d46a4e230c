"""The program director's ten questions, as SQL over the marts. Each metric has its one definition
there; here it is only summed up.
"""

from datetime import datetime
from typing import NamedTuple


class ReportQuestion(NamedTuple):
    """A question, and the query that answers it in a few rows."""

    title: str
    columns: tuple[str, ...]
    """Heads of the query's columns. The first is a text, the others are numbers or null; the last
    one is drawn as a bar.
    """
    query: str
    """`{model}` stands for the schema, `{now}` for the time: Redshift's compute nodes have no clock
    that PostgreSQL has, too.
    """
    note: str
    """How the number is defined."""
    hours: frozenset[int] = frozenset()
    """Places of columns that are hours."""


MOST_ROWS = 10
_PAID = "program || COALESCE(', ' || currency, '')"
"""Amounts of two currencies are never added."""
_MONTH = "TO_CHAR(due_day, 'YYYY-MM') || COALESCE(', ' || currency, '')"

QUESTIONS = (
    ReportQuestion(
        "How many cases are open?",
        ("Program", "Past their SLA", "Open"),
        "SELECT program, SUM(open_cases_past_sla), SUM(open_cases) FROM {model}.metric_open_cases "
        "GROUP BY program ORDER BY 3 DESC, 1",
        "Cases whose status leaves work. Deleted ones are left out.",
    ),
    ReportQuestion(
        "How old is the backlog?",
        ("Age", "Oldest, days", "Open"),
        "SELECT age_band, CAST(MAX(oldest_age_days) AS DOUBLE PRECISION), SUM(open_cases) "
        "FROM {model}.metric_backlog_age GROUP BY age_band ORDER BY age_band",
        "Days since an open case was opened.",
    ),
    ReportQuestion(
        "How long does a decision take?",
        ("Program", "Decided", "Nine of ten within", "Half within"),
        "SELECT program, SUM(decided_cases), CAST(MAX(p90_hours) AS DOUBLE PRECISION), "
        "CAST(MAX(median_hours) AS DOUBLE PRECISION) FROM {model}.metric_time_to_decision WHERE decided_month = "
        "(SELECT MAX(decided_month) FROM {model}.metric_time_to_decision) GROUP BY program ORDER BY 4 DESC, 1",
        "From opening to the first status that means decided or closed, in the newest month that has any.",
        frozenset({2, 3}),
    ),
    ReportQuestion(
        "Which programs break their SLA?",
        ("Program", "With an SLA", "Broken", "Percent"),
        "SELECT program, cases_with_sla, breaches, CAST(breach_percent AS DOUBLE PRECISION) "
        "FROM {model}.metric_sla_breaches ORDER BY 4 DESC, 1",
        "Decided after the SLA, or open and past it.",
    ),
    ReportQuestion(
        "How much do we pay?",
        ("Program and currency", "Payments", "Arrived", "Amount"),
        f"SELECT {_PAID}, SUM(payments), CAST(SUM(settled_amount) AS DOUBLE PRECISION), "
        "CAST(SUM(amount) AS DOUBLE PRECISION) FROM {model}.metric_payments_by_day "
        f"GROUP BY {_PAID} ORDER BY 4 DESC, 1",
        "Payments by their due day, all days; the amount that has arrived is that of settled ones.",
    ),
    ReportQuestion(
        "What is paid by month?",
        ("Month and currency", "Payments", "Amount"),
        f"SELECT {_MONTH}, SUM(payments), CAST(SUM(amount) AS DOUBLE PRECISION) "
        f"FROM {{model}}.metric_payments_by_day GROUP BY {_MONTH} ORDER BY 1 DESC",
        "Payments by the month of their due day, the newest first.",
    ),
    ReportQuestion(
        "Which payments come back or are held?",
        ("Program", "Held", "Returned"),
        "SELECT program, SUM(payments_on_hold), SUM(returned_payments) FROM {model}.metric_payments_by_day "
        "GROUP BY program ORDER BY 3 DESC, 1",
        "Held: on hold now. Returned: its status means that the money came back.",
    ),
    ReportQuestion(
        "Where do cases wait?",
        ("Status that they left", "Changes", "Mean time in it"),
        "SELECT status_before, COUNT(*), "
        "CAST(AVG(hours_in_status_before) AS DOUBLE PRECISION) FROM {model}.fact_case_event WHERE kind = 'changed' AND status_before IS NOT NULL "
        "GROUP BY status_before ORDER BY 3 DESC, 1",
        "Mean time from a case's event to its next one.",
        frozenset({2}),
    ),
    ReportQuestion(
        "Who carries the most open cases?",
        ("Owner", "Past their SLA", "Open"),
        "SELECT owner.record_id, SUM(CASE WHEN fact.sla_due_at < {now} THEN 1 ELSE 0 END), COUNT(*) "
        "FROM {model}.fact_case AS fact JOIN {model}.dim_user AS owner ON owner.user_key = fact.owner_key "
        "WHERE fact.is_open GROUP BY owner.record_id ORDER BY 3 DESC, 1",
        "Owner now: a user or a queue.",
    ),
    ReportQuestion(
        "What do citizens ask for?",
        ("Category", "Urgent", "Still open", "Requests"),
        "SELECT COALESCE(category, '(none)'), SUM(CASE WHEN is_urgent THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN is_open THEN 1 ELSE 0 END), COUNT(*) FROM {model}.fact_service_request "
        "WHERE NOT is_deleted GROUP BY COALESCE(category, '(none)') ORDER BY 4 DESC, 1",
        "Service requests that are there, by category.",
    ),
)


def answer(question: ReportQuestion, schema: str, now: datetime) -> str:
    """The query of a question, for the model in `schema`. `now`: with a zone."""
    time = f"CAST('{now.isoformat()}' AS TIMESTAMPTZ)"
    return f"{question.query} LIMIT {MOST_ROWS}".replace("{model}", schema).replace("{now}", time)


def last_build(schema: str) -> str:
    """When the last build that succeeded began; null: none was."""
    return f"SELECT MAX(started_at) FROM {schema}.model_builds"
