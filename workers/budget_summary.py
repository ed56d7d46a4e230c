"""Summaries of the org's budgets, the worst first: for `tidegate budget`, `tidegate status` and the
API.

The governor is asked, never Salesforce: looking costs no API call. Times are UTC, as the org
counts.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from temporalio.client import Client

from clients.temporal.governor import read_books
from schemas.errors import UnavailableError
from schemas.governor import OTHERS, Forecast, LeaseClass, Slowed
from schemas.message import Message
from transforms.governor.forecast import forecast
from transforms.governor.ledger import BudgetLedger

_STALE = timedelta(minutes=6)
"""A reading is due every minute, and the Limits API may be five minutes behind."""
_MUCH = 0.7
"""From this fraction of what may be spent on, a budget is worth a line in `tidegate status`."""

NOT_STARTED = (
    "No governor runs for this org: nothing has asked for a lease yet. "
    "It starts with the first call of a worker: tidegate worker (or tidegate up)."
)
SILENT = (
    "The governor does not answer, so calls to Salesforce stop. "
    "Its workflow waits for a worker: tidegate worker (any role), or look at var/logs/engine/."
)


class Budgets(Message):
    """The governor's view of an org, and its forecast."""

    at: datetime
    org: str
    governor: Literal["running", "not started", "silent"]
    forecasts: tuple[Forecast, ...] = ()
    """In the order of the budgets."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json; times in ISO 8601, UTC."""
        whole = self.model_dump(mode="json")
        whole["budgets"] = whole.pop("forecasts")
        return whole | {"headlines": self.headlines()}

    def headlines(self) -> list[str]:
        """A sentence for each thing that is wrong or will be, the worst first; one that says so
        when nothing is.
        """
        if self.governor != "running":
            return [NOT_STARTED if self.governor == "not started" else SILENT]
        if all(each.read_at is None for each in self.forecasts):
            return [
                "The org's limits have not been read yet, so nothing is granted. The first reading follows the start "
                "within seconds; if it does not, the Web UI shows why under the governor's details."
            ]
        worst = sorted(self.forecasts, key=lambda each: _badness(each, self.at), reverse=True)
        said = [_sentence(each, self.at) for each in worst if any(_badness(each, self.at))]
        return said or ["No budget runs out within 24 hours, and nobody is slowed."]

    def lines(self) -> list[str]:
        """Lines of `tidegate status`: one for each budget that matters."""
        if self.governor != "running":
            return [f"budgets: {self.headlines()[0]}"]
        return [f"budget {_line(each, self.at)}" for each in self.forecasts if _matters(each, self.at)]


async def budgets_of(client: Client, org: str) -> Budgets:
    """Ask the governor and forecast each budget; what it does not answer is a state, not an
    error.
    """
    at = datetime.now(UTC)
    try:
        books = await read_books(client, org)
    except UnavailableError:
        return Budgets(at=at, org=org, governor="silent")
    if books is None:
        return Budgets(at=at, org=org, governor="not started")
    return forecasts_of(books, at)


def forecasts_of(books: BudgetLedger, at: datetime) -> Budgets:
    """The forecast of every budget. Ends leases in `books` whose time is over."""
    now = at.timestamp()
    books.let_time_pass(now)
    forecasts = tuple(forecast(book, books.terms, now) for book in books.books.values())
    return Budgets(at=at, org=books.org, governor="running", forecasts=forecasts)


def clock_text(at: datetime) -> str:
    """14:20; within the 24 hours that are looked at, that says which day."""
    return f"{at:%H:%M}"


def away(at: datetime, now: datetime) -> str:
    """In 4 h 3 min."""
    hours, minutes = divmod(max(0, round((at - now).total_seconds() / 60)), 60)
    return f"in {hours} h {minutes} min" if hours else f"in {minutes} min"


