"""plan_backfill: into which parts a backfill is divided, and how many rows the org counts."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from clients.salesforce.call_count import counting_calls
from clients.salesforce.http import OrgHttp
from clients.salesforce.row_counts import RowCounts
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.backfill import PART_ROWS, BackfillInput, BackfillPlan, ByTime, Part
from schemas.catalogue import Catalogue
from schemas.errors import CallTooSlowError, RunConflictError
from schemas.ids import backfill_plan_key
from schemas.message import Message
from transforms.backfill import Bucket, parts_of


class KeptPlan(Message):
    """A plan as it is remembered: a window that is begun again has the same parts, whatever the
    counts say by then.
    """

    since: datetime | None
    until: datetime | None
    plan: BackfillPlan


@dataclass
class PlanBackfill:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    store: ObjectStore
    catalogue: Catalogue
    part_rows: int = PART_ROWS

    @activity.defn(name=names.PLAN_BACKFILL)
    async def plan_backfill(self, request: BackfillInput) -> BackfillPlan:
        """The parts of a backfill by time. Raises `RunConflictError` when the window was begun with
        other bounds.
        """
        async with heartbeating():
            with counting_calls() as count:
                plan = await self.kept(request)
            return plan.model_copy(update={"calls": count.calls})

    async def kept(self, request: BackfillInput) -> BackfillPlan:
        """The plan that was kept when the window was first begun; drawn and kept when this is the
        first time.
        """
        key = backfill_plan_key(request.org, request.object, request.window)
        found = await asyncio.to_thread(self.store.find, key)
        if found is None:
            kept = KeptPlan(since=request.since, until=request.until, plan=await self.draw(request))
            await asyncio.to_thread(self.store.create, key, kept.model_dump_json().encode())
            found = await asyncio.to_thread(self.store.get, key)
        known = KeptPlan.model_validate_json(found)
        if (known.since, known.until) != (request.since, request.until):
            raise RunConflictError(object_name=request.object, window=request.window)
        return known.plan

    async def draw(self, request: BackfillInput) -> BackfillPlan:
        """A plan that is not kept."""
        spec = self.catalogue.object(request.object)
        is_whole = request.since is None and request.until is None
        by = ByTime.CREATED if is_whole else ByTime.MODIFIED
        counts = RowCounts(self.org, spec.name, request.lease_class)
        rows = await self._count(counts, by, request)
        if rows is not None and rows <= self.part_rows:
            part = Part(number=0, by=by, since=request.since, until=request.until, expected_rows=rows)
            return BackfillPlan(parts=(part,), expected_rows=rows)
        parts = parts_of(
            await self._buckets(counts, by, request),
            by=by,
            since=request.since,
            until=request.until,
            most_rows=self.part_rows,
        )
        return BackfillPlan(parts=parts, expected_rows=sum(part.expected_rows or 0 for part in parts))

    async def _count(self, counts: RowCounts, by: ByTime, request: BackfillInput) -> int | None:
        """None when that would take too long: then there are many."""
        if by is ByTime.CREATED and (rows := await counts.roughly()) is not None:
            return rows
        try:
            return await counts.exactly(by, request.since, request.until)
        except CallTooSlowError:
            return None

    async def _buckets(self, counts: RowCounts, by: ByTime, request: BackfillInput) -> list[Bucket]:
        buckets: list[Bucket] = []
        for day in await counts.days(by, request.since, request.until):
            buckets += [day] if day.rows <= self.part_rows else await counts.hours(by, day)
        return buckets
