"""plan_backfill: into which parts a backfill is divided, and how many rows the org counts."""

from collections.abc import Callable
from dataclasses import dataclass

from temporalio import activity

from activities.heartbeats import heartbeating
from clients.org_http import OrgHttp
from schemas import names
from schemas.backfills import BackfillInput, BackfillPlan, ByTime, Part
from schemas.catalogue import Catalogue


@dataclass
class PlanBackfill:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    catalogue: Callable[[], Catalogue]

    @activity.defn(name=names.PLAN_BACKFILL)
    async def plan_backfill(self, request: BackfillInput) -> BackfillPlan:
        """The parts of a backfill by time."""
        async with heartbeating():
            return await self._plan(request)

    async def _plan(self, request: BackfillInput) -> BackfillPlan:
        self.catalogue().object(request.object)
        is_whole = request.since is None and request.until is None
        part = Part(
            number=0,
            by=ByTime.CREATED if is_whole else ByTime.MODIFIED,
            since=request.since,
            until=request.until,
        )
        return BackfillPlan(parts=(part,))