def listed_text(names: list[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def is_spent(found: Forecast) -> bool:
    """Nothing is left to grant, but for what processes hold already."""
    return found.maximum is not None and not found.budget.is_concurrency and found.left == 0


def is_stale(found: Forecast, at: datetime) -> bool:
    """The org was asked long ago."""
    return found.read_at is not None and at - found.read_at > _STALE


def others_part(found: Forecast) -> float:
    """The fraction of the last 24 hours' spending that is others'."""
    total = sum(spender.last_day for spender in found.spenders)
    others = sum(spender.last_day for spender in found.spenders if spender.name == OTHERS)
    return others / total if total else 0.0


def percent(part: float) -> str:
    """61%; what there is of something is never told as nothing."""
    return "<1%" if 0 < part < 0.005 else f"{part:.0%}"


def rate_words(found: Forecast) -> str:
    """At which rate it runs out first."""
    at, usual = found.runs_out_at, found.runs_out_at_usual
    return (
        "at the present rate"
        if at and (usual is None or at <= usual)
        else "at the usual rate of the hours to come"
    )


def slowed_words(slowed: tuple[Slowed, ...], at: datetime) -> str:
    """The classes that are slowed first, those that spend before those that would; "" when none
    is.
    """
    if sum(each.at <= at for each in slowed) == len(LeaseClass):
        return "every class is refused now"
    who = [each for each in slowed if each.spends] or list(slowed)
    if not who:
        return ""
    first = min(each.at for each in who)
    classes = [str(each.lease_class) for each in who if each.at - first <= timedelta(minutes=1)]
    verb = "is" if len(classes) == 1 else "are"
    when = "now" if first <= at else f"from {clock_text(first)} on"
    return f"{listed_text(classes)} {verb} slowed {when}"


def _badness(found: Forecast, at: datetime) -> tuple[int, float]:
    """The headline: the kind of problem, then the sooner one; empty when there is none."""
    if found.paused_until is not None:
        return (5, 0.0)
    if is_spent(found):
        return (4, 0.0)
    if found.first_runs_out_at is not None:
        return (3, -found.first_runs_out_at.timestamp())
    if any(each.spends for each in found.slowed):
        return (2, -found.slowed[0].at.timestamp())
    return (1, 0.0) if is_stale(found, at) else (0, 0.0)


def _sentence(found: Forecast, at: datetime) -> str:
    parts = [_first_part(found, at), slowed_words(found.slowed, at)]
    if others_part(found) >= 0.01:
        parts.append(f"{others_part(found):.0%} of the last 24 hours was spent by others")
    if is_stale(found, at) and found.read_at is not None:
        parts.append(f"last read at {clock_text(found.read_at)}")
    return "; ".join(part for part in parts if part) + "."


def _first_part(found: Forecast, at: datetime) -> str:
    name = str(found.budget)
    if found.paused_until is not None:
        return f"{name}: nothing is granted until {found.paused_until:%H:%M:%S} UTC, {found.paused_because}"
    if is_spent(found):
        back = next(
            (each.at for each in found.expected if each.used < (found.maximum or 0) - found.margin), None
        )
        hope = (
            f"some come back by {clock_text(back)} UTC"
            if back
            else "none come back within 24 hours at this rate"
        )
        return f"{name} are spent up to the margin; {hope}"
    runs_out = found.first_runs_out_at
    if runs_out is not None:
        return f"{name} run out at {clock_text(runs_out)} UTC ({away(runs_out, at)}) {rate_words(found)}"
    return f"{name} do not run out" if found.slowed else f"{name} may have changed"


def _matters(found: Forecast, at: datetime) -> bool:
    if found.maximum is None or found.budget.is_concurrency:
        return False
    return any(_badness(found, at)) or found.used >= _MUCH * (found.maximum - found.margin)


def _line(found: Forecast, at: datetime) -> str:
    runs_out = found.first_runs_out_at
    parts = [
        f"{found.budget}: {percent(found.used / max(1, found.maximum or 0))} used",
        "spent"
        if is_spent(found)
        else f"runs out at {clock_text(runs_out)} UTC"
        if runs_out
        else "does not run out",
        slowed_words(found.slowed, at),
        f"paused until {found.paused_until:%H:%M:%S} UTC" if found.paused_until else "",
    ]
    return ", ".join(part for part in parts if part)
