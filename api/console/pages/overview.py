"""The overview: problems first, then lanes, objects, writebacks, budgets, processes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import Asked, ask, ask_thread
from schemas.status import FRESHNESS_TARGET, WRITEBACK_TARGET, EngineStatus, Problem, Severity

RETENTION_HOURS = 72
"""The org's event bus keeps changes for so long."""


async def overview(visit: Visit) -> View:
    """Everything at a glance. Each part is asked for by itself."""
    parts = visit.parts
    look, standings, latencies, pauses = await asyncio.gather(
        ask("the engine's status", parts.look.recent()),
        ask_thread("writebacks", parts.looks.standings),
        ask_thread("writebacks of the last hour", parts.looks.latencies),
        ask_thread("pauses", parts.looks.pauses),
    )
    status = None if look.value is None else look.value.status
    unknown = unknown_parts((look, standings, latencies, pauses), status)
    values = {
        "look": look,
        "status": status,
        "verdict": verdict(status, unknown),
        "budgets": None if look.value is None else look.value.budgets,
        "standings": standings,
        "latencies": {each.object: each for each in latencies.value or ()},
        "pauses": pauses,
        "freshness_target": FRESHNESS_TARGET,
        "writeback_target": WRITEBACK_TARGET,
        "retention_hours": RETENTION_HOURS,
    }
    return View("Overview", "overview.html", "tidegate status", values, at=look.at, section="Overview")


def unknown_parts(asked: Sequence[Asked[Any]], status: EngineStatus | None) -> list[str]:
    """Everything that could not be asked, by its name, once each."""
    names = [each.name for each in asked if not each.is_known]
    return list(dict.fromkeys([*names, *(() if status is None else status.unknown)]))


def verdict(status: EngineStatus | None, unknown: Sequence[str]) -> dict[str, str]:
    """The page's first sentence: its tone, the sentence, and what is beside it.

    Unknown comes before good: "no problem" is said only when everything answered.
    """
    problems = () if status is None else status.problems
    now, soon = _of(problems, Severity.PAGE), _of(problems, Severity.TICKET)
    missing = f"Not known: {', '.join(unknown)}." if unknown else ""
    if now:
        return {
            "tone": "bad",
            "said": f"{_counted(len(now), 'problem')} for now",
            "more": missing or _later(soon),
        }
    if soon:
        return {"tone": "warn", "said": f"{_counted(len(soon), 'problem')} for today", "more": missing}
    if unknown:
        return {"tone": "unknown", "said": "No problem is seen, and not everything answered", "more": missing}
    return {"tone": "good", "said": "No problem", "more": "Every part was asked, and answered."}


def _of(problems: Sequence[Problem], severity: Severity) -> list[Problem]:
    return [each for each in problems if each.severity is severity]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _later(soon: Sequence[Problem]) -> str:
    return f"And {_counted(len(soon), 'problem')} for today." if soon else ""
