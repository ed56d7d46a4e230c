"""Problems of the reporting model's builds, and of exports."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from schemas.status import Problem
from schemas.status_facts import LookFacts, ScheduleStanding
from transforms.status.problem import problem

_PATIENCE: Final = timedelta(minutes=30)
"""Beyond two intervals: a run after a long pause has more to do."""
_PERIODS: Final = 2
_BUILD: Final = "tidegate model build"
_EXPORT: Final = "tidegate warehouse export OUT"


def model_problems(facts: LookFacts) -> Iterator[Problem]:
    """Those of a schedule that is wanted: the last build failed, or none succeeded for too long."""
    words = _Words(
        "model.failed",
        "model.late",
        _BUILD,
        failed="the last build of the reporting model failed; its reports are those of the build before",
        unscheduled="no schedule builds the reporting model",
        late="no build of the reporting model has succeeded",
    )
    return _problems(facts.model, facts.model_interval, facts.at, words)


def export_problems(facts: LookFacts) -> Iterator[Problem]:
    """As `model_problems`, of exports."""
    words = _Words(
        "export.failed",
        "export.late",
        _EXPORT,
        failed="the last export of curated tables failed; some files are those of the export before",
        unscheduled="no schedule exports curated tables",
        late="no export of curated tables has succeeded",
    )
    return _problems(facts.export, facts.export_interval, facts.at, words)


class _Words(NamedTuple):
    """How a schedule's problems are worded."""

    failed_code: str
    late_code: str
    command: str
    """Runs it by hand."""
    failed: str
    unscheduled: str
    late: str


def _problems(
    standing: ScheduleStanding | None, interval: timedelta | None, at: datetime, words: _Words
) -> Iterator[Problem]:
    """Problems of one schedule.

    Args:
        standing: As Temporal has it; None = not known.
        interval: Between two runs; None = none is wanted.
        at: The time of the look.
        words: Of this schedule.
    """
    if standing is None or interval is None:
        return
    if standing.failed_at is not None:
        yield problem(words.failed_code, words.failed, words.command, since=standing.failed_at)
    since = standing.succeeded_at or standing.scheduled_at
    if since is None:
        yield problem(words.late_code, words.unscheduled, words.command)
    elif at - since > _PERIODS * interval + _PATIENCE:
        text = words.late if standing.succeeded_at is None else f"{words.late} since {since:%Y-%m-%d %H:%M}"
        yield problem(words.late_code, text, words.command, since=since)
