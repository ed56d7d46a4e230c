"""The org of a schedule: the sandbox's own, in this process, called without a socket.

Every call may be lost on its way, or its answer on the way back; a stream may be cut, come late or
say things twice.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from starlette.types import Message

from clients.salesforce.streaming.cometd import CometdStream
from clients.salesforce.streaming.cometd_frames import load_frame
from clients.salesforce.streaming.stream import EventAllowance
from sandbox.org.channels.bus import ReplayPositionError
from sandbox.org.server.app import build_app, open_org
from schemas.errors import RateLimitedError, ReplayExpiredError, StreamBrokenError, UnavailableError
from schemas.ingest.messages import FollowInput
from tests.storm.acts.quota import Quota
from tests.storm.death import die
from tests.storm.fate import Fate
from tests.storm.loop import HOST, Host, StormLoop

_CALL_SECONDS = 0.03
_ANSWER_EVENTS = 20
"""The most events of one answer. It is small, so that a schedule has many answers."""


class StormOrg:
    """The org, with its application."""

    def __init__(self, loop: StormLoop, fate: Fate, folder: Path, template: Path) -> None:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.loop = loop
        self.fate = fate
        self.folder = folder
        self.org = open_org(folder)
        self.app = build_app(self.org)
        self.calls = 0
        """The number of API calls that the org has met."""
        self.quota = Quota(self.org.meters.api_calls)
        self.forgotten: list[bytes] = []
        """Events of cases that the bus holds no more."""
        self.forgotten_through = 0
        """The last of them, as a replay id; 0 = the bus holds every event."""
        self._lifespan: Any = None

    @property
    def org_id(self) -> str:
        return self.org.identity.org_id

    async def start(self) -> None:
        """Let its chores run."""
        self._lifespan = self.app.router.lifespan_context(self.app)
        await self._lifespan.__aenter__()

    async def stop(self) -> None:
        """End it."""
        await self._lifespan.__aexit__(None, None, None)

    def forget_events(self) -> None:
        """Let the bus forget all that was sent, as after an outage beyond its retention."""
        rows = self.org.store.connection.execute("SELECT body FROM events WHERE entity = 'Case'")
        self.forgotten += [body for (body,) in rows]
        self.org.bus.forget_all()
        self.forgotten_through = self.org.bus.newest

    @asynccontextmanager
    async def stream(
        self, request: FollowInput, replay_id: int, allowance: EventAllowance | None
    ) -> AsyncIterator[CometdStream]:
        """Subscribe as a CometD client does; the events come without its wire."""
        fault = self.fate.strike("stream:open")
        await asyncio.sleep(self.fate.seconds("stream.open", 0.2))
        if fault == "refused":
            raise UnavailableError(system="Salesforce", detail="the storm takes the handshake")
        if self.org.channels.is_exhausted:
            raise RateLimitedError(
                system="Salesforce", detail="deliveries are used up", retry_after=timedelta(minutes=1)
            )
        try:
            position = self.org.bus.start_position(replay_id)
        except ReplayPositionError as error:
            raise ReplayExpiredError(
                lane=request.lane, position=str(replay_id), detail="it is past retention"
            ) from error
        stream = CometdStream(request.channel, replay_id, allowance)
        pump = asyncio.create_task(self._pump(stream, request.channel, position))
        try:
            yield stream
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            stream.settle()

    async def _pump(self, stream: CometdStream, channel: str, position: int) -> None:
        found = self.org.channels.find(channel)
        assert found is not None, channel
        try:
            while True:
                await stream.pay_ahead()
                fault = self.fate.strike("stream:answer")
                await asyncio.sleep(self.fate.seconds("stream.answer", 0.3))
                if fault == "cut":
                    raise StreamBrokenError(lane=channel, detail="the storm cuts the stream")
                before = position
                rows, position = self.org.channels.read(found, position, (_ANSWER_EVENTS, 2**20))
                if rows and fault == "lost":
                    # Delivered and counted, and the answer never comes: the client asks again.
                    position = before
                    continue
                frame = b",".join(b'{"data":' + row.data + b"}" for row in rows)
                messages = load_frame(f"[{frame.decode()}]")
                await stream.accept(messages)
                if rows and fault == "doubled":
                    position = before
        except Exception as error:
            stream.fail(error)  # type: ignore[arg-type]


class OrgTransport(httpx.AsyncBaseTransport):
    """The way of a process's HTTP calls to the org."""

    def __init__(self, org: StormOrg) -> None:
        self._org = org

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one call."""
        fate, sent_at = self._org.fate, self._org.loop.time()
        fault = fate.strike(f"org:{_kind(request)}")
        # Piece by piece, as the network takes it: a write knows by it whether it may have arrived.
        assert isinstance(request.stream, httpx.AsyncByteStream)
        reached = fault != "unreached"
        body = b"".join([piece async for piece in request.stream]) if reached else b""
        if fault is not None:
            fate.note(f"org {request.method} {request.url.path} {fault}")
        await asyncio.sleep(fate.seconds("org.way", _CALL_SECONDS))
        if fault == "unreached":
            raise httpx.ConnectError("the storm takes the connection", request=request)
        if fault == "refused":
            return httpx.Response(503, json=[{"errorCode": "SERVER_UNAVAILABLE", "message": "storm"}])
        if fault == "expired":
            self._org.app.state.sessions.close_all()
        call = self._org.loop.world_task(self._carry(request, body, HOST.get(), sent_at))
        answer = await asyncio.shield(call)
        if fault == "dies":
            die()
        await asyncio.sleep(fate.seconds("org.back", _CALL_SECONDS))
        if fault in ("lost", "dies"):
            raise httpx.ReadError("the storm takes the answer", request=request)
        if (refusal := answer.extensions.get("refusal")) is not None:
            refusal.heard_at = self._org.loop.time()
        return answer

    async def _carry(
        self, request: httpx.Request, body: bytes, process: Host | None, sent_at: float
    ) -> httpx.Response:
        self._org.calls += 1
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "server": ("org", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        sent: list[Message] = []
        parts: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            part = next(parts, None)
            if part is None:
                await asyncio.Event().wait()
            assert part is not None
            return part

        async def send(message: Message) -> None:
            sent.append(message)

        await self._org.app.state.outermost(scope, receive, send)
        start = next(each for each in sent if each["type"] == "http.response.start")
        content = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
        told: dict[str, Any] = {}
        if start["status"] == httpx.codes.FORBIDDEN and b"REQUEST_LIMIT_EXCEEDED" in content:
            told["refusal"] = self._org.quota.refuse(process, sent_at, _kind(request))
        return httpx.Response(
            start["status"], headers=start["headers"], content=content, request=request, extensions=told
        )


def _kind(request: httpx.Request) -> str:
    path = request.url.path
    if "/oauth2/" in path:
        return "login"
    if path.endswith("/limits"):
        return "limits"
    if request.method in ("GET", "HEAD") or path.endswith(("/query", "/queryAll")):
        return "read"
    return "write"


@contextmanager
def called_without_sockets(org: StormOrg) -> Iterator[None]:
    """Lead every HTTP client that is made within to the org."""
    with patch("httpx._client.AsyncHTTPTransport", lambda **_: OrgTransport(org)):
        yield
