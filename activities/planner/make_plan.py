"""draw_plan: measure every object's load, ask the governor what may be spent, and make the plan.

All in one activity, so that a history holds the plan that was made, and not how it would be made
today.
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError

from clients.temporal.governor import TemporalGovernor
from clients.warehouse import Warehouse
from clients.warehouse.sql import ledger as ledger_sql
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import UnavailableError
from schemas.governor import Budget, Exchange, Terms
from schemas.ids import governor_workflow_id
from schemas.planner import DrawnPlan, DrawPlanInput, FollowedObject, PlanTask
from transforms.governor.ledger import OrgBooks
from transforms.planner.allocations import may_spend_by_books
from transforms.planner.choose import make_plan
from transforms.planner.load import KNOWN_DAYS, RECENT, Measured, expected_load

_HOURS_LIFE = 600.0
"""Seconds that hourly counts are used again: they are a scan of a week."""
_HOUR = 3_600


def followed_object(spec: ObjectSpec) -> FollowedObject:
    """An object's lanes and channel."""
    return FollowedObject(
        object=spec.name,
        lane=spec.table,
        poll_lane=f"poll-{spec.table}",
        channel=f"/data/{spec.event_name}",
    )


@dataclass
class _Week:
    """Hourly counts of the last days."""

    at: float = 0.0
    hours: dict[str, dict[int, float]] = field(default_factory=dict)
    streamed: float = 0.0
    """Events of the last 24 hours, taken as one a change."""
    begins: float = 0.0
    """When the ledger begins, seconds since the epoch; the present for an empty one."""


@dataclass
class PlanDrawer:
    """The activity and what it needs; one for a process."""

    client: Client
    warehouse: Warehouse
    catalogue: Catalogue
    terms: Terms
    """For a governor that has to be started."""
    other_lanes: frozenset[str] = frozenset()
    """Lanes beside the planner's own whose changes count as an object's load."""
    _week: _Week = field(default_factory=_Week)

    @activity.defn(name=names.DRAW_PLAN)
    async def draw_plan(self, request: DrawPlanInput) -> DrawnPlan:
        """The plan for now; without one, why there is none."""
        now = time.time()
        followed = tuple(map(followed_object, self.catalogue.objects.values()))
        drawn = DrawnPlan(at=datetime.fromtimestamp(now, UTC), followed=followed)
        books = await self._books(request.org)
        measured, streamed = await asyncio.to_thread(self._measure, followed, now)
        may_spend = None if books is None else may_spend_by_books(books, streamed)
        if books is None or may_spend is None:
            return drawn.model_copy(update={"trouble": "The org's limits have not been read yet."})
        if request.no_streams:
            may_spend |= {Budget.DELIVERED_EVENTS: 0.0, Budget.STREAMING_CLIENTS: 0.0}
        task = PlanTask(
            loads=tuple(expected_load(name, measured[name], now) for name in self.catalogue.objects),
            may_spend=may_spend,
            freshness_goal=request.goal,
            pins=request.pins,
            previous=request.previous,
        )
        maximums = {budget: book.maximum for budget, book in books.books.items() if book.maximum is not None}
        return drawn.model_copy(update={"plan": make_plan(task), "task": task, "maximums": maximums})

    async def _books(self, org: str) -> OrgBooks | None:
        """The governor's; None while it is being started, or does not answer."""
        try:
            books: OrgBooks = await self.client.get_workflow_handle(governor_workflow_id(org)).query(
                names.BOOKS, result_type=OrgBooks
            )
        except RPCError:
            # Nobody may have asked for a lease yet.
            try:
                await TemporalGovernor(self.client, org, self.terms).exchange(Exchange(process="planner"))
            except UnavailableError:
                activity.logger.warning("the governor does not answer")
            return None
        return books

    def _measure(
        self, followed: tuple[FollowedObject, ...], now: float
    ) -> tuple[defaultdict[str, Measured], float]:
        lanes = self.other_lanes | {lane for each in followed for lane in (each.lane, each.poll_lane)}
        polled = {each.poll_lane for each in followed}
        with self.warehouse.transaction() as transaction:
            if now - self._week.at > _HOURS_LIFE:
                rows = transaction.fetch(
                    ledger_sql.count_changes_by_hour(), [_time(now) - timedelta(days=KNOWN_DAYS)]
                )
                ((begins,),) = transaction.fetch(ledger_sql.find_ledger_beginning())
                self._week = _week(rows, lanes, polled, now, now if begins is None else begins.timestamp())
            recent = transaction.fetch(ledger_sql.count_recent_changes(), [_time(now) - RECENT])
        counts: defaultdict[str, float] = defaultdict(float)
        for name, lane, changes in recent:
            counts[name] += float(changes) if lane in lanes else 0.0
        span = min(RECENT.total_seconds(), now - self._week.begins)
        known_from = max(self._week.begins, now - timedelta(days=KNOWN_DAYS).total_seconds())
        measured: defaultdict[str, Measured] = defaultdict(Measured)
        for name in {*counts, *self._week.hours}:
            measured[name] = Measured(counts[name], span, self._week.hours.get(name), known_from)
        return measured, self._week.streamed


def _week(
    rows: list[tuple[Any, ...]], lanes: frozenset[str], polled: set[str], now: float, begins: float
) -> _Week:
    week = _Week(at=now, begins=begins)
    for name, lane, begin, applied, landed in rows:
        if lane not in lanes:
            continue
        hours = week.hours.setdefault(name, {})
        hour = int(begin) // _HOUR
        hours[hour] = hours.get(hour, 0.0) + float(applied)
        if lane not in polled and begin > now - 24 * _HOUR:
            week.streamed += float(landed)
    return week


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
