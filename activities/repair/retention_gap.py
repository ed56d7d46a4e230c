"""A hole in a stream: the bus no longer holds the lane's position. What is between is asked for,
and the act goes on record.

Call after the new subscription is open and before its first batch is landed, so that the gap is
always queued for repair before the chain moves past it.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from activities.request_reread import enqueue_rereads
from clients.database.audit_log import AuditLog
from clients.salesforce.http import OrgHttp
from clients.warehouse import Warehouse
from clients.warehouse.sql import ledger as ledger_sql
from schemas import names
from schemas.catalogue import Catalogue
from schemas.governor import LeaseClass
from schemas.ids import batch_name, lane_workflow_id, repair_workflow_id
from schemas.ingest.messages import Act, FollowInput
from schemas.salesforce.limits import EVENT_RETENTION
from transforms.repair import LONGEST_TRANSACTION, rereads_for_gap

LANE_HOLE = "lane.hole"
"""The act: a lane went on with new events, because the bus held the others no more."""
SUBSCRIBED_WITHIN = timedelta(seconds=10)
"""Time after opening a subscription in which the bus may still count an event as old."""
BUS_HOLDS = EVENT_RETENTION - timedelta(hours=1)
"""How long the bus surely holds an event; the rest is for the way to the subscription."""


def may_have_missed(request: FollowInput, started_at: datetime) -> bool:
    """True when the bus may have forgotten events since the lane began, and nothing has landed.

    It refuses a position that it has forgotten; "all that you hold" it never refuses. `started_at`:
    when the attempt began, by Temporal's clock.
    """
    return request.began_at is not None and started_at - request.began_at > BUS_HOLDS


@dataclass
class RetentionGapReporter:
    """Queue retention gaps for repair; one for a process."""

    client: Client
    warehouse: Warehouse
    audit: AuditLog
    catalogue: Catalogue
    org: OrgHttp
    subscribed_within: timedelta = SUBSCRIBED_WITHIN

    async def is_at_beginning(self, request: FollowInput, now: datetime) -> bool:
        """True when the bus may have forgotten events of a lane that has landed nothing.

        False after a hole that was reported so lately that the bus holds what came after it: a lane
        without changes would else report one each time that it is opened.
        """
        if not may_have_missed(request, now):
            return False
        acts = await asyncio.to_thread(self.audit.find, since=now - BUS_HOLDS, act=LANE_HOLE)
        return all(act.target != lane_workflow_id(request.org, request.lane) for _, act in acts)

    async def report(self, request: FollowInput, position: str) -> None:
        """Ask for everything from a while before the lane's newest applied change, or before it
        began, up to now, and put the act on record.
        """
        until = await self.org.ask_time(LeaseClass.REPAIR) + self.subscribed_within
        objects = self._objects(request.channel)
        since = await asyncio.to_thread(self._ask, request, position, objects, until)
        begins = "its beginning" if since is None else f"{since:%Y-%m-%d %H:%M:%S} UTC"
        detail = (
            f"the bus no longer holds position {position}; goes on with new events, and what was modified from {begins} to "
            f"{until:%Y-%m-%d %H:%M:%S} UTC is read again: {', '.join(objects)}"
        )
        target = lane_workflow_id(request.org, request.lane)
        act = Act(act=LANE_HOLE, by="tidegate", target=target, detail=detail, at=datetime.now(UTC))
        await asyncio.to_thread(self.audit.append, act)
        try:
            await self.client.get_workflow_handle(repair_workflow_id(request.org)).signal(names.LOOK)
        except RPCError:
            return  # nobody listens: it is on the list

    def _ask(
        self, request: FollowInput, position: str, objects: list[str], until: datetime
    ) -> datetime | None:
        with self.warehouse.transaction() as transaction:
            ((newest,),) = transaction.fetch(ledger_sql.find_newest_past_change(), [request.lane])
            # Of a lane that has applied nothing: from when it began.
            known = newest or request.began_at
            since = None if known is None else known - LONGEST_TRANSACTION
            enqueue_rereads(
                transaction, rereads_for_gap(batch_name(request.lane, position), objects, since, until)
            )
        return since

    def _objects(self, channel: str) -> list[str]:
        """The channel's one object; of a channel of several, all of the catalogue's: one more that
        was not on it does no harm.
        """
        name = channel.rpartition("/")[2]
        of_one = [spec.name for spec in self.catalogue.objects.values() if spec.event_name == name]
        return of_one or sorted(self.catalogue.objects)
