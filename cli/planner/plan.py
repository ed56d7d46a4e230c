"""tidegate plan: how each object is, or would be, followed."""

import asyncio
import sys
from datetime import timedelta
from typing import Annotated, Literal

import typer
from temporalio.service import RPCError, RPCStatusCode

from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_NO_PLAN, OUT, AsJson, print_json
from cli.planner.output import plan_as_json, plan_page, view_as_json, view_page
from cli.state import settings_of_state
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.errors import SettingsError, UnavailableError
from schemas.governor import Budget, Terms
from schemas.ids import planner_workflow_id
from schemas.planner import ObjectLoad, PlannerView, PlanTask
from transforms.planner.allocations import allocations, following_may_spend
from transforms.planner.choose import make_plan
from workers.clients import connect_temporal
from workers.settings import Settings

MINUTES_A_DAY = 24 * 60


_ChangesPerDay = Annotated[
    float | None,
    typer.Option(
        "--changes-per-day", min=0, help="Assume so many changes a day, instead of what is measured."
    ),
]
_Edition = Annotated[
    Literal["developer", "enterprise", "unlimited"],
    typer.Option("--edition", help="Whose allocations to assume."),
]
_Entitlement = Annotated[
    int | None, typer.Option("--entitlement", min=0, help="Delivered events a day; by default the edition's.")
]
_Licences = Annotated[int, typer.Option("--licences", min=0, help="Users' licences; each adds API calls.")]
_Shares = Annotated[
    str, typer.Option("--objects", help="Parts of the changes, as Case=4,Account=1; by default even parts.")
]
_Peak = Annotated[
    float, typer.Option("--peak", min=1, help="The busiest minute, as a multiple of the day's mean.")
]
_Goal = Annotated[
    str, typer.Option("--goal", help="From commit to the curated table, for 95 of 100 changes: 120s, 5m.")
]
_Others = Annotated[
    float, typer.Option("--others", min=0, max=1, help="Part of the API calls that other applications take.")
]


def plan(
    changes_per_day: _ChangesPerDay = None,
    edition: _Edition = "unlimited",
    entitlement: _Entitlement = None,
    licences: _Licences = 0,
    objects: _Shares = "",
    peak: _Peak = 5.0,
    goal: _Goal = "120s",
    others: _Others = 0.5,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show how each object is followed, or would be under a load. Exits 4 when no plan fits.

    Example: tidegate plan --changes-per-day 35000000 --edition unlimited --entitlement 50000
    """
    if changes_per_day is None:
        _show_present(settings_of_state(settings, home), as_json=as_json)
        return
    limits = allocations(edition, licences=licences, entitlement=entitlement)
    terms = Terms()
    taken = {Budget.API_CALLS: others * limits[Budget.API_CALLS]}
    task = PlanTask(
        loads=_loads(_shares(objects), changes_per_day, peak),
        may_spend={
            budget: following_may_spend(budget, maximum, taken.get(budget, 0.0), terms)
            for budget, maximum in limits.items()
        },
        freshness_goal=_duration(goal),
    )
    made = make_plan(task)
    if as_json:
        print_json(plan_as_json(made, task, limits))
    else:
        OUT.print(plan_page(made, task, limits))
    if not made.fits:
        sys.exit(EXIT_NO_PLAN)


def _show_present(settings: Settings, *, as_json: bool) -> None:
    view = asyncio.run(_view(settings))
    drawn = view.drawn
    if as_json:
        print_json(view_as_json(view))
    else:
        OUT.print(view_page(view))
    if drawn is not None and drawn.plan is not None and not drawn.plan.fits:
        sys.exit(EXIT_NO_PLAN)


async def _view(settings: Settings) -> PlannerView:
    """The running planner's; raises `SettingsError` when none runs."""
    client = await connect_temporal(settings)
    handle = client.get_workflow_handle(planner_workflow_id(settings.salesforce.org_id))
    try:
        view: PlannerView = await handle.query(names.PLAN, result_type=PlannerView)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise UnavailableError(system="The planner", detail=error.message) from error
        raise SettingsError(
            "No planner runs: the configured lanes are followed as they are. Set TIDEGATE_PLANNER__ON=true, or say what "
            "load to assume: --changes-per-day 35000000."
        ) from error
    return view


def _loads(shares: dict[str, float], changes_per_day: float, peak: float) -> tuple[ObjectLoad, ...]:
    whole = sum(shares.values())
    return tuple(
        ObjectLoad(
            object=name,
            changes_per_day=changes_per_day * share / whole,
            changes_per_minute=changes_per_day * share / whole / MINUTES_A_DAY * peak,
        )
        for name, share in shares.items()
    )


def _shares(given: str) -> dict[str, float]:
    """Object -> part; raises `SettingsError` for what is not a list of them."""
    if not given:
        return dict.fromkeys(default_catalogue().objects, 1.0)
    shares: dict[str, float] = {}
    for entry in given.split(","):
        name, _, part = entry.strip().partition("=")
        try:
            shares[name] = float(part)
        except ValueError:
            raise SettingsError(f"--objects: {entry!r} is not OBJECT=PART, as in Case=4,Account=1.") from None
    if not all(name and part >= 0 for name, part in shares.items()) or sum(shares.values()) <= 0:
        raise SettingsError("--objects: every part is a number from 0 on, and one of them is more than 0.")
    return shares


_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0}


def _duration(given: str) -> timedelta:
    number, unit = (given[:-1], given[-1:]) if given[-1:] in _UNITS else (given, "s")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise SettingsError(f"--goal: {given!r} is not a time such as 120s, 5m or 1h.")
    return timedelta(seconds=seconds)
