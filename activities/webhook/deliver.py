"""deliver_changes: post a webhook's changes for a minute, or until its receiver fails.

Safe to repeat: cursors and held changes are in the store. What was posted and not settled when a
worker died is posted again, under the same ids.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from activities.webhook.follow_feed import FollowFeed
from activities.webhook.parts import WebhookParts
from activities.webhook.retry_held import RetryHeld
from activities.webhook.shift import Shift
from activities.webhook.stored import stored
from schemas import names
from schemas.webhook.messages import Delivered, DeliverInput, WebhookState


@dataclass(frozen=True)
class DeliverChanges:
    """The activity and what it needs; one for a process."""

    parts: WebhookParts

    @activity.defn(name=names.DELIVER_CHANGES)
    async def deliver_changes(self, request: DeliverInput) -> Delivered:
        """Deliver; returns counts, and how long to wait before the next delivery."""
        async with heartbeating():
            shift = await self._begun(request)
            if shift is None:
                return Delivered(is_over=True)
            await _run(shift, self.parts.seconds)
            is_over = await self._ended(shift)
        return Delivered(
            taken=shift.taken, held=shift.held, failure=shift.failure, wait=shift.wait, is_over=is_over
        )

    async def _begun(self, request: DeliverInput) -> Shift | None:
        """Read the webhook. None = it is not active, is gone, or has no feed."""
        parts = self.parts
        opened = await stored(parts.deliveries.open, request.name)
        if opened is None or opened.webhook.state is not WebhookState.ACTIVE or parts.feed is None:
            return None
        now = datetime.now(UTC)
        keys = await stored(parts.secrets.keys, request.name, opened.secrets, now)
        return Shift(parts, parts.feed, request, opened, keys)

    async def _ended(self, shift: Shift) -> bool:
        """Store a failure; True = the webhook was disabled for it."""
        now, deliveries = datetime.now(UTC), self.parts.deliveries
        if shift.is_gone:
            await stored(deliveries.disable, shift.name, f"the receiver says: {shift.failure}", now)
            return True
        if shift.taken or not shift.refused:
            return False
        before = shift.opened.webhook
        since, reason = before.failing_since, shift.failure or before.failure
        if shift.failure:
            since = await stored(deliveries.fails, shift.name, shift.failure, now)
        most = self.parts.settings.disable_after
        if since is None or now - since < most:
            return False
        because = f"the receiver has taken nothing for {most}: {reason}"
        await stored(deliveries.disable, shift.name, because, now)
        return True


async def _run(shift: Shift, seconds: float) -> None:
    """Run both halves, until the time is over, the receiver fails or the worker stops."""
    clock = asyncio.ensure_future(_stop_after(shift, seconds))
    halves = [asyncio.ensure_future(half(shift).run()) for half in (FollowFeed, RetryHeld)]
    try:
        await asyncio.gather(*halves)
    finally:
        for task in (*halves, clock):
            task.cancel()
        await asyncio.gather(*halves, clock, return_exceptions=True)


async def _stop_after(shift: Shift, seconds: float) -> None:
    try:
        await asyncio.wait_for(activity.wait_for_worker_shutdown(), seconds)
        shift.leave.set()
    except TimeoutError:
        pass
    shift.stop.set()
