"""A day of 35 million changes against an Unlimited-edition org's own limits, in some minutes.

The org is the sandbox's, whole, in this process; the lease client, the governor's books, the
planner, the polled source and the forecast are the engine's. Time is the only thing that is made
up (`warp.py`), and the load's scale (`season.py`). A neighbour takes half of the API calls at a
rate that swings, and every class asks for calls. Exits 0 if nothing was refused, 95 of 100
changes of every object were fresh, and every class got its floor.

    python -m benchmarks.day [--hours 24] [--reckless] [--json]

`--reckless` runs the same day with a margin of zero and the leases ignored, and must fail.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from benchmarks.day import warp
from benchmarks.day.actors import DEMANDS, change_records, spend_calls
from benchmarks.day.followers import Follower, keep_planning, shares_by_object
from benchmarks.day.purses import BooksGovernor, FreePurse
from benchmarks.day.record import Record, WatchedOrg
from benchmarks.day.report import as_json, failures, page
from benchmarks.day.season import DAY, HOUR, SCALE, SHARES
from benchmarks.day.yesterdays import DAYS_BEFORE, spend_yesterdays
from clients.governor.leases import Leases
from clients.governor.prepaid import PrepaidTokens
from clients.governor.protocol import TokenSource
from clients.salesforce.http import OrgHttp
from clients.salesforce.limits import read_limits
from clients.salesforce.session import Session
from sandbox.org.server.app import build_app, open_org
from sandbox.org.state.org import Org
from sandbox.org.traffic.fill import FillPlan, fill
from sandbox.org.traffic.neighbour import Neighbour, NeighbourPlan
from schemas.catalogue import default_catalogue
from schemas.errors import TidegateError
from schemas.governor import Budget, GovernorConfig, LeaseClass
from schemas.salesforce.limits import DAILY_API_REQUESTS, QUERY_PAGE_MAX

MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
RECORDS = 6_000
"""Of each object."""
CALL_SECONDS = 0.3
"""The time that a call takes."""
_READ_EVERY = 60.0
_CHECK_EVERY = 600.0
_QUESTION_CALLS = 2


@dataclass
class Day:
    """Everybody who takes part."""

    org: Org
    record: Record
    governor: BooksGovernor
    purse: TokenSource
    leases: Leases
    sessions: "OpenSession"
    transport: httpx.AsyncBaseTransport
    reckless: bool

    def http(self, purse: TokenSource) -> OrgHttp:
        """A way to the org, paid from a purse."""
        return OrgHttp(self.sessions, purse, transport=self.transport)

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def hour(self) -> float:
        """Of the day, 0 to 24."""
        return (time.time() - MIDNIGHT) / HOUR % 24


class OpenSession:
    """A session that was opened without a login: logins are no calls."""

    def __init__(self, token: str) -> None:
        self._session = Session(token, "http://org")

    async def session(self) -> Session:
        """The session."""
        return self._session

    async def renew(self, expired: Session | None) -> Session:  # noqa: ARG002
        """The same; it does not expire."""
        return self._session


async def read_the_limits(day: Day) -> None:
    """As the governor workflow does."""
    while True:
        day.governor.books.books[Budget.API_CALLS].prepay(_QUESTION_CALLS, day.now())
        purse = PrepaidTokens(_QUESTION_CALLS)
        async with day.http(purse) as http:
            with suppress(TidegateError):
                day.governor.books.take_in(await read_limits(http, LeaseClass.WRITEBACK), ())
        day.governor.books.take_in(tuple(purse.readings), tuple(purse.refusals))
        await asyncio.sleep(_READ_EVERY)


async def look_now_and_then(day: Day, hours: float) -> None:
    """Forecast, compare, and say how far the day is; ends with the day, or with the first refusal
    of a reckless one.
    """
    ends = MIDNIGHT + hours * HOUR
    while day.now() < ends:
        await asyncio.sleep(_CHECK_EVERY)
        used = day.org.meters.api_calls.used
        day.record.compare(used, day.now())
        day.record.look_ahead(day.governor.books, day.now())
        if round(day.hour() * 6) % 6 == 0:
            calls = "  ".join(f"{each} {count:,}" for each, count in sorted(day.record.made.items()))
            sys.stderr.write(
                f"{day.hour():5.1f} h  used {used:,}  refused {sum(day.record.refused.values())}  {calls}\n"
            )
        if day.reckless and day.record.refused:
            return


@asynccontextmanager
async def prepared(folder: Path, *, reckless: bool) -> AsyncIterator[Day]:
    """The org, filled, served, with a neighbour; and the engine's parts before it."""
    org = open_org(folder, edition="unlimited")
    app = build_app(org)
    record = Record()
    governor = BooksGovernor(GovernorConfig(margin=0) if reckless else GovernorConfig())
    async with AsyncExitStack() as stack:
        for name in default_catalogue().objects:
            await fill(org, FillPlan(object=name, records=RECORDS))
        # Without a licence: each would add 5,000 calls.
        org.meters.api_calls.maximum = DAILY_API_REQUESTS["unlimited"]
        _move_in_next_door(org, stack)
        await spend_yesterdays(org, governor.books, until=MIDNIGHT)
        await stack.enter_async_context(app.router.lifespan_context(app))
        org.dials.queries.page_rows = QUERY_PAGE_MAX // SCALE
        token = app.state.sessions.open(org.identity.user_id, "day").token
        leases = Leases(governor, clock=asyncio.get_running_loop().time)
        stack.push_async_callback(leases.close)
        transport = WatchedOrg(httpx.ASGITransport(app.state.outermost), record, CALL_SECONDS)
        purse: TokenSource = FreePurse() if reckless else leases
        yield Day(org, record, governor, purse, leases, OpenSession(token), transport, reckless)


