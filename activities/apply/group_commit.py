"""Group commit: one applier an object at a time takes everything that waits and applies it in one
transaction.

A warehouse likes few large commits. Under load the groups grow instead of the queue: the process
that gets the object's turn takes every waiting batch, and later ones find their work done.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from clients.metrics.changes import object_label
from clients.metrics.work import GROUP_BATCHES
from clients.telemetry.spans import AttributeValue, SpanKind, SpanRef, SpanSpec, current_span, span
from schemas.errors import TerminalError
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.ingest.raw import Form

MOST_CHANGES = 60_000
"""Staged changes of one transaction; bounds its memory and how long others wait for the object."""
MOST_BESIDE_LANES = 20_000
"""Of pages of a backfill while batches of lanes wait: what freshness may lose by them, once a turn.
"""

ApplyGroup = Callable[[Sequence[ApplyInput]], list[ApplyResult]]


class _Waiter(NamedTuple):
    item: ApplyInput
    outcome: "asyncio.Future[ApplyResult]"
    step: SpanRef | None
    """The span of the batch's step; None where no spans are made."""


class GroupCommit:
    """Collects batches of each object in this process. Another process is kept out by the
    warehouse's own lock.
    """

    def __init__(self, apply: ApplyGroup) -> None:
        self.apply = apply
        self._waiting: defaultdict[str, list[_Waiter]] = defaultdict(list)
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._pages_are_due: set[str] = set()

    async def submit(self, item: ApplyInput) -> ApplyResult:
        """Apply the batch, alone or in a group; returns when it is committed. Raises what its own
        apply raised.

        Cancelled while it waits, the batch is taken out; cancelled while its group is applied,
        the group goes on.
        """
        name = item.staged.object
        outcome: asyncio.Future[ApplyResult] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(item, outcome, current_span())
        self._waiting[name].append(waiter)
        if name not in self._turns:
            self._turns[name] = asyncio.create_task(self._take_turn(name))
        try:
            return await outcome
        finally:
            if waiter in self._waiting[name]:
                self._waiting[name].remove(waiter)

    async def _take_turn(self, name: str) -> None:
        """Apply whatever waits for the object until nothing does. A task of its own, which no
        waiter's end ends.
        """
        try:
            while self._waiting[name]:
                await self._apply_group(self._take(name))
        finally:
            del self._turns[name]
            self._pages_are_due.discard(name)

    def _take(self, name: str) -> list[_Waiter]:
        """The batches of lanes that wait, or pages of backfills.

        Lanes come first, since somebody waits for what has just changed. When both wait they
        take turns, and pages get small ones: neither can hold up the other for long.
        """
        lanes: list[_Waiter] = []
        pages: list[_Waiter] = []
        for waiter in self._waiting[name]:
            (pages if waiter.item.manifest.form is Form.ROWS else lanes).append(waiter)
        if not lanes or not pages:
            self._pages_are_due.discard(name)
            return self._take_of(name, lanes or pages, MOST_CHANGES)
        if name in self._pages_are_due:
            self._pages_are_due.discard(name)
            return self._take_of(name, pages, MOST_BESIDE_LANES)
        self._pages_are_due.add(name)
        return self._take_of(name, lanes, MOST_CHANGES)

    def _take_of(self, name: str, some: list[_Waiter], most: int) -> list[_Waiter]:
        """The oldest of some waiters, as many as fit; the same batch never twice in one group."""
        waiting, changes = self._waiting[name], 0
        taken: list[_Waiter] = []
        batches: set[str] = set()
        for waiter in some:
            batch = waiter.item.manifest.batch
            changes += waiter.item.staged.landed
            if taken and (changes > most or batch in batches):
                break
            batches.add(batch)
            taken.append(waiter)
            waiting.remove(waiter)
        return taken

    async def _apply_group(self, group: list[_Waiter]) -> None:
        items = [waiter.item for waiter in group]
        GROUP_BATCHES.labels(object_label(items[0].staged.object)).observe(len(items))
        try:
            with span(_commit_of(group)):
                results = list(zip(group, await asyncio.to_thread(self.apply, items), strict=True))
        except Exception as error:
            await self._fail(group, error)
            return
        for waiter, result in results:
            if not waiter.outcome.done():
                waiter.outcome.set_result(result)

    async def _fail(self, group: list[_Waiter], error: Exception) -> None:
        """A batch that cannot be applied must not hold up the others: they go on one by one."""
        if len(group) > 1 and isinstance(error, TerminalError):
            for waiter in group:
                await self._apply_group([waiter])
            return
        for waiter in group:
            if not waiter.outcome.done():
                waiter.outcome.set_exception(error)


def _commit_of(group: Sequence[_Waiter]) -> SpanSpec:
    """A span in the trace of the first batch that is recorded, with links to the others'."""
    steps = [waiter.step for waiter in group if waiter.step is not None and waiter.step.is_sampled]
    facts: dict[str, AttributeValue] = {
        "tidegate.object": group[0].item.staged.object,
        "tidegate.batches": len(group),
        "tidegate.changes": sum(waiter.item.staged.landed for waiter in group),
    }
    return SpanSpec(
        "warehouse.commit", facts, SpanKind.CLIENT, parent=next(iter(steps), None), links=steps[1:]
    )
