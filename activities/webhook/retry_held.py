"""The half of a delivery that tries held changes again: of each record the first one, then those
that wait behind it.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from activities.webhook.shift import Shift
from activities.webhook.stored import stored
from clients.warehouse.records.feed import Place
from schemas.webhook.messages import HeldChange
from transforms.webhook.answers import Answer, Outcome

_RECORDS_AT_ONCE = 4
"""Records tried at once, so that one that hangs stops no other."""
_LOOK_SECONDS = 1.0
_LEFT = "its change has left the warehouse for the archive"


class RetryHeld:
    """Tries the held changes of one webhook for one delivery."""

    def __init__(self, shift: Shift) -> None:
        self._shift = shift

    async def run(self) -> None:
        """Try held changes when they are due, until the delivery ends."""
        shift = self._shift
        leaving = asyncio.ensure_future(shift.left())
        try:
            while not shift.stop.is_set() and not leaving.done():
                if not await self._try(leaving):
                    await shift.stopped_within(_LOOK_SECONDS)
        finally:
            leaving.cancel()

    async def _try(self, leaving: asyncio.Future[None]) -> bool:
        """As `_look`. A request that hangs when the worker stops is not counted as an attempt."""
        trying = asyncio.ensure_future(self._look())
        ends: list[asyncio.Future[Any]] = [trying, leaving]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return trying.result() if trying.done() else False
        finally:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)

    async def _look(self) -> bool:
        """Try the changes that are due; False = none is."""
        shift = self._shift
        if not shift.may_hold:
            return False
        parked = shift.parked
        held = await stored(shift.parts.deliveries.held, shift.name)
        if not held and parked == shift.parked:
            shift.may_hold = False
        due = _due(held, datetime.now(UTC))
        # The first of them alone, while the receiver fails.
        await asyncio.gather(*map(self._record, due[: 1 if shift.is_tried else _RECORDS_AT_ONCE]))
        return bool(due)

    async def _record(self, held: Sequence[HeldChange]) -> None:
        """Send a record's changes in their order, up to the first one that is not taken."""
        shift = self._shift
        deliveries = shift.parts.deliveries
        spec = shift.parts.catalogue.object(held[0].object)
        orders = [Place.parse(each.cursor).change_order for each in held]
        found = await shift.feed.changes_of(spec, held[0].record_id, orders)
        for each, order in zip(held, orders, strict=True):
            if shift.stop.is_set():
                return
            change = found.get(order)
            if change is None:
                await stored(deliveries.refused, shift.name, each, _LEFT, datetime.now(UTC), None)
                continue
            answer = await shift.post(await shift.shown(spec, [change]), change)
            now = datetime.now(UTC)
            if answer.outcome is not Outcome.TAKEN:
                next_try_at = self._next_try(each, answer, now)
                await stored(deliveries.refused, shift.name, each, answer.reason, now, next_try_at)
                return
            await stored(deliveries.taken, shift.name, each, now)

    def _next_try(self, held: HeldChange, answer: Answer, now: datetime) -> datetime | None:
        """When to try again. None = never: it was refused for `dead_after`. A busy receiver
        refuses nothing.
        """
        shift = self._shift
        first = held.failed_at or now
        is_old = held.attempts > 0 and now - first >= shift.parts.settings.dead_after
        if is_old and answer.outcome is Outcome.FAILED:
            return None
        return shift.next_try(held.attempts + 1, now)


def _due(held: Sequence[HeldChange], now: datetime) -> list[list[HeldChange]]:
    """The records whose first held change is due, the longest due first."""
    chains = [list(group) for _, group in groupby(sorted(held, key=_place), key=_record_of)]
    due = [chain for chain in chains if chain[0].next_try_at <= now]
    return sorted(due, key=lambda chain: chain[0].next_try_at)


def _record_of(held: HeldChange) -> tuple[str, str]:
    return held.object, held.record_id


def _place(held: HeldChange) -> tuple[str, str, str]:
    return held.object, held.record_id, held.cursor
