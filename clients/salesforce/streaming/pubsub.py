"""A CDC channel over the Pub/Sub API: events in order, from a position on, as many as we ask for.

Salesforce sends no more events than were asked for, and lets at most 100 be outstanding (Pub/Sub
API Guide, "Flow Control"). What is asked for is paid for first, so here demand and payment are
one thing.

A position is the wire's eight bytes, read as a number: the same number that CometD shows. The
end of a stream may cut the events of one replay id (an enriched channel's) apart, so a stream
that is opened again starts before the last id that it saw: a repeated event is a duplicate, a
missing one would be lost.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
import orjson

from clients.metrics.calls import count_unpaid
from clients.salesforce.session import Session
from clients.salesforce.streaming.avro import UndecodableError
from clients.salesforce.streaming.pubsub_connection import PubsubConnection
from clients.salesforce.streaming.pubsub_errors import (
    error_code,
    is_garbled,
    is_session_refused,
    translated_pubsub,
)
from clients.salesforce.streaming.pubsub_flow_control import HALF, Credits
from clients.salesforce.streaming.stream import BufferedStream, EventAllowance, EventTokens
from schemas.errors import StreamBrokenError, TidegateError
from schemas.eventbus import pubsub_api_pb2 as wire
from schemas.salesforce.limits import (
    PUBSUB_KEEPALIVE,
    PUBSUB_MAX_OUTSTANDING,
    REPLAY_ALL_EVENTS,
    REPLAY_NEW_EVENTS,
)
from transforms.ingest.decode_events import BROKEN

MOST_BUFFERED = 4_000
"""Events that wait for landing before a subscription asks for no more (some 30 MB)."""
MOST_SILENCE = PUBSUB_KEEPALIVE.total_seconds() + 30
"""With demand the server answers within 270 s; after this many seconds without any answer the
stream is dead.
"""
_REPLAY_BYTES = 8
_PRESETS = {REPLAY_NEW_EVENTS: wire.LATEST, REPLAY_ALL_EVENTS: wire.EARLIEST}
_OVER = (asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.AioRpcError)


class PubsubStream(BufferedStream):
    """An open subscription. `read` gives what has arrived; the position is that of the last event
    it gave or holds.
    """

    silence = timedelta(seconds=MOST_SILENCE)

    def __init__(self, replay_id: int) -> None:
        super().__init__(replay_id, most=MOST_BUFFERED)
        self.resume_id = replay_id
        """After it a new call misses nothing: up to it every event has come."""
        self._newest = 0

    def put(self, events: Sequence[tuple[int | None, dict[str, Any]]]) -> None:
        for replay_id, _ in events:
            if replay_id is not None and replay_id > self._newest:
                self.resume_id = self._newest or self.resume_id
                self._newest = replay_id
        super().put(events)

    def note(self, replay_id: int) -> None:
        """The server has nothing more up to this position, of this channel or any other."""
        self._newest = self.resume_id = max(self._newest, replay_id)


@asynccontextmanager
async def open_pubsub_stream(
    connection: PubsubConnection,
    *,
    lane: str,
    channel: str,
    replay_id: int,
    allowance: EventAllowance | None = None,
) -> AsyncIterator[PubsubStream]:
    """Subscribe to `channel` after `replay_id` (-1: new events only, -2: all retained).

    `allowance` pays for events before they are asked for; None: nothing is paid. What ends the
    stream is raised by its `read`: `ReplayExpiredError` when the bus no longer holds the
    position, `CredentialsRejectedError`, `RateLimitedError` when the org's deliveries are used
    up, `SettingsError` for a channel that does not exist, `UnavailableError` or
    `StreamBrokenError` otherwise.
    """
    stream = PubsubStream(replay_id)
    async with connection.stub() as stub:
        subscription = _Subscription(connection, stub, stream, lane, channel, EventTokens.of(allowance))
        running = asyncio.create_task(subscription.run())
        try:
            yield stream
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class _Subscription:
    """Keeps a call open that fills the stream: one after another, when they end for a reason that
    is none of the lane's.
    """

    def __init__(
        self,
        connection: PubsubConnection,
        stub: Any,
        stream: PubsubStream,
        lane: str,
        channel: str,
        tokens: EventTokens,
    ) -> None:
        self._connection = connection
        self._stub = stub
        self._stream = stream
        self._lane = lane
        self._channel = channel
        self._tokens = tokens
        self._tried: set[str] = set()
        """Second chances that were given since the last answer."""

    async def run(self) -> None:
        """Until it fails; the reader receives the error."""
        try:
            while True:
                await self._call()
        except TidegateError as error:
            self._stream.fail(error)
        except grpc.aio.AioRpcError as error:
            at = self._stream.resume_id
            self._stream.fail(translated_pubsub(error, lane=self._lane, channel=self._channel, replay_id=at))
        except Exception as error:
            # Nobody awaits this task: an error that is not passed on would be silence forever.
            # Its text may hold a value of a record; its name does not.
            self._stream.fail(StreamBrokenError(lane=self._lane, detail=type(error).__name__))
            raise

    async def _call(self) -> None:
        """One Subscribe call; returns when the next one is to be made."""
        session = await self._connection.session()
        credits_ = Credits(self._tokens)
        first = self._first_request(await self._wanted(credits_, PUBSUB_MAX_OUTSTANDING))
        call = self._stub.Subscribe(metadata=self._connection.metadata(session))
        asking = asyncio.create_task(self._ask(call, first, credits_))
        receiving = asyncio.create_task(self._receive(call, credits_))
        is_told, outcome = False, "ok"
        try:
            await asyncio.wait((asking, receiving), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                asking.result()
            await receiving
            is_told = True
        except grpc.aio.AioRpcError as error:
            is_told = bool(error_code(error))
            outcome = "refused" if is_told else "lost"
            await self._try_again_or_raise(error, session)
        finally:
            count_unpaid("pubsub_subscribe", outcome)
            asking.cancel()
            receiving.cancel()
            await asyncio.gather(asking, receiving, return_exceptions=True)
            call.cancel()
            credits_.settle(is_told=is_told)

    async def _try_again_or_raise(self, error: grpc.aio.AioRpcError, session: Session) -> None:
        """A session that was refused is renewed, a reason that was lost is asked for: once, until
        an answer comes.
        """
        if is_session_refused(error) and "session" not in self._tried:
            self._tried.add("session")
            await self._connection.renew(session)
        elif is_garbled(error) and "reason" not in self._tried:
            self._tried.add("reason")
        else:
            raise error

    async def _ask(self, call: Any, first: Any, credits_: Credits) -> None:
        """Ask again whenever it is time. Ends with the call, or with the error of an allowance that
        refuses.
        """
        request = first
        while True:
            try:
                await call.write(request)
            except _OVER:
                return  # the receiver gets the error
            # A call that is refused is refused at once: a second request would cross the reason.
            await credits_.answered.wait()
            request = wire.FetchRequest(num_requested=await self._wanted(credits_, HALF))

    async def _wanted(self, credits_: Credits, most: int) -> int:
        await credits_.until_low()
        await self._stream.wait_for_room()
        return await credits_.pay(most)

    async def _receive(self, call: Any, credits_: Credits) -> None:
        """Take in what comes. Returns when the server has closed the call, which it does after 70 s
        without demand.
        """
        while True:
            try:
                async with asyncio.timeout(MOST_SILENCE):
                    response = await call.read()
            except TimeoutError:
                if credits_.outstanding == 0:
                    return
                detail = f"no answer for {MOST_SILENCE:.0f} s"
                raise StreamBrokenError(lane=self._lane, detail=detail) from None
            if response is grpc.aio.EOF:
                if not credits_.answered.is_set():
                    raise StreamBrokenError(lane=self._lane, detail="the server closed it without an answer")
                return
            credits_.answered.set()
            self._stream.heard()
            self._tried.clear()
            await self._take(response, credits_)

    async def _take(self, response: Any, credits_: Credits) -> None:
        if not response.events:
            if response.latest_replay_id:
                self._stream.note(_position(response.latest_replay_id) or 0)
            return
        credits_.spend(len(response.events))
        # Requests for more go first: decoding a response takes as long as many requests.
        await asyncio.sleep(0)
        self._stream.put([await self._decoded(event) for event in response.events])

    async def _decoded(self, event: Any) -> tuple[int | None, dict[str, Any]]:
        """Replay id and `data`; a broken message's when the event cannot be read."""
        produced, replay_id = event.event, _position(event.replay_id)
        schema_id, payload = produced.schema_id, produced.payload
        place = {} if replay_id is None else {"replayId": replay_id}
        decoder = self._connection.known_decoder(schema_id)
        if decoder is None:
            decoder = await self._connection.decoder(self._stub, schema_id)
        if decoder is not None:
            try:
                return replay_id, {
                    "schema": schema_id,
                    "payload": decoder.payload(payload),
                    "event": place,
                }
            except UndecodableError:
                pass  # it is kept as it came
        text = orjson.dumps({"schema": schema_id, "avro": base64.b64encode(payload).decode()}).decode()
        return replay_id, {BROKEN: text, "event": place}

    def _first_request(self, count: int) -> Any:
        request = wire.FetchRequest(topic_name=self._channel, num_requested=count)
        at = self._stream.resume_id
        if at in _PRESETS:
            request.replay_preset = _PRESETS[at]
        else:
            request.replay_preset = wire.CUSTOM
            request.replay_id = at.to_bytes(_REPLAY_BYTES, "big")
        return request


def _position(wire_id: bytes) -> int | None:
    return int.from_bytes(wire_id, "big") if wire_id else None
