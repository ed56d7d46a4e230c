"""Shared by every source of events: the message, the buffer that is read, and the cost of
deliveries.

A delivered event is paid for before it is asked for (law 5). What was paid for and never
delivered is not lost: it is kept for the lane's next stream.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from schemas.errors import TidegateError

DELIVERY_LIMIT_PAUSE = timedelta(minutes=15)
"""Waiting time when the org's deliveries are used up; they come back over 24 hours."""

QUIET_SECONDS = 5.0
"""After this long without an event none is on its way: events that were paid for and did not come
were not delivered.
"""


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """One event as received: `data` is the `data` object of the event's CometD message, whatever
    brought it.
    """

    replay_id: int
    data: dict[str, Any]
    received_at_ms: int


class EventAllowance(Protocol):
    """Grants tokens for delivered events."""

    async def take(self, count: int) -> int:
        """Wait for tokens; returns how many were granted, between 1 and `count`.

        Raises a `TidegateError` when they are refused.
        """

    def came(self, count: int) -> None:
        """Events came for so many of the tokens, or may have."""


class EventTokens:
    """An allowance that remembers what was taken and not delivered. With None behind it everything
    is free.

    Kept by the opener, one a lane, it lasts from one stream to the next.
    """

    def __init__(self, allowance: EventAllowance | None) -> None:
        self._allowance = allowance
        self._left = 0

    @classmethod
    def of(cls, allowance: EventAllowance | None) -> "EventTokens":
        """The tokens of an allowance: itself when it is one already."""
        return allowance if isinstance(allowance, EventTokens) else cls(allowance)

    async def take(self, count: int) -> int:
        """Tokens from what is left over, or from the allowance when nothing is."""
        if self._allowance is None:
            return count
        if self._left:
            taken = min(self._left, count)
            self._left -= taken
            return taken
        return await self._allowance.take(count)

    def came(self, count: int) -> None:
        """Events came for so many tokens, or may have: nobody can use them again."""
        if self._allowance is not None:
            self._allowance.came(max(count, 0))

    def give_back(self, count: int) -> None:
        """Keep tokens for which nothing was delivered."""
        self._left += max(count, 0)


class BufferedStream:
    """Events that have arrived and were not read yet. It never holds much more than `most`: who
    fills it waits for room.
    """

    silence: timedelta
    """How long the server may say nothing before the stream counts as dead."""

    def __init__(self, replay_id: int, *, most: int) -> None:
        self.replay_id = replay_id
        """Position of the last event that was given or is held."""
        self.heard_at_ms: int | None = None
        """The server's last answer, keep-alives included, in epoch milliseconds; None: none yet."""
        self._most = most
        self._arrived: list[StreamMessage] = []
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._failure: TidegateError | None = None

    async def read(self, *, wait_seconds: float) -> list[StreamMessage]:
        """Everything that arrived since the last call, after waiting at most `wait_seconds` for the
        first of it.

        Raises what ended the stream, once everything that arrived before has been read.
        """
        if not self._arrived and self._failure is None:
            try:
                await asyncio.wait_for(self._news.wait(), wait_seconds)
            except TimeoutError:
                self._check_silence()
        arrived, self._arrived = self._arrived, []
        self._news.clear()
        self._room.set()
        if not arrived and self._failure is not None:
            raise self._failure
        return arrived

    def heard(self) -> None:
        """The server has answered, with events or without."""
        self.heard_at_ms = time.time_ns() // 1_000_000

    def put(self, events: Sequence[tuple[int | None, dict[str, Any]]]) -> None:
        """Take in events, each with its replay id; None belongs to the position of the one before
        it.

        The position never goes back: a broken message may show any number.
        """
        now_ms = time.time_ns() // 1_000_000
        for replay_id, data in events:
            self.replay_id = self.replay_id if replay_id is None else max(self.replay_id, replay_id)
            self._arrived.append(StreamMessage(self.replay_id, data, now_ms))
        if events:
            self._news.set()
        if len(self._arrived) > self._most:
            self._room.clear()

    async def wait_for_room(self) -> None:
        """Return when few enough events are unread."""
        await self._room.wait()

    def fail(self, error: TidegateError) -> None:
        """End the stream: `read` raises `error` when it has given everything that arrived."""
        self._failure = self._failure or error
        self._news.set()

    def _check_silence(self) -> None:
        """Called when a read brought nothing: a source that can tell that it is dead fails here."""
