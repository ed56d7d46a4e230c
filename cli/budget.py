"""tidegate budget: what is left of each limit, who spends it, when it runs out, who is slowed
first.
"""

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Home, Reason, SettingsFile, acting_user
from cli.output import OUT, AsJson, Every, Watch, print_json, show
from cli.state import local_settings
from clients.temporal.governor import recheck_budgets
from schemas.errors import SettingsError, UnavailableError
from schemas.governor import Budget, Forecast, Slowed, Spender
from schemas.governor.recheck import RecheckAnswer, RecheckInput
from workers.budget_summary import (
    NOT_STARTED,
    Budgets,
    budgets_of,
    clock_text,
    is_spent,
    is_stale,
    percent,
    rate_words,
)
from workers.clients import connect_temporal
from workers.settings import Settings

_SHOW = "show"
_WIDE = 100
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"))


app = CommandApp(
    about="Show what is left of each limit, and have refusals looked at again.\n\nExample: tidegate budget --watch",
    usual=_SHOW,
    meant_alone=True,
)


@app.command(_SHOW)
def budget(
    as_json: AsJson = False,
    watch: Watch = False,
    every: Every = 5.0,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show what is left of each limit, and who spends it. Also when it runs out. Costs no API call.

    Example: tidegate budget --watch
    """
    loaded = local_settings(settings, home)
    show(lambda: asyncio.run(_ask(loaded)), budget_page, as_json=as_json, watch=watch, every=every)


@app.command("recheck")
def recheck(
    budget_name: Annotated[
        str, typer.Argument(metavar="[BUDGET]", help="As delivered_events; left out: every one.")
    ] = "",
    as_json: AsJson = False,
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Read the org's limits now, and end refusals that hold no more. Costs one API call.

    Do it after an allocation was raised. What waits goes on within a minute.

    Example: tidegate budget recheck delivered_events --reason "the add-on is active"
    """
    loaded = local_settings(settings, home)
    request = RecheckInput(budget=_named(budget_name), by=acting_user(by), reason=reason)

    async def send() -> RecheckAnswer | None:
        return await recheck_budgets(await connect_temporal(loaded), loaded.salesforce.org_id, request)

    found = asyncio.run(send())
    if found is None:
        raise UnavailableError(system="The governor", detail=NOT_STARTED)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        OUT.print(_rechecked(found))


def _named(name: str) -> Budget | None:
    if name and name not in tuple(Budget):
        raise SettingsError(f"There is no budget {name!r}. There are {', '.join(Budget)}. Correct the name.")
    return Budget(name) if name else None


def _rechecked(found: RecheckAnswer) -> RenderableType:
    rows = Table("budget", "used", "of", "now", box=None)
    for each in found.budgets:
        maximum = "" if each.maximum is None else _short(each.maximum)
        held = "" if each.paused_until is None else f"refused until {each.paused_until:%H:%M:%S} UTC"
        word = "granted again" if each.was_refused and not held else held
        rows.add_row(str(each.budget), _short(each.used), maximum, word)
    return rows


async def _ask(settings: Settings) -> Budgets:
    return await budgets_of(await connect_temporal(settings), settings.salesforce.org_id)


def budget_page(found: Budgets, width: int | None = None) -> RenderableType:
    """The page for a person: first the problems, then each budget. `width` in columns; None: the
    terminal's.
    """
    columns = min(width or OUT.width, 160)
    ok = found.governor == "running" and not any(_colour(each) == "red" for each in found.forecasts)
    parts: list[RenderableType] = [
        *(Text(sentence, style="bold" if ok else "bold red") for sentence in found.headlines()),
        Text(f"org {found.org} at {found.at:%Y-%m-%d %H:%M:%S} UTC", style="dim"),
    ]
    known = [each for each in found.forecasts if each.maximum is not None]
    daily = [each for each in known if not each.budget.is_concurrency]
    if daily:
        parts += [Text(), _daily(daily, found, columns), _legend()]
    at_once = [each for each in known if each.budget.is_concurrency]
    if at_once:
        parts += [Text(), _at_once(at_once)]
    unread = [str(each.budget) for each in found.forecasts if each.maximum is None]
    if unread:
        parts.append(Text(f"not read yet: {', '.join(unread)}", style="dim"))
    return Group(*parts)


def _daily(forecasts: list[Forecast], found: Budgets, columns: int) -> RenderableType:
    bar = 40 if columns >= _WIDE else 22
    rows: list[RenderableType] = []
    for each in forecasts:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=17, no_wrap=True)
        line.add_column(width=bar, no_wrap=True)
        line.add_column(width=5, justify="right", no_wrap=True)
        line.add_column(no_wrap=True)
        maximum = each.maximum or 0
        share = percent(each.used / maximum) if maximum else ""
        left = f"of {_short(maximum)}, {_short(each.left)} left"
        line.add_row(Text(str(each.budget), style="bold"), _bar(each, bar), share, left)
        rows.append(line)
        rows += [Padding(Text(text), (0, 0, 0, 18), expand=False) for text in _details(each, found)]
    return Group(*rows)


