"""A plan on the terminal and as JSON."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.governor import Budget
from schemas.planner import Plan, PlannerView, PlanTask
from transforms.planner.allocations import PLANNED

_COLUMNS = {
    Budget.API_CALLS: "calls a day",
    Budget.BULK_QUERY_JOBS: "jobs a day",
    Budget.DELIVERED_EVENTS: "events a day",
}
_NAMES = {
    Budget.API_CALLS: "API calls",
    Budget.DELIVERED_EVENTS: "delivered events",
    Budget.BULK_QUERY_JOBS: "Bulk query jobs",
    Budget.BULK_QUERY_BYTES: "bytes of Bulk results",
    Budget.STREAMING_CLIENTS: "streaming clients",
}


def plan_page(plan: Plan, task: PlanTask, maximums: Mapping[Budget, float]) -> Group:
    """Every object's way, what it takes of each budget, and what does not fit."""
    verdict = Text(
        f"Every object is fresh within {task.freshness_goal.total_seconds():.0f} s, within every budget."
        if plan.fits
        else "No plan fits.",
        style="green" if plan.fits else "red",
    )
    problems = [Text(f"  {problem}") for problem in plan.problems]
    return Group(_objects(plan, task), _budgets(plan, task, maximums), verdict, *problems)


def plan_as_json(plan: Plan, task: PlanTask, maximums: Mapping[Budget, float]) -> dict[str, Any]:
    """Plain values; durations in seconds, spends in 24 hours."""
    return {
        "fits": plan.fits,
        "problems": list(plan.problems),
        "goal_seconds": task.freshness_goal.total_seconds(),
        "objects": [
            {
                "object": each.object,
                "way": each.way,
                "transport": each.transport,
                "every_seconds": None if each.every is None else each.every.total_seconds(),
                "freshness_seconds": each.freshness.total_seconds(),
                "spends": {budget: round(spent, 1) for budget, spent in each.spends.items()},
                "reason": each.reason,
            }
            for each in plan.objects
        ],
        "budgets": {
            budget: {
                "planned": round(spent_of(plan, budget), 1),
                "may_spend": _known(task.may_spend.get(budget)),
                "maximum": maximums.get(budget),
            }
            for budget in PLANNED
        },
    }


def view_page(view: PlannerView) -> Group:
    """The running planner's actions, and the plan behind them."""
    parts: list[RenderableType] = [_states(view)]
    if view.trouble:
        parts.append(Text(view.trouble, style="red"))
    drawn = view.drawn
    if drawn is not None and drawn.plan is not None and drawn.task is not None:
        parts += [
            Text(f"Plan of {drawn.at:%H:%M:%S} UTC:"),
            plan_page(drawn.plan, drawn.task, drawn.maximums),
        ]
    return Group(*parts)


def view_as_json(view: PlannerView) -> dict[str, Any]:
    """Plain values; `plan` is null before the first."""
    drawn = view.drawn
    plan = None
    if drawn is not None and drawn.plan is not None and drawn.task is not None:
        plan = {"at": drawn.at, **plan_as_json(drawn.plan, drawn.task, drawn.maximums)}
    return {
        "org": view.org,
        "trouble": view.trouble,
        "pins": view.pins,
        "objects": [
            {
                "object": state.followed.object,
                "following": state.following,
                "since": state.since,
                "every_seconds": None if state.every is None else state.every.total_seconds(),
                "why": state.why,
                "next": view.notes.get(state.followed.object, ""),
            }
            for state in view.objects
        ],
        "plan": plan,
    }


def spent_of(plan: Plan, budget: Budget) -> float:
    """Spending of all objects from a budget in 24 hours."""
    return sum(each.spends.get(budget, 0.0) for each in plan.objects)


def _states(view: PlannerView) -> Table:
    table = Table("object", "followed by", "since (UTC)", "why", "next", box=None)
    for state in view.objects:
        name = state.followed.object
        pinned = " (pinned)" if name in view.pins else ""
        following = state.following.value.replace("_", " ") + pinned
        table.add_row(name, following, f"{state.since:%d %b %H:%M:%S}", state.why, view.notes.get(name, ""))
    if not view.objects:
        table.add_row("nothing is followed yet")
    return table


def _objects(plan: Plan, task: PlanTask) -> Table:
    table = Table("object", "way", "every", "fresh within", "changes a day", *_COLUMNS.values(), box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    table.add_column("why")
    for each, load in zip(plan.objects, task.loads, strict=True):
        table.add_row(
            each.object,
            each.way if each.transport is None else f"{each.way} by {each.transport}",
            seconds(each.every),
            seconds(each.freshness),
            f"{load.changes_per_day:,.0f}",
            *(_count(each.spends.get(budget)) for budget in _COLUMNS),
            each.reason,
        )
    return table


def _budgets(plan: Plan, task: PlanTask, maximums: Mapping[Budget, float]) -> Table:
    table = Table("budget", "planned a day", "following may have", "the org has", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for budget in PLANNED:
        table.add_row(
            _NAMES[budget],
            _count(spent_of(plan, budget)),
            _count(task.may_spend.get(budget), "not known"),
            _count(maximums.get(budget), "not known"),
        )
    return table


def seconds(span: timedelta | None) -> str:
    """A short span for a table; "" for None."""
    return "" if span is None else f"{span.total_seconds():.0f} s"


def _count(value: float | None, unknown: str = "") -> str:
    return unknown if value is None else f"{value:,.0f}"


def _known(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