def _move_in_next_door(org: Org, stack: AsyncExitStack) -> None:
    neighbour = Neighbour(org)
    half = org.meters.api_calls.maximum / 2
    neighbour.start(
        NeighbourPlan(
            calls_per_minute=half / (24 * 60), wave=0.7, period_seconds=DAY / 3, noise=0.5, every_seconds=10
        )
    )
    stack.push_async_callback(neighbour.stop)


async def simulate(folder: Path, *, hours: float, reckless: bool) -> tuple[Day, float]:
    """The days before in outline, then the day."""
    began = time.perf_counter()
    async with prepared(folder, reckless=reckless) as day, day.http(day.purse) as http:
        chores = [asyncio.create_task(read_the_limits(day))]
        ids = {name: _ids(day.org, name) for name in shares_by_object()}
        catalogue = default_catalogue()
        followers = [
            Follower(day.org, http, day.leases, catalogue.object(each.object), each, day.record, day.now)
            for each in SHARES
        ]
        chores += [
            asyncio.create_task(change_records(day.org, each, ids[each.object], day.record, day.hour))
            for each in SHARES
        ]
        chores += [asyncio.create_task(each.follow()) for each in followers]
        chores.append(asyncio.create_task(keep_planning(followers, day.governor.books, day.record)))
        for demand in DEMANDS:
            for _ in range(demand.at_once):
                one = spend_calls(http, demand, ids["Case"][0], day.record, day.hour)
                chores.append(asyncio.create_task(one))
        look = asyncio.create_task(look_now_and_then(day, hours))
        ended, _ = await asyncio.wait([look, *chores], return_when=asyncio.FIRST_COMPLETED)
        meters = day.org.meters.by_name()
        day.record.used = {name: (meter.used, meter.maximum) for name, meter in meters.items()}
        for each in (look, *chores):
            each.cancel()
        await asyncio.gather(look, *chores, return_exceptions=True)
        for each in ended:
            if not each.cancelled():
                each.result()
        return day, time.perf_counter() - began


def _ids(org: Org, name: str) -> list[str]:
    rows = org.store.connection.execute(f'SELECT Id FROM "{name}" WHERE IsDeleted = 0')
    return [str(row[0]) for row in rows]


def main() -> None:
    """Simulate, report, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--reckless", action="store_true", help="margin zero, leases ignored")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        day, seconds = warp.run(
            lambda: simulate(Path(folder), hours=arguments.hours, reckless=arguments.reckless),
            began=MIDNIGHT - timedelta(days=DAYS_BEFORE).total_seconds(),
        )
    wrong = failures(day.record, day.governor.books)
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(day.record, wrong, seconds), indent=2) + "\n")
    else:
        sys.stdout.write(page(day.record, wrong, seconds))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
