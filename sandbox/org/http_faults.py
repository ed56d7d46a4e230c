"""Faults on the way of an HTTP call, outside everything else: the APIs do not know that it happens
to them.

It also keeps the latest calls for the control page, and sends the org's time in every answer's
Date header.
"""

import asyncio
import os
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.org.addresses import tidied
from sandbox.org.auth.sessions import Sessions, bearer_token
from sandbox.org.errors import SalesforceError
from sandbox.org.refusals import refusal
from sandbox.org.state.org import Org

_CONTROL = "/sandbox"
_REST_PATH = "/services/data/"
_API_PATHS = (_REST_PATH, "/services/async/")
_KEPT_CALLS = 200
_LOOPS_TO_NOTICE = 10
_PAGE = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>We are down for maintenance.</h1>"
    b"<p>Sorry for the inconvenience. We'll be back shortly.</p></body></html>"
)
_QUOTA = SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)


@dataclass(frozen=True, slots=True)
class SeenCall:
    """One call, as the control page shows it."""

    at: float
    """Seconds of the org's clock."""
    method: str
    path: str
    status: int
    """0 when there was no answer."""
    seconds: float
    client: str


class ConnectionCutError(ConnectionError):
    """The connection ends here; a server without a socket (a test's own) can only raise it."""


class HttpFaults:
    """The outermost layer of the org's application."""

    def __init__(self, app: ASGIApp, org: Org, sessions: Sessions) -> None:
        self._app = app
        self._org = org
        self._sessions = sessions
        self.calls: deque[SeenCall] = deque(maxlen=_KEPT_CALLS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = tidied(scope)
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._app(scope, receive, send)
            return
        watched = _Watched(send, self._org.clock.http_date())
        began = time.monotonic()
        try:
            with self._org.meters.long_calls.counted(is_api=scope["path"].startswith(_API_PATHS)) as refused:
                if refused is not None:
                    await self._refuse(scope, watched, refused)
                else:
                    await self._carry_out(scope, receive, watched)
        finally:
            self._keep(scope, watched.status, time.monotonic() - began)

    async def _carry_out(self, scope: Scope, receive: Receive, send: "_Watched") -> None:
        subject = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}"
        fault = self._org.faults.strike("http", subject)
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "reset_before":
            await send.cut(reset=True)
        elif fault.kind == "html":
            await _sent(scope, send, Response(_PAGE, fault.status, media_type="text/html"), fault.retry_after)
        elif fault.kind == "quota":
            await self._refuse(scope, send, _QUOTA)
        elif fault.kind == "status":
            error = SalesforceError(fault.code, fault.message, fault.status)
            await self._refuse(scope, send, error, fault.retry_after)
        elif fault.kind in ("reset_after", "truncate"):
            swallowed = _Swallowed()
            await self._app(scope, receive, swallowed)
            if fault.kind == "truncate":
                await swallowed.send_half(send)
            await send.cut(reset=fault.kind == "reset_after")
        else:
            if fault.kind == "latency":
                # What has arrived is carried out, though the caller may have given up by then.
                receive = await _arrived(receive)
                await self._org.faults.wait(fault.seconds)
            else:
                self._expire(scope)
            await self._app(scope, receive, send)

    def _expire(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        # Bulk API 1.0 has its token in a header of its own.
        of_bulk = headers.get(b"x-sfdc-session", b"").decode("latin-1")
        try:
            self._sessions.close(
                of_bulk or bearer_token(headers.get(b"authorization", b"").decode("latin-1"))
            )
        except SalesforceError:
            return  # nobody's session to end

    async def _refuse(
        self, scope: Scope, send: Send, error: SalesforceError, retry_after: int | None = None
    ) -> None:
        response = refusal(error, Request(scope))
        if scope["path"].startswith(_REST_PATH):
            response.headers["Sforce-Limit-Info"] = self._org.limit_info
        await _sent(scope, send, response, retry_after)

    def _keep(self, scope: Scope, status: int, seconds: float) -> None:
        client = dict(scope["headers"]).get(b"user-agent", b"").decode("latin-1")
        self.calls.append(
            SeenCall(self._org.clock.seconds(), scope["method"], scope["path"], status, seconds, client)
        )


class _Watched:
    """The server's `send`, which remembers the status, tells the time, and can end the
    connection.
    """

    def __init__(self, send: Send, date: bytes) -> None:
        self._send = send
        self._date = date
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (b"Date", self._date)]}
        await self._send(message)

    async def cut(self, *, reset: bool) -> None:
        """End the connection. ASGI has no word for it, so uvicorn's connection is reached through
        its bound method.

        Args:
            reset: True throws away what is unsent and resets (ECONNRESET); False lets what was
                sent arrive, then closes.
        """
        self.status = 0
        connection: Any = getattr(self._send, "__self__", None)
        transport = getattr(connection, "transport", None)
        if transport is None:
            raise ConnectionCutError("the sandbox cut the connection")
        if reset:
            _linger_not(transport.get_extra_info("socket").fileno())
        transport.abort()
        # uvicorn has to notice before the call returns, or it logs an application that forgot to
        # answer.
        for _ in range(_LOOPS_TO_NOTICE):
            if connection.disconnected:
                return
            await asyncio.sleep(0)


def _linger_not(descriptor: int) -> None:
    """Make closing a socket a reset. The loop's own object for it takes no options, a duplicate
    reaches the same socket.
    """
    with socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Swallowed:
    """Takes an answer that is not sent."""

    def __init__(self) -> None:
        self._start: Message = {}
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")

    async def send_half(self, send: Send) -> None:
        """The head and the first half of the body, of which the head promises all."""
        if not self._start:
            return  # the application had nobody to answer
        headers = [pair for pair in self._start["headers"] if pair[0].lower() != b"content-length"]
        length = (b"content-length", b"%d" % max(len(self._body), 2))
        await send({**self._start, "headers": [*headers, length]})
        half = bytes(self._body[: len(self._body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


async def _arrived(receive: Receive) -> Receive:
    """Wait until the whole request is here; returns what gives it out."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    waiting = deque(messages)

    async def given() -> Message:
        return waiting.popleft() if waiting else await receive()

    return given


async def _sent(scope: Scope, send: Send, response: Response, retry_after: int | None) -> None:
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    await response(scope, _unread, send)


async def _unread() -> Message:
    """The request's body: a refusal does not read it."""
    return {"type": "http.disconnect"}
