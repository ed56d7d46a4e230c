"""Budgets and the plan: what is left of each limit, who spends it, and how each object is
followed.
"""

import asyncio
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import ask
from api.console.render import NOTHING
from clients.temporal.run_views import query, translated_temporal
from schemas import names
from schemas.governor import Forecast
from schemas.ids import planner_workflow_id
from schemas.planner import PlannerView
from workers.budget_summary import Budgets, budgets_of, is_stale, others_part, percent, slowed_words


async def budget(visit: Visit) -> View:
    """Every budget with its forecast, and the planner's plan."""
    parts = visit.parts

    async def asked() -> Budgets:
        with translated_temporal():
            return await budgets_of(parts.client, parts.org)

    budgets, plan = await asyncio.gather(
        ask("budgets", asked()),
        ask("the plan", query(parts.client, planner_workflow_id(parts.org), names.PLAN, PlannerView)),
    )
    found = budgets.value
    values = {
        "budgets": budgets,
        "headlines": [] if found is None else found.headlines(),
        "lines": [] if found is None else [_line(each, found) for each in found.forecasts],
        "plan": plan,
        "planner_on": parts.settings.planner.on,
    }
    return View("Budget", "budget.html", "tidegate budget", values, section="Budget")


def _line(found: Forecast, budgets: Budgets) -> dict[str, Any]:
    total = sum(each.last_day for each in found.spenders)
    return {
        "budget": found,
        "is_used": bool(found.spenders or (found.used and not found.budget.is_concurrency)),
        "state": _state(found, budgets),
        "slowed": slowed_words(found.slowed, budgets.at),
        "others": percent(others_part(found)),
        "spenders": [
            (each, percent(each.last_day / total).replace("%", " %") if total else NOTHING)
            for each in found.spenders
        ],
        "chart": _chart(found, budgets),
    }


def _state(found: Forecast, budgets: Budgets) -> tuple[str, str]:
    """The state whose tone is shown, and the words."""
    if found.maximum is None:
        return "unknown", "not read yet"
    if is_stale(found, budgets.at):
        return "unknown", "reading is old"
    if found.paused_until is not None:
        return "paused", "the org refused"
    if found.first_runs_out_at is not None:
        return "ticket", "runs out"
    return ("waiting", "some wait") if found.slowed else ("up", "enough")


def _chart(found: Forecast, budgets: Budgets) -> dict[str, Any] | None:
    """The projection of the coming 24 hours, for the script."""
    if not found.expected or not found.maximum or not found.used:
        return None
    x = [budgets.at.timestamp(), *(each.at.timestamp() for each in found.expected)]
    used = [found.used, *(each.used for each in found.expected)]
    most = [found.maximum - found.margin] * len(x)
    return {
        "x": x,
        "series": [used, most],
        "names": ["used, expected", "may be used"],
        "dashes": [0, 1],
        "unit": "",
    }