def _details(found: Forecast, page: Budgets) -> list[str]:
    lines = []
    runs_out = found.first_runs_out_at
    if found.paused_until is not None:
        lines.append(f"paused until {found.paused_until:%H:%M:%S}: {found.paused_because}")
    if is_spent(found):
        lines.append("spent up to the margin")
    elif runs_out is not None:
        other = max((at for at in (found.runs_out_at, found.runs_out_at_usual) if at), default=runs_out)
        both = found.runs_out_at is not None and found.runs_out_at_usual is not None and other != runs_out
        more = f" (at the other rate {clock_text(other)})" if both else ""
        lines.append(f"runs out at {clock_text(runs_out)} {rate_words(found)}{more}")
    if found.spenders:
        lines.append(f"spent by {_spenders(found.spenders)}")
    if found.slowed:
        lines.append(f"slowed first: {_slowed(found.slowed, page.at)}")
    if is_stale(found, page.at) and found.read_at is not None:
        lines.append(f"the org was last asked at {found.read_at:%H:%M:%S}")
    return lines


def _spenders(spenders: tuple[Spender, ...]) -> str:
    total = sum(each.last_day for each in spenders) or 1
    day = ", ".join(f"{each.name} {percent(each.last_day / total)}" for each in spenders)
    hour = ", ".join(f"{each.name} {_short(each.last_hour)}" for each in spenders if each.last_hour)
    return f"{day}; in the last hour {hour}" if hour else day


def _slowed(slowed: tuple[Slowed, ...], now: datetime) -> str:
    """guest, backfill now; polling 13:05."""
    by_time: dict[str, list[str]] = {}
    for each in slowed:
        by_time.setdefault("now" if each.at <= now else clock_text(each.at), []).append(str(each.lease_class))
    return "; ".join(f"{', '.join(classes)} {when}" for when, classes in by_time.items())


def _bar(found: Forecast, width: int) -> Text:
    """Used, granted, what is left, and the margin, to scale; what there is of something is never
    drawn as nothing.
    """
    whole = max(1, found.maximum or 0)

    def cells(tokens: int) -> int:
        return 0 if tokens <= 0 else max(1, round(tokens / whole * width))

    used = min(width, cells(found.used))
    margin = min(width - used, cells(min(found.margin, max(0, whole - found.used))))
    granted = min(width - used - margin, cells(found.granted))
    bar = Text()
    bar.append("█" * used, style=_colour(found))
    bar.append("▓" * granted, style="cyan")
    bar.append("·" * (width - used - granted - margin), style="dim")
    bar.append("░" * margin, style="dim")
    return bar


def _legend() -> Text:
    return Text(
        "█ used in 24 hours, by everybody   ▓ granted   · left   ░ margin, never granted", style="dim"
    )


def _at_once(forecasts: list[Forecast]) -> Text:
    told = [
        f"{each.budget} {each.granted} held of {_short((each.maximum or 0) - each.margin)}"
        + (f" ({each.used} in the org)" if each.used else "")
        for each in forecasts
    ]
    return Text("at once: " + "; ".join(told))


def _colour(found: Forecast) -> str:
    if found.paused_until is not None or is_spent(found) or found.first_runs_out_at is not None:
        return "red"
    return "yellow" if any(each.spends for each in found.slowed) else "green"


def _short(number: int) -> str:
    """12,345, but 150.0 M: budgets of bytes and rows are long."""
    for unit, letter in _UNITS:
        if number >= unit:
            return f"{number / unit:,.1f} {letter}"
    return f"{number:,}"
