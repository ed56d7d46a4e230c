"""A CDC channel over CometD: events in order, from a position on, for as long as it lasts.

Built on aiosfstream-ng, used so that three of its ways cannot hurt:

- `receive()` starts three tasks a message and, on Python >= 3.10, fails at every lost connection
  (`asyncio.wait_for(loop=)`). Events are taken in bulk by an extension instead, before they
  reach its queue, and its connection timeout is switched off: silence is watched here.
- Its AUTOMATIC replay policy stores a replay id before the handler ran. Here the position moves
  when an event has been handed to the buffer, and the buffer is the process's only state: a new
  process starts from the chain.
- After a new handshake it subscribes again by itself and drops a refusal silently. Here a
  refused subscription ends the stream with an error.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import orjson
from aiocometd_ng.exceptions import AiocometdException
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client, ReplayMarkerStoragePolicy
from aiosfstream_ng.exceptions import AiosfstreamException
from aiosfstream_ng.replay import ReplayMarker, ReplayMarkerStorage

from clients.concurrency import run_to_completion
from clients.salesforce.session import Session, SessionSource
from clients.salesforce.streaming.cometd_errors import refused_subscription, translated_error
from clients.salesforce.streaming.cometd_frames import BROKEN_CHANNEL, load_frame
from clients.salesforce.streaming.counted_calls import counting_trace
from clients.salesforce.streaming.stream import (
    QUIET_SECONDS,
    BufferedStream,
    EventAllowance,
    EventTokens,
)
from schemas.errors import (
    StreamBrokenError,
    TidegateError,
)
from schemas.salesforce.limits import COMETD_CONNECT_TIMEOUT, COMETD_LOOK_AHEAD, REPLAY_NEW_EVENTS

MOST_BUFFERED = 30_000
"""Events that wait for landing before the client stops asking for more (some 250 MB)."""
_MOST_SILENCE = COMETD_CONNECT_TIMEOUT.total_seconds() + 40
"""The server answers every long poll within 110 s; after this many seconds without any answer the
stream is dead.
"""


class CometdStream(BufferedStream):
    """An open subscription. `read` gives what has arrived; the position is that of the last event
    it gave or holds.
    """

    silence = timedelta(seconds=_MOST_SILENCE)

    def __init__(self, channel: str, replay_id: int, allowance: EventAllowance | None = None) -> None:
        super().__init__(replay_id, most=MOST_BUFFERED)
        self.channel = channel
        self._tokens = EventTokens.of(allowance)
        self._paid = 0
        self._last_answer = time.monotonic()
        self._last_event = -math.inf

    async def pay_ahead(self) -> None:
        """Hold tokens for as many events as an answer may bring. What comes beyond them is counted
        when it is here.

        CometD cannot limit the number of events: a connect takes all that there are.
        """
        while self._paid < COMETD_LOOK_AHEAD:
            self._paid += await self._tokens.take(COMETD_LOOK_AHEAD - self._paid)

    async def accept(self, messages: list[dict[str, Any]]) -> None:
        """Take messages in; waits while too many are unread, which delays the next long poll."""
        self._last_answer = time.monotonic()
        self.heard()
        if not messages:
            return
        self._last_event = self._last_answer
        self._paid = max(0, self._paid - len(messages))
        self._tokens.came(len(messages))
        self.put([(_replay_id(message["data"]), message["data"]) for message in messages])
        await self.wait_for_room()

    def settle(self) -> None:
        """The stream is closed: what was paid for and cannot be on its way any more is kept for the
        next one.
        """
        if time.monotonic() - self._last_event > QUIET_SECONDS:
            self._tokens.give_back(self._paid)
        else:
            self._tokens.came(self._paid)

    def _check_silence(self) -> None:
        silence = time.monotonic() - self._last_answer
        if silence > _MOST_SILENCE:
            self.fail(StreamBrokenError(lane=self.channel, detail=f"no answer for {silence:.0f} s"))


def _replay_id(data: dict[str, Any]) -> int | None:
    event = data.get("event")
    found = event.get("replayId") if isinstance(event, dict) else None
    return found if isinstance(found, int) else None


@asynccontextmanager
async def open_cometd_stream(
    sessions: SessionSource,
    *,
    lane: str,
    channel: str,
    replay_id: int,
    api_version: str,
    allowance: EventAllowance | None = None,
) -> AsyncIterator[CometdStream]:
    """Subscribe to `channel` after `replay_id` (-1: new events only, -2: all retained).

    `allowance` pays for the events before they can come; None: nothing is paid.

    Raises `ReplayExpiredError` when the bus no longer holds the position,
    `CredentialsRejectedError`, `RateLimitedError` when the org's deliveries are used up,
    `UnavailableError` or `StreamBrokenError` otherwise.
    """
    stream = CometdStream(channel, replay_id, allowance)
    client = _client_of(sessions, stream, api_version)
    watch: asyncio.Task[None] | None = None
    try:
        try:
            await client.open()
            await client.subscribe(channel)
        except (AiosfstreamException, AiocometdException, OSError) as error:
            raise translated_error(error, lane, replay_id) from error
        watch = asyncio.create_task(_watch(client, stream, lane))
        yield stream
    finally:
        try:
            await run_to_completion(_close(client, watch))
        finally:
            stream.settle()


def _client_of(sessions: SessionSource, stream: CometdStream, api_version: str) -> "_Client":
    client = _Client(
        _Authenticator(sessions, stream),
        replay=_Tap(stream),
        replay_storage_policy=ReplayMarkerStoragePolicy.MANUAL,
        connection_timeout=0,
        max_pending_count=0,
        json_dumps=lambda value: orjson.dumps(value).decode(),
        json_loads=load_frame,
    )
    client.cometd_version = api_version
    return client


async def _watch(client: "_Client", stream: CometdStream, lane: str) -> None:
    """Wait for the end of the connection; events never come this way."""
    try:
        while True:
            await client.receive()
    except (AiosfstreamException, AiocometdException, OSError) as error:
        stream.fail(translated_error(error, lane, stream.replay_id))


async def _close(client: "_Client", watch: asyncio.Task[None] | None) -> None:
    if watch is not None:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    try:
        async with asyncio.timeout(5):
            await client.close()
    except (AiosfstreamException, AiocometdException, OSError, TimeoutError):
        pass  # the server forgets a client that does not come back
    finally:
        # The library leaves its HTTP session open when a handshake or login fails half-way.
        session = client.http_session
        if session is not None and not session.closed:
            await session.close()


class _Client(Client):
    """The library's client, for the API version we speak."""

    cometd_version = ""

    def get_cometd_url(self, instance_url: str) -> str:  # type: ignore[override]
        return f"{instance_url}/cometd/{self.cometd_version}"

    @property
    def http_session(self) -> Any:
        return getattr(self, "_http_session", None)

    async def _get_http_session(self) -> aiohttp.ClientSession:
        """The library's, which would pass the proxies of the environment by; its calls are
        counted.
        """
        session: aiohttp.ClientSession | None = self.http_session
        if session is None:
            session = aiohttp.ClientSession(
                json_serialize=self._json_dumps, trust_env=True, trace_configs=[counting_trace()]
            )
            self._http_session = session
        return session


