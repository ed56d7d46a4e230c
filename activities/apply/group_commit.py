"""Group commit: one applier an object at a time takes everything that waits and applies it in one
transaction.

A warehouse likes few large commits. Under load the groups grow instead of the queue: the process
that gets the object's turn takes every waiting batch, and later ones find their work done.
"""

import asyncio
from collections.abc import Callable, Sequence

from activities.apply.waiting import Waiter, WaitingBatches
from clients.metrics.changes import object_label
from clients.metrics.work import GROUP_BATCHES
from clients.telemetry.spans import AttributeValue, SpanKind, SpanSpec, span
from schemas.errors import TerminalError
from schemas.ingest.messages import ApplyInput, ApplyResult

ApplyGroup = Callable[[Sequence[ApplyInput]], list[ApplyResult]]


class GroupCommit:
    """Collects batches of each object in this process. Another process is kept out by the
    warehouse's own lock.
    """

    def __init__(self, apply: ApplyGroup) -> None:
        self.apply = apply
        self._waiting = WaitingBatches()
        self._turns: dict[str, asyncio.Task[None]] = {}

    async def submit(self, item: ApplyInput) -> ApplyResult:
        """Apply the batch, alone or in a group; returns when it is committed. Raises what its own
        apply raised.

        Cancelled while it waits, the batch is taken out; cancelled while its group is applied,
        the group goes on.
        """
        name = item.staged.object
        waiter = self._waiting.add(item)
        if name not in self._turns:
            self._turns[name] = asyncio.create_task(self._take_turn(name))
        try:
            return await waiter.outcome
        finally:
            self._waiting.remove(waiter)

    async def _take_turn(self, name: str) -> None:
        """Apply whatever waits for the object until nothing does. A task of its own, which no
        waiter's end ends.
        """
        try:
            while self._waiting.has(name):
                await self._apply_group(self._waiting.take(name))
        finally:
            del self._turns[name]
            self._waiting.forget(name)

    async def _apply_group(self, group: list[Waiter]) -> None:
        items = [waiter.item for waiter in group]
        GROUP_BATCHES.labels(object_label(items[0].staged.object)).observe(len(items))
        try:
            with span(commit_of(group)):
                results = list(zip(group, await asyncio.to_thread(self.apply, items), strict=True))
        except Exception as error:
            await self._fail(group, error)
            return
        for waiter, result in results:
            waiter.answer(result)

    async def _fail(self, group: list[Waiter], error: Exception) -> None:
        """A batch that cannot be applied must not hold up the others: they go on one by one."""
        if len(group) > 1 and isinstance(error, TerminalError):
            for waiter in group:
                await self._apply_group([waiter])
            return
        for waiter in group:
            waiter.fail(error)


def commit_of(group: Sequence[Waiter]) -> SpanSpec:
    """A span in the trace of the first batch that is recorded, with links to the others'. `group`:
    of one object, or of all in a turn.
    """
    steps = [waiter.step for waiter in group if waiter.step is not None and waiter.step.is_sampled]
    facts: dict[str, AttributeValue] = {
        "tidegate.object": ",".join(sorted({waiter.item.staged.object for waiter in group})),
        "tidegate.batches": len(group),
        "tidegate.changes": sum(waiter.item.staged.landed for waiter in group),
    }
    return SpanSpec(
        "warehouse.commit", facts, SpanKind.CLIENT, parent=next(iter(steps), None), links=steps[1:]
    )
