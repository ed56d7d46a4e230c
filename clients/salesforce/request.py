"""A call to be made: what it asks, until when it may begin, and how its body goes out."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import httpx

from clients.salesforce.call_log import path_template
from schemas.governor import Budget, LeaseClass

_PIECE_BYTES = 32 * 1024
"""When a connection ends, nobody knows how much of the piece on its way has gone. So pieces are
small.
"""


@dataclass(frozen=True)
class Call:
    """One call of an HTTP API of the org.

    Args:
        method: HTTP method.
        path: From the host on, as nextRecordsUrl and other links give it. `OrgHttp.data_path`
            begins most.
        lease_class: The class that pays.
        params: Query. None = no query.
        body: bytes are sent as they are; anything else is sent as JSON. None = no body.
        headers: Beyond authorization. None = no others.
        also: Tokens that the call spends besides one API call: {Budget.BULK_QUERY_JOBS: 1}. 0
            tokens = paid
            for before; a refusal for the day's quota still stops that budget.
        is_long: The call may take 20 seconds or more, and holds a token of `long_calls`. False =
            the call is
            given up before it becomes a long one.
    """

    method: str
    path: str
    lease_class: LeaseClass
    params: Mapping[str, str] | None = None
    body: object = None
    headers: Mapping[str, str] | None = None
    also: Mapping[Budget, int] = field(default_factory=dict)
    is_long: bool = False

    @property
    def name(self) -> str:
        """Method and path for messages, without the query, ids and values."""
        return f"{self.method} {path_template(self.path)}"


@dataclass(frozen=True)
class Deadline:
    """A span that began at a moment, measured by two clocks.

    Nobody sets the one clock; the other one goes on while the machine sleeps. The one that is
    further counts.

    A look-up takes a write without an answer for not carried out after a while. So a process
    that was stopped between the store's word and the write must not go on where it was: another
    may have written in its place.
    """

    began: float
    began_by_the_wall: float
    seconds: float

    @classmethod
    def within(cls, limit: timedelta) -> Self:
        """The deadline `limit` from now on."""
        return cls(time.monotonic(), time.time(), limit.total_seconds())

    @property
    def is_past(self) -> bool:
        """True once more time than the limit has passed."""
        return max(time.monotonic() - self.began, time.time() - self.began_by_the_wall) > self.seconds


class BodyInPieces(httpx.AsyncByteStream):
    """The body of a write; it tells whether the org can have the whole of a body that was broken
    off.

    The request's header has the body's length. An org that lacks the last piece waits for it,
    and carries out nothing.
    """

    def __init__(self, content: bytes, before_last: Callable[[], None]) -> None:
        """`before_last` is called when all but the last piece has gone. An error of it keeps
        that piece back.
        """
        self._content = content
        self._before_last = before_last
        self.may_be_whole = not content
        """False: the last piece was never asked for, so nobody can have all of it."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        last = max(len(self._content) - 1, 0) // _PIECE_BYTES * _PIECE_BYTES
        for start in range(0, last, _PIECE_BYTES):
            yield self._content[start : start + _PIECE_BYTES]
        self._before_last()
        self.may_be_whole = True
        yield self._content[last:]
