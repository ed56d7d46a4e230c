"""HTTP/1.1 with limits on headers and on time, which uvicorn's own protocol does not have.

A connection is in one of three states: its headers are awaited, its body is awaited, or its answer
is made. The first two end by a timer; the third ends when the caller does not take the answer.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.server.joined_writes import JoinedWrites
from schemas.settings.api_limits import ApiLimits

_MOST_HEADERS = 200
_MOST_PIPELINED = 8
"""Requests that wait on one connection for the answer to an earlier one."""
_LAST_WORDS_SECONDS = 5.0
"""Time for the words of a refusal to go out, before the connection is cut."""


class _StopError(Exception):
    """Raised into the parser, so that it takes no more."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Subclasses that `bounded` makes carry the limits."""

    limits = ApiLimits()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._awaits_head = True
        self._head_bytes = 0
        """Received since the last request was complete."""
        self._named_bytes = 0
        """Of the present request's line and headers, as they are parsed."""
        self._refusal: HTTPStatus | None = None
        """Why the parser was stopped; None = it was not, or what came is no HTTP."""
        self.waits_since = 0.0
        """On the loop's clock: since when no request is at work. Of use while `is_waiting`."""

    @property
    def is_waiting(self) -> bool:
        """True while no request is complete enough to be worked on, or the connection is to end."""
        return self.transport.is_closing() or (self._awaits_head and self._at_work is None)

    @property
    def _at_work(self) -> Any:
        """The request that is answered; None for none, as before the first."""
        cycle = getattr(self, "cycle", None)
        return None if cycle is None or cycle.response_complete else cycle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)  # type: ignore[assignment]
        self.waits_since = self.loop.time()
        self._set_timer(self.limits.header_time.total_seconds())
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timer()
        self._end_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # what comes after a refusal
        if self._awaits_head:
            if self._at_work is None and (self._timer is None or not self._head_bytes):
                self._set_timer(self.limits.header_time.total_seconds())
            self._head_bytes += len(data)
        super().data_received(data)
        if self._awaits_head and self._head_bytes > self.limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """Uvicorn's answer to what its parser cannot take, our refusals included."""
        if self._refusal is None:
            super().send_400_response(msg)
        else:
            self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        self._named_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._stop(HTTPStatus.TOO_MANY_REQUESTS)
        self._awaits_head = False
        self._head_bytes = 0
        self._set_timer(self.limits.body_time.total_seconds())
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._awaits_head = True
        self._head_bytes = 0
        self._end_timer()
        if self._at_work is None:
            # It was answered before its body had come, and uvicorn's own timer is off.
            self._set_timer(self.limits.idle_time.total_seconds())
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.waits_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            seconds = self.limits.read_time.total_seconds()
            self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._end_stall()
        super().resume_writing()

    def _count(self, size: int) -> None:
        self._named_bytes += size
        if self._named_bytes > self.limits.header_bytes or len(self.headers) > _MOST_HEADERS:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _stop(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise _StopError

    def _set_timer(self, seconds: float) -> None:
        self._end_timer()
        self._timer = self.loop.call_later(seconds, self._is_late)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _is_late(self) -> None:
        self._timer = None
        if self._awaits_head and not self._head_bytes:
            self.transport.close()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer in one line, unless an answer has begun, and end the connection."""
        self._end_timer()
        cycle = self._at_work
        has_begun = cycle is not None and cycle.response_started
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if not has_begun and not self.transport.is_closing():
            said = f"{status.phrase}.".encode()
            head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
            length = b"content-length: %d\r\n\r\n" % len(said)
            self.transport.write(b"".join((STATUS_LINE[status], head, length, said)))
        self.transport.close()
        # A caller that takes nothing must not keep the connection by that.
        self.loop.call_later(_LAST_WORDS_SECONDS, self.transport.abort)

    def _make_room(self) -> None:
        """End the connection that has waited longest; this one where all are at work."""
        waiting = [each for each in self.connections if isinstance(each, BoundedProtocol) and each.is_waiting]
        oldest = min(waiting, key=lambda each: each.waits_since, default=self)
        oldest.transport.abort()


def bounded(limits: ApiLimits) -> type[BoundedProtocol]:
    """The protocol with these limits, for uvicorn's `http`."""
    return type("Bounded", (BoundedProtocol,), {"limits": limits})
