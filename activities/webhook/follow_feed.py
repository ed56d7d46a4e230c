"""The half of a delivery that follows the feeds: read a page, post it, settle it."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from activities.webhook.post_page import PostedPage, post_page
from activities.webhook.shift import Shift
from activities.webhook.stored import stored
from clients.warehouse.records.feed import FeedChange, FeedPage, Place
from clients.warehouse.records.reader import Fresh
from clients.webhook.deliveries import Left, Settled
from schemas.catalogue import ObjectSpec
from schemas.webhook.limits import MOST_HELD, PAGE_CHANGES
from schemas.webhook.messages import WebhookCursor

_CHECK_SECONDS = 1.0
"""An operator's act takes effect within this time, and the time of one request."""
_SHOWN_SECONDS = 10.0
"""The cursor of a feed without changes is stored at most this often."""


class FollowFeed:
    """Follows the feeds of one webhook for one delivery."""

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        self._cursors = {each.object: each for each in shift.opened.cursors}
        self._checked_at = float("-inf")
        self._read_at: dict[str, float] = {}
        """When an object's feed was found to have nothing new; missing = it may have."""
        self._seen: dict[str, Fresh] = {}

    async def run(self) -> None:
        """Read, post and settle pages, until the delivery ends."""
        shift = self._shift
        specs = [shift.parts.catalogue.object(name) for name in shift.opened.webhook.records.objects]
        while await self._goes_on():
            moved = False
            for spec in specs:
                if shift.stop.is_set():
                    return
                if time.monotonic() - self._read_at.get(spec.name, float("-inf")) >= _SHOWN_SECONDS:
                    moved |= await self._page(spec)
            if not moved:
                await self._wait(specs)

    async def _goes_on(self) -> bool:
        shift, now = self._shift, time.monotonic()
        if shift.stop.is_set():
            return False
        if now - self._checked_at >= _CHECK_SECONDS:
            version = await stored(shift.parts.deliveries.version, shift.name)
            if version != shift.opened.webhook.version:
                shift.stop.set()
                return False
            self._checked_at = now
        return True

    async def _page(self, spec: ObjectSpec) -> bool:
        """Post and settle the next page of an object; False = no change was posted."""
        shift, asked_at = self._shift, datetime.now(UTC)
        held = await self._held_records()
        if len(held) + PAGE_CHANGES > MOST_HELD:
            self._seen.pop(spec.name, None)
            return False
        before = self._cursors[spec.name]
        page = await shift.feed.page(spec, Place.parse(before.cursor), PAGE_CHANGES)
        if isinstance(page, datetime):
            await self._disable_old(spec, page)
            return False
        self._seen[spec.name] = page.fresh
        if not page.changes:
            await self._note(before, asked_at)
            return False
        shown = await shift.shown(spec, page.changes)
        of_object = {record for name, record in held if name == spec.name}
        posted = await post_page(shift, shown, page.changes, of_object)
        if not posted.taken and (posted.is_refused or shift.is_halted):
            # Nothing was taken; the page stays whole, and is posted again.
            if posted.is_refused and not shift.is_halted:
                shift.fails(next(reversed(posted.reasons.values())))
            return False
        through = page.changes[-1].place.applied_at if page.has_more else asked_at
        await self._settle(spec, page, posted, through)
        return True

    async def _settle(self, spec: ObjectSpec, page: FeedPage, posted: PostedPage, through: datetime) -> None:
        shift, now = self._shift, datetime.now(UTC)
        settled = Settled(
            before=self._cursors[spec.name],
            after=str(page.next),
            through=through,
            taken=[str(change.place) for change in posted.taken],
            left=list(self._left(page.changes, posted, now)),
            at=now,
        )
        has_dead = shift.opened.dead > 0
        if not await self._moved(settled, has_dead=has_dead):
            return
        if settled.left:
            shift.held += len(settled.left)
            shift.parked += 1
            shift.may_hold = True

    def _left(self, changes: Sequence[FeedChange], posted: PostedPage, now: datetime) -> list[Left]:
        shift, found = self._shift, []
        taken = {change.place for change in posted.taken}
        reasons = dict(posted.reasons)
        for change in changes:
            if change.place in taken:
                continue
            reason = reasons.pop(change.place.record_id, "")  # of its first change; later ones wait
            due = shift.next_try(1, now) if reason else now + shift.wait
            found.append(Left(change.place, int(bool(reason)), reason, due))
        return found

    async def _held_records(self) -> list[tuple[str, str]]:
        # Only this half holds records, so none is held of which this does not tell.
        shift = self._shift
        if not shift.may_hold:
            return []
        return await stored(shift.parts.deliveries.held_records, shift.name)

    async def _moved(self, settled: Settled, *, has_dead: bool) -> bool:
        """Settle; False = the cursor is another one by now, and the delivery ends."""
        shift, before = self._shift, settled.before
        if not await stored(shift.parts.deliveries.settle, shift.name, settled, has_dead=has_dead):
            shift.stop.set()
            return False
        after = WebhookCursor(object=before.object, cursor=settled.after, through=settled.through)
        self._cursors[before.object] = after
        return True

    async def _note(self, before: WebhookCursor, at: datetime) -> None:
        """Store that nothing is behind the cursor."""
        await self._moved(Settled(before, before.cursor, at, (), (), at), has_dead=False)
        self._read_at[before.object] = time.monotonic()

    async def _disable_old(self, spec: ObjectSpec, left: datetime) -> None:
        """Disable the webhook: changes behind the cursor are in the archive alone, and skipping
        them would lose them.
        """
        shift = self._shift
        because = (
            f"changes of {spec.name} that were applied before {left:%Y-%m-%d} have left for the archive before they were sent. "
            "Have the receiver read the records again, then replay from there"
        )
        await stored(shift.parts.deliveries.disable, shift.name, because, datetime.now(UTC))
        shift.stop.set()

    async def _wait(self, specs: Sequence[ObjectSpec]) -> None:
        """Wait for new changes of any object, a second at most."""
        shift = self._shift
        if shift.stop.is_set():
            return
        stopping = asyncio.ensure_future(shift.stopped_within(_CHECK_SECONDS))
        looks = {
            asyncio.ensure_future(shift.feed.wait(spec, self._seen[spec.name], _CHECK_SECONDS)): spec.name
            for spec in specs
            if spec.name in self._seen
        }
        ends = [stopping, *looks]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for look in done & looks.keys():
                if look.result():
                    self._read_at.pop(looks[look], None)
        finally:
            for each in ends:
                each.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