class _Authenticator(AuthenticatorBase):
    """Gives the library our session; a second call means that the first session was refused.

    The library asks again every second when there is no session, and tells nobody. So the stream
    hears of it here.
    """

    def __init__(self, sessions: SessionSource, stream: CometdStream) -> None:
        super().__init__()
        self._sessions = sessions
        self._stream = stream
        self._given: Session | None = None

    async def _authenticate(self) -> tuple[int, dict[str, str]]:
        given = self._given = await self._next()
        facts = {
            "access_token": given.access_token,
            "instance_url": given.instance_url,
            "token_type": given.token_type,
        }
        return 200, facts

    async def _next(self) -> Session:
        try:
            if self._given is None:
                return await self._sessions.session()
            return await self._sessions.renew(self._given)
        except TidegateError as error:
            self._stream.fail(error)
            raise


class _Tap(ReplayMarkerStorage):
    """Takes events out of every response in bulk, and tells the server where to go on after a new
    handshake.
    """

    def __init__(self, stream: CometdStream) -> None:
        super().__init__()
        self._stream = stream
        self._connects = 0
        self._is_subscribed = False

    async def outgoing(self, payload: list[dict[str, Any]], headers: dict[str, str]) -> None:
        await super().outgoing(payload, headers)
        if any(message.get("channel") == "/meta/connect" for message in payload):
            self._connects += 1
            if self._connects == 1:
                # nothing is subscribed to yet; the opener must not wait where nobody hears it
                return
            try:
                await self._stream.pay_ahead()
            except TidegateError as error:
                self._stream.fail(error)
                # nothing is asked for any more; the reader closes the stream
                await asyncio.Event().wait()

    async def incoming(self, payload: list[dict[str, Any]], headers: object = None) -> None:  # noqa: ARG002
        events = [message for message in payload if _is_event(message)]
        payload[:] = [message for message in payload if not _is_event(message)]
        for message in payload:
            if message.get("channel") == "/meta/subscribe" and not message.get("successful", True):
                self._stream.fail(refused_subscription(message, self._stream.channel, self._stream.replay_id))
        await self._stream.accept(events)

    async def get_replay_marker(self, subscription: str) -> ReplayMarker:
        if self._is_subscribed and self._stream.replay_id == REPLAY_NEW_EVENTS:
            # What came since the first subscription would be missing, and nobody would know.
            detail = "its session ended before the first new event came"
            self._stream.fail(StreamBrokenError(lane=subscription, detail=detail))
        self._is_subscribed = True
        return ReplayMarker(date="", replay_id=self._stream.replay_id)

    async def set_replay_marker(self, subscription: str, replay_marker: ReplayMarker) -> None:
        pass


def _is_event(message: dict[str, Any]) -> bool:
    channel = message.get("channel", "")
    return isinstance(message.get("data"), dict) and (
        channel == BROKEN_CHANNEL or not channel.startswith("/meta/")
    )
