"""The change feed: the changes of an object in the order in which they were applied.

A place in it is the time of a change's commit, then the change's place and record. Times of an
object's commits increase in the order in which the commits become visible
(docs/decisions/0071), so nothing ever appears before a place that a reader has seen.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.warehouse.records import statements as sql
from clients.warehouse.records.reader import Fresh, fresh_of
from clients.warehouse.records.sessions import ReadSessions, Row
from clients.warehouse.records.times import end_of_month
from clients.warehouse.sql.apply import change_table
from schemas.catalogue import ObjectSpec
from schemas.ingest.change_types import WHOLE
from schemas.tables import CHANGE_HEADER

LOOK_SECONDS = 0.2
"""Those who wait for changes of an object share one look in this time."""
_CURSOR = re.compile(r"(\d{13})\.([0-9.]{0,48})\.([0-9A-Za-z]{0,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = len(CHANGE_HEADER) + 1


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the feed: right behind a change, or before the first one of a time."""

    applied_at: datetime
    change_order: str = ""
    record_id: str = ""

    def __str__(self) -> str:
        milliseconds = (self.applied_at - _EPOCH) // timedelta(milliseconds=1)
        return f"{milliseconds:013d}.{self.change_order}.{self.record_id}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """The place that a cursor names; "" = before the first change. Raises `ValueError` for what
        is no cursor.
        """
        if not text:
            return BEGINNING
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise ValueError("it is no cursor of this feed: give `next` or `cursor` as it was answered")
        return cls(_EPOCH + timedelta(milliseconds=int(found[1])), found[2], found[3])


BEGINNING = Place(_EPOCH)


@dataclass(frozen=True, slots=True)
class FeedChange:
    """One change of the feed."""

    place: Place
    change_type: str
    changed_at: datetime
    carried: tuple[tuple[str, Any], ...]
    """Fields that the change sets and their columns' values, those of `diffs` aside."""
    diffs: tuple[tuple[str, Any], ...]
    """Texts that came as diffs."""
    isolated: str | None
    """Columns whose value did not fit, joined by commas."""
    commit_user: str | None
    change_origin: str | None


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The next changes behind a place."""

    changes: list[FeedChange]
    next: Place
    has_more: bool
    fresh: Fresh


class ChangeFeed:
    """Reads the feeds of a warehouse. One for an event loop."""

    def __init__(self, sessions: ReadSessions) -> None:
        self._sessions = sessions
        self._looks: dict[str, tuple[float, asyncio.Task[Fresh]]] = {}

    async def latest(self, spec: ObjectSpec) -> Place:
        """The place behind the last change."""
        fresh = await self._look(spec)
        # Less than a millisecond is between two commits of an object in no case.
        return BEGINNING if fresh.applied_at is None else Place(fresh.applied_at + timedelta(milliseconds=1))

    async def page(self, spec: ObjectSpec, after: Place, count: int) -> FeedPage | datetime:
        """The next `count` changes behind a place; a time when some of them have left the
        warehouse: those that were applied before it.
        """
        place = (after.applied_at, after.applied_at, after.change_order, after.record_id)
        [[told], [(month,)], rows] = await self._sessions.fetch_together(
            (sql.find_freshness(), (spec.name, spec.name)),
            (sql.find_left_months(), (change_table(spec),)),
            (sql.list_changes(spec, count + 1), place),
        )
        left = end_of_month(month)
        if left is not None and after != BEGINNING and after.applied_at < left:
            return left
        changes = [_change(row, spec) for row in rows[:count]]
        behind = changes[-1].place if changes else after
        return FeedPage(changes, behind, len(rows) > count, fresh_of(told))

    async def changes_of(
        self, spec: ObjectSpec, record_id: str, orders: Sequence[str]
    ) -> dict[str, FeedChange]:
        """The changes of a record with these `change_order`; one that has left the warehouse is not
        there.
        """
        rows = await self._sessions.fetch(sql.find_changes(spec), (record_id, list(orders)))
        found = (_change(row, spec) for row in rows)
        return {each.place.change_order: each for each in found}

    async def wait(self, spec: ObjectSpec, seen: Fresh, seconds: float) -> bool:
        """Wait until the object has a later commit than `seen`; False = it has none after so many
        seconds.
        """
        ends = time.monotonic() + seconds
        while (await self._look(spec)).commit <= seen.commit:
            if time.monotonic() + LOOK_SECONDS > ends:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _look(self, spec: ObjectSpec) -> Fresh:
        now = time.monotonic()
        asked_at, look = self._looks.get(spec.name, (float("-inf"), None))
        if look is None or now - asked_at >= LOOK_SECONDS:
            look = asyncio.create_task(self._fresh(spec))
            self._looks[spec.name] = (now, look)
        return await asyncio.shield(look)

    async def _fresh(self, spec: ObjectSpec) -> Fresh:
        [row] = await self._sessions.fetch(sql.find_freshness(), (spec.name, spec.name))
        return fresh_of(row)


def _change(row: Row, spec: ObjectSpec) -> FeedChange:
    record_id, order, kind, changed_at, changed, diffs, isolated, user, origin = row[:9]
    named = frozenset(spec.columns.values()) if kind in WHOLE and changed is None else _split(changed)
    texts = _split(diffs)
    pairs = [
        (name, column, value)
        for (name, column), value in zip(spec.columns.items(), row[_HEAD:], strict=True)
        if column in named
    ]
    return FeedChange(
        place=Place(row[_HEAD - 1], order, record_id),
        change_type=kind,
        changed_at=changed_at,
        carried=tuple((name, value) for name, column, value in pairs if column not in texts),
        diffs=tuple((name, value) for name, column, value in pairs if column in texts),
        isolated=isolated,
        commit_user=user,
        change_origin=origin,
    )


def _split(columns: str | None) -> frozenset[str]:
    return frozenset(columns.split(",")) if columns else frozenset()
