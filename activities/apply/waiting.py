"""The batches of a process that wait to be applied, by object."""

import asyncio
from collections import defaultdict
from typing import NamedTuple

from clients.telemetry.spans import SpanRef, current_span
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.ingest.raw import Form

MOST_CHANGES = 60_000
"""Staged changes of one object in a transaction; bounds its memory and how long others wait for the
object.
"""
MOST_BESIDE_LANES = 20_000
"""Of pages of a backfill while batches of lanes wait: what freshness may lose by them, once a turn.
"""


class Waiter(NamedTuple):
    """A batch and who waits for it."""

    item: ApplyInput
    outcome: "asyncio.Future[ApplyResult]"
    step: SpanRef | None
    """The span of the batch's step; None where no spans are made."""

    def answer(self, result: ApplyResult) -> None:
        """Give the result, unless nobody waits any more."""
        if not self.outcome.done():
            self.outcome.set_result(result)

    def fail(self, error: Exception) -> None:
        """Give an error, unless nobody waits any more."""
        if not self.outcome.done():
            self.outcome.set_exception(error)


class WaitingBatches:
    """Batches in the order in which they came. Used by one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, list[Waiter]] = defaultdict(list)
        self._pages_are_due: set[str] = set()

    def add(self, item: ApplyInput) -> Waiter:
        """Put a batch at the end of its object's."""
        outcome: asyncio.Future[ApplyResult] = asyncio.get_running_loop().create_future()
        waiter = Waiter(item, outcome, current_span())
        self._waiting[item.staged.object].append(waiter)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """Take a batch out, unless it was taken."""
        waiting = self._waiting[waiter.item.staged.object]
        if waiter in waiting:
            waiting.remove(waiter)

    def has(self, name: str) -> bool:
        """True when a batch of the object waits."""
        return bool(self._waiting[name])

    def objects(self) -> list[str]:
        """The objects with batches that wait; those that were taken last come last."""
        return [name for name, waiting in self._waiting.items() if waiting]

    def forget(self, name: str) -> None:
        """The object's turn is over, and nothing of it waits."""
        self._pages_are_due.discard(name)

    def take(self, name: str) -> list[Waiter]:
        """The object's batches of lanes that wait, or pages of backfills.

        Lanes come first, since somebody waits for what has just changed. When both wait they
        take turns, and pages get small ones: neither can hold up the other for long.
        """
        self._waiting[name] = self._waiting.pop(name)
        lanes: list[Waiter] = []
        pages: list[Waiter] = []
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

    def _take_of(self, name: str, some: list[Waiter], most: int) -> list[Waiter]:
        """The oldest of some waiters, as many as fit; the same batch never twice in one group."""
        waiting, changes = self._waiting[name], 0
        taken: list[Waiter] = []
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
