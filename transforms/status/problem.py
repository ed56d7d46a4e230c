"""Makes one problem."""

from datetime import datetime

from schemas.status import Problem, Severity
from schemas.status_problems import PROBLEMS


def problem(
    code: str,
    text: str,
    remedy: str,
    *,
    subject: str = "",
    severity: Severity | None = None,
    since: datetime | None = None,
) -> Problem:
    """A problem with its code's own severity, unless a milder one is given."""
    return Problem(
        code=code,
        severity=severity or PROBLEMS[code].severity,
        subject=subject,
        text=text,
        remedy=remedy,
        since=since,
    )
