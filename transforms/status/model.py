"""Problems of the reporting model's builds, and of exports."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from schemas.status import Problem
from schemas.status_facts import LookFacts
from transforms.status.problem import problem

_PATIENCE: Final = timedelta(minutes=30)
"""Beyond two intervals: a run after a long pause has more to do."""
_PERIODS: Final = 2
_BUILD: Final = "tidegate model build"
_EXPORT: Final = "tidegate warehouse export OUT"


def model_problems(facts: LookFacts) -> Iterator[Problem]:
    """Those of a schedule that is wanted: the last build failed, or none succeeded for too long."""
    standing, interval = facts.model, facts.model_interval
    if standing is None or interval is None:
        return
    if standing.failed_at is not None:
        text = "the last build of the reporting model failed; its reports are those of the build before"
        yield problem("model.failed", text, _BUILD, since=standing.failed_at)
    since = standing.succeeded_at or standing.scheduled_at
    if since is None:
        yield problem("model.late", "no schedule builds the reporting model", _BUILD)
    elif facts.at - since > _PERIODS * interval + _PATIENCE:
        said = "no build of the reporting model has succeeded"
        text = said if standing.succeeded_at is None else f"{said} since {since:%Y-%m-%d %H:%M}"
        yield problem("model.late", text, _BUILD, since=since)


def export_problems(facts: LookFacts) -> Iterator[Problem]:
    """As `model_problems`, of exports."""
    standing, interval = facts.export, facts.export_interval
    if standing is None or interval is None:
        return
    if standing.failed_at is not None:
        text = "the last export of curated tables failed; some files are those of the export before"
        yield problem("export.failed", text, _EXPORT, since=standing.failed_at)
    since = standing.succeeded_at or standing.scheduled_at
    if since is None:
        yield problem("export.late", "no schedule exports curated tables", _EXPORT)
    elif facts.at - since > _PERIODS * interval + _PATIENCE:
        said = "no export of curated tables has succeeded"
        text = said if standing.succeeded_at is None else f"{said} since {since:%Y-%m-%d %H:%M}"
        yield problem("export.late", text, _EXPORT, since=since)
