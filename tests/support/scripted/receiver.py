"""A receiver of webhooks: a real HTTP server whose answers a test scripts, and which keeps what it
was sent.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.ports import free_port


@dataclass(frozen=True)
class Message:
    """One request, as it came."""

    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    answered: int
    """0 = it was left without an answer."""

    @property
    def id(self) -> str:
        """`webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        """The body's JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def change(self) -> dict[str, Any]:
        """The change."""
        found: dict[str, Any] = self.content["data"]
        return found

    @property
    def status(self) -> str:
        """The change's `Status`, by which tests tell changes of a record apart."""
        return str(self.change["fields"].get("Status"))


@dataclass(frozen=True)
class Reply:
    """An answer. `hangs`: none comes before the client goes away."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


OK, BROKEN, HANGS = Reply(), Reply(500), Reply(hangs=True)


def _takes_all(_: Message) -> Reply:
    return OK


@dataclass
class Receiver:
    """One receiver: the messages that it got, and how it answers."""

    url: str
    answers: Callable[[Message], Reply] = _takes_all
    """May be replaced at any time."""
    messages: list[Message] = field(default_factory=list)
    """In the order in which they came."""
    at_once: int = 0
    """The most requests that were open at the same time."""
    _open: int = 0

    @property
    def taken(self) -> list[Message]:
        """Messages that it has answered with 2xx, repeated ones left out, as a receiver does by
        their ids.
        """
        found: dict[str, Message] = {}
        for each in self.messages:
            if 200 <= each.answered < 300:
                found.setdefault(each.id, each)
        return list(found.values())

    def taken_of(self, record: str) -> list[str]:
        """The `Status` of each change of a record that was taken, in the order in which it was
        first taken.
        """
        return [each.status for each in self.taken if each.change.get("id") == record]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer as scripted."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        reply = self.answers(Message(headers, body, 0))
        message = Message(headers, body, 0 if reply.hangs else reply.status)
        self.messages.append(message)
        self._open += 1
        self.at_once = max(self.at_once, self._open)
        try:
            if reply.hangs:
                await asyncio.Event().wait()
            return web.Response(status=reply.status, headers=reply.headers)
        finally:
            self._open -= 1


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Serve one, which takes everything until a test scripts its answers."""
    port = free_port()
    made = Receiver(f"http://127.0.0.1:{port}/hook")
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    try:
        yield made
    finally:
        await runner.cleanup()
