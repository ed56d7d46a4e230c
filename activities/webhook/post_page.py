"""Post the changes of a page: those of one record one after the other, different records side by
side.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from activities.webhook.shift import Shift
from clients.warehouse.records.feed import FeedChange
from clients.warehouse.records.shown import Shown
from schemas.webhook.limits import FAILURES_OF_A_RECEIVER
from transforms.webhook.answers import Outcome


@dataclass
class PostedPage:
    """The outcome of a page."""

    taken: list[FeedChange] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    """Record -> why its change was not taken."""
    is_refused: bool = False
    """True = several records were refused and none was taken, so the receiver fails."""


async def post_page(
    shift: Shift, shown: Shown, changes: Sequence[FeedChange], held: Collection[str]
) -> PostedPage:
    """Post the changes of a page, but those of records that are held.

    A change that is not taken holds the later ones of its record. When the worker stops,
    requests under way get some seconds to end.
    """
    posted = PostedPage()
    chains: dict[str, list[FeedChange]] = {}
    for change in changes:
        if change.place.record_id not in held:
            chains.setdefault(change.place.record_id, []).append(change)
    slots = asyncio.Semaphore(1 if shift.is_tried else shift.parts.settings.at_once)
    tasks = [asyncio.ensure_future(_post(shift, shown, chain, slots, posted)) for chain in chains.values()]
    leaving = asyncio.ensure_future(shift.left())
    try:
        waiting = asyncio.ensure_future(_all(tasks))
        await asyncio.wait([waiting, leaving], return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            waiting.result()  # raises what a task has raised
        waiting.cancel()
    finally:
        for task in (*tasks, leaving):
            task.cancel()
        await asyncio.gather(*tasks, leaving, return_exceptions=True)
    return posted


async def _all(tasks: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.gather(*tasks)


async def _post(
    shift: Shift, shown: Shown, chain: Sequence[FeedChange], slots: asyncio.Semaphore, posted: PostedPage
) -> None:
    for change in chain:
        async with slots:
            if posted.is_refused or shift.is_halted:
                return
            answer = await shift.post(shown, change)
        if answer.outcome is not Outcome.TAKEN:
            posted.reasons[change.place.record_id] = answer.reason
            if not posted.taken and len(posted.reasons) >= FAILURES_OF_A_RECEIVER:
                posted.is_refused = True
            return
        posted.taken.append(change)
