"""The RPCs of the Pub/Sub API."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc

from sandbox.org.auth.sessions import Session, Sessions
from sandbox.org.channels.bus import ReplayPositionError
from sandbox.org.channels.model import Channel
from sandbox.org.errors import SalesforceError
from sandbox.org.events.event_schema import schema_id
from sandbox.org.events.platform_events import PREFIX, PlatformEvent, decoded
from sandbox.org.pubsub import errors
from sandbox.org.pubsub.errors import refuse
from sandbox.org.pubsub.managed import Managed
from sandbox.org.pubsub.model import REPLAY_BYTES, Encoder, Stream, replay_bytes
from sandbox.org.state.org import Org
from schemas.eventbus import pubsub_api_pb2 as wire, pubsub_api_pb2_grpc as service
from schemas.salesforce.limits import COMETD_CLIENTS, REPLAY_ALL_EVENTS, REPLAY_NEW_EVENTS

_PRESETS = {wire.LATEST: REPLAY_NEW_EVENTS, wire.EARLIEST: REPLAY_ALL_EVENTS}
_ORG_ID_CHARACTERS = 15


class PubSub(service.PubSubServicer):  # type: ignore[misc]
    """The service of one org."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self._org = org
        self._channels = org.channels
        self._sessions = sessions
        self._encoder = Encoder(org.channels)
        self._managed = Managed(org.store.connection)

    async def GetTopic(self, request: Any, context: Any) -> Any:
        """A topic and the present schema of its events (Pub/Sub API Guide, "GetTopic RPC
        Method").
        """
        session = await self._session(context)
        channel = await self._channel(request.topic_name, context, session)
        entities = channel.entities or ()
        event = self._org.platform_events.find(channel.name.removeprefix(PREFIX))
        current = self._channels.schema_ids[next(iter(entities))] if len(entities) == 1 and not event else ""
        current = schema_id(event.avro_schema()) if event else current
        return wire.TopicInfo(
            topic_name=channel.name,
            tenant_guid=f"core/sandbox/{self._org.identity.org_id}",
            can_publish=event is not None,
            can_subscribe=True,
            schema_id=current,
            rpc_id=str(uuid.uuid4()),
        )

    async def GetSchema(self, request: Any, context: Any) -> Any:
        """The Avro schema of an id, however old (Pub/Sub API Guide, "GetSchema RPC Method")."""
        await self._session(context)
        schema = self._channels.schema_json(request.schema_id)
        if schema is None:
            await refuse(context, errors.NO_SCHEMA)
        return wire.SchemaInfo(schema_json=schema, schema_id=request.schema_id, rpc_id=str(uuid.uuid4()))

    async def Subscribe(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        """Events of a topic, as many as the client asks for (Pub/Sub API Guide, "Subscribe RPC
        Method").
        """
        session = await self._session(context)
        first = await anext(aiter(requests), None)
        if first is None:
            return
        channel = await self._channel(first.topic_name, context, session)
        position = await self._position(first.replay_preset, first.replay_id, context)
        stream = Stream(self._channels, channel, position, self._encoder, session.user_id)
        await self._ask(stream, first, context)
        async with self._reading(stream, requests, context) as reading:
            async for events in self._served(stream, session.token, reading, context):
                yield wire.FetchResponse(
                    events=events,
                    latest_replay_id=replay_bytes(stream.position),
                    rpc_id=reading.rpc_id,
                    pending_num_requested=stream.demand,
                )

    async def ManagedSubscribe(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        """A subscription whose position the org keeps (Pub/Sub API Guide, "ManagedSubscribe RPC
        Method (Beta)").
        """
        session = await self._session(context)
        first = await anext(aiter(requests), None)
        if first is None:
            return
        found = self._managed.find(first.subscription_id, first.developer_name)
        if found is None:
            await refuse(context, errors.NO_SUBSCRIPTION)
        if not found.is_running:
            await refuse(context, errors.SUBSCRIPTION_STOPPED)
        channel = await self._channel(found.topic, context, session)
        stream = Stream(self._channels, channel, self._managed_start(found), self._encoder, session.user_id)
        await self._ask(stream, first, context)
        with self._managed.taken(found.subscription_id) as is_free:
            if not is_free:
                await refuse(context, errors.SUBSCRIPTION_TAKEN)
            async with self._reading(stream, requests, context, found.subscription_id) as reading:
                async for events in self._served(stream, session.token, reading, context):
                    commit = reading.commits.pop() if reading.commits else None
                    reading.commits.clear()  # several requests may share one answer
                    yield wire.ManagedFetchResponse(
                        events=events,
                        latest_replay_id=replay_bytes(stream.position),
                        rpc_id=reading.rpc_id,
                        pending_num_requested=stream.demand,
                        commit_response=commit,
                    )

    async def Publish(self, request: Any, context: Any) -> Any:
        """Publishes platform events, each with a result of its own; only Salesforce publishes
        change events (Pub/Sub API Guide, "Publish RPC Method").
        """
        session = await self._session(context)
        return await self._published(request, context, session)

    async def PublishStream(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        """As Publish, request by request on one stream (Pub/Sub API Guide, "PublishStream RPC
        Method").
        """
        session = await self._session(context)
        async for request in requests:
            if request.events:
                yield await self._published(request, context, session)
            else:  # nothing to publish: the client keeps its stream open
                await self._channel(request.topic_name, context, session)
                yield wire.PublishResponse(rpc_id=str(uuid.uuid4()))

    async def _published(self, request: Any, context: Any, session: Session) -> Any:
        channel = await self._channel(request.topic_name, context, session)
        event = self._org.platform_events.find(channel.name.removeprefix(PREFIX))
        if event is None:
            await refuse(context, errors.NO_PUBLISHING)
        current = schema_id(event.avro_schema())
        results = [self._publish_one(event, current, each) for each in request.events]
        return wire.PublishResponse(results=results, schema_id=current, rpc_id=str(uuid.uuid4()))

    def _publish_one(self, event: PlatformEvent, current: str, given: Any) -> Any:
        """The result of one event: its replay id, or why it was not published."""
        key = {"correlation_key": given.id}
        schema = self._channels.schema_json(given.schema_id) if given.schema_id == current else None
        if schema is None:
            return _unpublished(f"{given.schema_id} is not the schema of {event.name}", key)
        try:
            record = decoded(schema, given.payload)
            replay_id = self._org.platform_events.publish_avro(event, record)
        except SalesforceError as error:
            return _unpublished(error.message, key)
        except Exception as error:
            return _unpublished(f"The payload cannot be decoded: {error}", key)
        return wire.PublishResult(replay_id=replay_bytes(replay_id), **key)

    # --- what they share

    async def _session(self, context: Any) -> Session:
        given = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        org_id = self._org.identity.org_id[:_ORG_ID_CHARACTERS]
        token = given.get("accesstoken", "")
        if given.get("tenantid", "")[:_ORG_ID_CHARACTERS] != org_id or not given.get("instanceurl"):
            await refuse(context, errors.AUTH)
        try:
            return self._sessions.use(token)
        except SalesforceError:
            await refuse(context, errors.AUTH)

    async def _channel(self, name: str, context: Any, session: Session) -> Channel:
        found = self._channels.find(name)
        if found is None:
            await refuse(context, errors.NO_TOPIC)
        if not self._channels.may_follow(found, session.user_id):
            await refuse(context, errors.NOT_ALLOWED)
        return found

    async def _position(self, preset: int, replay: bytes, context: Any) -> int:
        wanted = _PRESETS.get(preset)
        if wanted is None:
            if len(replay) != REPLAY_BYTES:
                await refuse(context, errors.REPLAY_INVALID)
            wanted = int.from_bytes(replay, "big")
        try:
            return self._org.bus.start_position(wanted)
        except ReplayPositionError:
            await refuse(context, errors.REPLAY_CORRUPTED)

    def _managed_start(self, found: Any) -> int:
        try:
            return self._org.bus.start_position(found.start)
        except ReplayPositionError:
            return self._org.bus.start_position(found.recovery)

    async def _ask(self, stream: Stream, request: Any, context: Any) -> None:
        if request.num_requested <= 0:
            await refuse(context, errors.BAD_DEMAND)
        stream.ask(request.num_requested)

    def _reading(self, stream: Stream, requests: Any, context: Any, managed_id: str = "") -> "_Reading":
        return _Reading(self, stream, requests, context, managed_id)

    async def _served(
        self, stream: Stream, token: str, reading: "_Reading", context: Any
    ) -> AsyncIterator[list[Any]]:
        """Lists of events to send; an empty one is a sign of life or carries a commit's answer.
        Ends the RPC when it must.
        """
        if self._org.pubsub_streams >= COMETD_CLIENTS[self._org.edition]:
            await refuse(context, errors.TOO_MANY_CLIENTS)
        self._org.pubsub_streams += 1
        silent_until = self._keepalive_at()
        try:
            while not self._org.bus.closed:
                # A session that times out does not end a stream; one that is revoked does.
                if (refusal := reading.refusal or self._revoked(token)) is not None:
                    await refuse(context, refusal)
                events: list[Any] = []
                if stream.demand > 0 and stream.has_news():
                    events = await self._due(stream, context)
                elif reading.is_done and not reading.commits:
                    return
                elif stream.demand == 0 and not reading.commits:
                    if not await self._wait_for_demand(stream):
                        return
                    silent_until = self._keepalive_at()
                elif not reading.commits:
                    await self._wait_for_news(stream, silent_until)
                if events or reading.commits or time.monotonic() >= silent_until:
                    yield events
                    silent_until = self._keepalive_at()
                else:
                    # What a filter holds back costs time too; the org has others to serve
                    # meanwhile.
                    await asyncio.sleep(0)
        finally:
            self._org.pubsub_streams -= 1

    def _keepalive_at(self) -> float:
        return time.monotonic() + self._org.dials.events.keepalive_seconds

    def _revoked(self, token: str) -> errors.Refusal | None:
        return None if self._sessions.is_known(token) else errors.AUTH

    async def _due(self, stream: Stream, context: Any) -> list[Any]:
        """The events to send now; empty when the channel's filters hold all of them back."""
        if self._channels.is_exhausted:
            await refuse(context, errors.EVENTS_SPENT)
        if self._org.faults.strike("stream", stream.channel.name) is not None:
            await refuse(context, errors.UNAVAILABLE)
        return stream.take()

    async def _wait_for_demand(self, stream: Stream) -> bool:
        """False when the client has asked for nothing for so long that its stream is closed."""
        stream.asked.clear()
        try:
            await asyncio.wait_for(stream.asked.wait(), self._org.dials.events.no_demand_seconds)
        except TimeoutError:
            return False
        return True

    async def _wait_for_news(self, stream: Stream, until: float) -> None:
        """Return when something was published or asked, or the client is due a sign of life."""
        stream.asked.clear()
        news = self._org.bus.waiter()
        asked = asyncio.ensure_future(stream.asked.wait())
        try:
            left = max(until - time.monotonic(), 0)
            await asyncio.wait((news, asked), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            asked.cancel()

    def commit(self, managed_id: str, request: Any) -> Any:
        """Keep a managed subscription's position; the answer carries an error when it cannot be."""
        return self._managed.commit(managed_id, request, newest=self._org.bus.newest)


class _Reading:
    """Reads a stream's further requests beside the sending of its events."""

    def __init__(self, server: PubSub, stream: Stream, requests: Any, context: Any, managed_id: str) -> None:
        self.rpc_id = str(uuid.uuid4())
        self.refusal: errors.Refusal | None = None
        self.commits: list[Any] = []
        """Answers to commit requests that wait for the next response."""
        self.is_done = False
        self._server = server
        self._stream = stream
        self._requests = requests
        self._context = context
        self._managed_id = managed_id
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "_Reading":
        self._task = asyncio.get_running_loop().create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _read(self) -> None:
        """A client that closes its side has gone; what it has asked for is still sent until
        then.
        """
        try:
            async for request in self._requests:
                self._take(request)
                if self.refusal is not None:
                    break
        except (grpc.aio.UsageError, asyncio.CancelledError):
            return
        finally:
            self._stream.asked.set()
        self.is_done = self.refusal is None

    def _take(self, request: Any) -> None:
        if self._managed_id:
            if request.HasField("commit_replay_id_request"):
                self.commits.append(self._server.commit(self._managed_id, request.commit_replay_id_request))
                self._stream.asked.set()
                if request.num_requested == 0:
                    return
        elif request.topic_name and request.topic_name != self._stream.channel.name:
            self.refusal = errors.OTHER_TOPIC
            return
        # Replay fields of later requests are ignored: the first one has fixed the place.
        if request.num_requested <= 0:
            self.refusal = errors.BAD_DEMAND
        else:
            self._stream.ask(request.num_requested)


def _unpublished(reason: str, key: dict[str, str]) -> Any:
    """The result of an event that was not published."""
    return wire.PublishResult(error=wire.Error(code=wire.ErrorCode.PUBLISH, msg=reason), **key)
