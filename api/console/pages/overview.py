"""The overview: problems first, then lanes, objects, writebacks, budgets, processes."""

import asyncio
from collections.abc import Sequence

from api.console.live import View, Visit
from api.console.look import engine_status
from api.console.parts_asked import Asked, ask, ask_thread
from schemas.status import FRESHNESS_TARGET, WRITEBACK_TARGET, EngineStatus, Problem, Severity
from workers.budget_words import Budgets, budgets_of

RETENTION_HOURS = 72
"""The org's event bus keeps changes for so long."""


async def overview(visit: Visit) -> View:
    """Everything at a glance. Each part is asked for by itself."""
    parts = visit.parts
    look, budgets, standings, latencies, pauses = await asyncio.gather(
        ask("the engine's status", engine_status(parts)),
        ask("budgets", budgets_of(parts.client, parts.org)),
        ask_thread("writebacks", parts.looks.standings),
        ask_thread("writebacks of the last hour", parts.looks.latencies),
        ask_thread("pauses", parts.looks.pauses),
    )
    unknown = unknown_parts((budgets, standings, latencies, pauses), look)
    values = {
        "look": look,
        "status": look.value,
        "verdict": verdict(look.value, unknown),
        "unknown_parts": unknown,
        "budgets": budgets,
        "standings": standings,
        "latencies": {each.object: each for each in latencies.value or ()},
        "pauses": pauses,
        "freshness_target": FRESHNESS_TARGET,
        "writeback_target": WRITEBACK_TARGET,
        "retention_hours": RETENTION_HOURS,
    }
    return View("Overview", "overview.html", "tidegate status", values, at=look.at, section="Overview")


def unknown_parts(asked: Sequence[Asked[object]], look: Asked[EngineStatus]) -> list[str]:
    """Everything that could not be asked, by its name."""
    names = [each.name for each in (look, *asked) if not each.is_known]
    names += [] if look.value is None else list(look.value.unknown)
    budgets = next((each.value for each in asked if isinstance(each.value, Budgets)), None)
    if budgets is not None and budgets.governor == "silent" and "budgets" not in names:
        names.append("budgets")
    return names


def verdict(status: EngineStatus | None, unknown: Sequence[str]) -> dict[str, str]:
    """The page's first sentence: its tone, the sentence, and what is beside it.

    Unknown comes before good: "no problem" is said only when everything answered.
    """
    problems = () if status is None else status.problems
    now, soon = _of(problems, Severity.PAGE), _of(problems, Severity.TICKET)
    missing = f"Not known: {', '.join(unknown)}." if unknown else ""
    if now:
        return {"tone": "bad", "said": f"{_counted(len(now), 'problem')} for now", "more": missing or _later(soon)}
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
