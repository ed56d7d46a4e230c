"""Turns: every few seconds everything that waits in this process, of all objects, is applied in one
transaction.

Redshift commits one transaction after another, over the whole cluster, and each takes a part of a
second. So there are few, and each brings every object that has something.
"""

import asyncio
from collections.abc import Callable, Sequence

from activities.apply.group_commit import commit_of
from activities.apply.steps import GroupFailedError
from activities.apply.waiting import Waiter, WaitingBatches
from clients.metrics.changes import object_label
from clients.metrics.work import GROUP_BATCHES
from clients.telemetry.spans import span
from schemas.errors import TerminalError
from schemas.ingest.messages import ApplyInput, ApplyResult

MOST_OF_TURN = 120_000
"""Staged changes of one turn: a minute of the highest load. It bounds the turn's memory and how
long it holds the objects' locks.
"""
ApplyTurn = Callable[[Sequence[Sequence[ApplyInput]]], list[list[ApplyResult]]]
"""As of `Applier.apply_turn`."""


class TurnCommit:
    """Collects the batches of this process. Turns of other processes are kept out of the objects of
    a turn by the warehouse's own locks.

    Args:
        apply: Applies a turn.
        seconds: From the beginning of a turn to the beginning of the next. A batch that comes after
            a longer pause is applied at once.
    """

    def __init__(self, apply: ApplyTurn, seconds: float) -> None:
        self.apply = apply
        self._seconds = seconds
        self._waiting = WaitingBatches()
        self._turns: asyncio.Task[None] | None = None
        self._next_at = 0.0
        self._failed: set[str] = set()
        """Objects whose last group failed. They are kept out of the turns until one succeeds: they
        might hold the others up each time.
        """
        self._alone: dict[str, asyncio.Task[None]] = {}
        """Their groups that are being applied."""

    async def submit(self, item: ApplyInput) -> ApplyResult:
        """Apply the batch in the next turn; returns when it is committed. Raises what its own apply
        raised.

        Cancelled while it waits, the batch is taken out; cancelled in its turn, the turn goes on.
        """
        waiter = self._waiting.add(item)
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns())
        try:
            return await waiter.outcome
        finally:
            self._waiting.remove(waiter)

    async def _take_turns(self) -> None:
        """Take turns until nothing waits. A task of its own, which no waiter's end ends."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting.objects():
                await asyncio.sleep(max(0.0, self._next_at - loop.time()))
                began = loop.time()
                groups = self._take()
                # What did not fit need not wait: the turns are full.
                is_full = any(name not in self._alone for name in self._waiting.objects())
                self._next_at = began if is_full else began + self._seconds
                if groups:
                    await self._turn(groups)
        finally:
            self._turns = None

    def _take(self) -> list[list[Waiter]]:
        """A group of each object, as many as fit. Those that are kept apart are begun alone."""
        groups: list[list[Waiter]] = []
        changes = 0
        for name in self._waiting.objects():
            if name in self._alone:
                continue
            if name in self._failed:
                self._alone[name] = asyncio.create_task(self._take_alone(name))
                continue
            if groups and changes >= MOST_OF_TURN:
                break
            group = self._waiting.take(name)
            changes += sum(waiter.item.staged.landed for waiter in group)
            groups.append(group)
        return groups

    async def _take_alone(self, name: str) -> None:
        try:
            if group := self._waiting.take(name):
                await self._turn([group])
        finally:
            del self._alone[name]

    async def _turn(self, groups: list[list[Waiter]]) -> None:
        """Apply the groups. One that fails is taken out and the turn repeated: Redshift has no
        savepoints.
        """
        for group in groups:
            GROUP_BATCHES.labels(object_label(_object(group))).observe(len(group))
        while groups:
            items = [[waiter.item for waiter in group] for group in groups]
            try:
                with span(commit_of([waiter for group in groups for waiter in group])):
                    results = await asyncio.to_thread(self.apply, items)
            except GroupFailedError as failed:
                self._failed.add(_object(groups[failed.place]))
                groups = _without(groups, failed)
            except Exception as error:
                for waiter in (waiter for group in groups for waiter in group):
                    waiter.fail(error)
                return
            else:
                for group, answers in zip(groups, results, strict=True):
                    self._failed.discard(_object(group))
                    for waiter, answer in zip(group, answers, strict=True):
                        waiter.answer(answer)
                return


def _object(group: Sequence[Waiter]) -> str:
    return group[0].item.staged.object


def _without(groups: Sequence[list[Waiter]], failed: GroupFailedError) -> list[list[Waiter]]:
    """The turn without its group that failed. Batches that cannot be applied together are left in
    it one by one: one of them must not hold up the others.
    """
    left = list(groups)
    group = left.pop(failed.place)
    if len(group) > 1 and isinstance(failed.cause, TerminalError):
        return [*left, *([waiter] for waiter in group)]
    for waiter in group:
        waiter.fail(failed.cause)
    return left
