"""Handle each CometD message. Answers are bytes: events are joined into them as they were stored,
never parsed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.org.auth.sessions import Sessions, bearer_token
from sandbox.org.channels.bus import ReplayPositionError
from sandbox.org.cometd import errors
from sandbox.org.cometd.clients import Client, Clients, Subscription
from sandbox.org.errors import SalesforceError
from sandbox.org.state.org import Org
from schemas.salesforce.limits import COMETD_CONNECT_TIMEOUT, REPLAY_NEW_EVENTS

Message = dict[str, Any]
_MAX_EVENTS = 2_000
_MAX_BYTES = 8 * 2**20
_LINGER_SECONDS = 0.02
"""How long the first event of a lull waits for company, so that one answer carries many."""
_CONNECT_MS = int(COMETD_CONNECT_TIMEOUT.total_seconds() * 1000)
_RETRY = {"interval": 0, "timeout": _CONNECT_MS, "reconnect": "retry"}
_EXTENSIONS = {"replay": True, "payload.format": True}


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller's identity in the HTTP request."""

    authorization: str | None
    gone: Callable[[], Awaitable[None]]
    """Returns when the caller has closed its connection."""
    may_hold: bool
    """True when the connect may be held open: it is the request's only message."""


class Handlers:
    """The meta channels of one org."""

    def __init__(self, org: Org, sessions: Sessions, clients: Clients) -> None:
        self._bus = org.bus
        self._channels = org.channels
        self._faults = org.faults
        self._sessions = sessions
        self._clients = clients
        self._by_channel: dict[object, Callable[[Client, Message], bytes]] = {
            "/meta/subscribe": self._subscribe,
            "/meta/unsubscribe": self._unsubscribe,
            "/meta/disconnect": self._disconnect,
        }

    def described(self) -> list[tuple[str, object]]:
        """Each channel with the method that serves it."""
        whole = {
            "/meta/handshake": self._handshake,
            "/meta/connect": self._connect,
            **self._by_channel,
        }
        return [(str(channel), method) for channel, method in whole.items()]

    async def answer(self, message: Message, caller: Caller) -> bytes:
        """The answer to one message: JSON objects joined by commas."""
        channel = message.get("channel")
        user, refusal = self._authenticated(caller.authorization)
        if channel == "/meta/handshake":
            return self._handshake(message, refusal)
        if refusal is not None:
            return _refused(message, refusal, {"reconnect": "none", "interval": 0})
        if not message.get("clientId"):
            return _refused(message, errors.NO_HANDSHAKE, {"interval": 0, "reconnect": "handshake"})
        client = self._clients.find(message["clientId"])
        if client is None:
            return _refused(message, errors.UNKNOWN_CLIENT, {"interval": 0, "reconnect": "handshake"})
        client.user = user
        if channel == "/meta/connect":
            return await self._connect(client, message, caller)
        handler = self._by_channel.get(channel)
        if handler is None:
            return _refused(message, errors.CANNOT_PUBLISH % channel if channel else errors.NO_CHANNEL)
        answer = handler(client, message)
        client.last_seen = time.monotonic()
        return answer

    def _authenticated(self, authorization: str | None) -> tuple[str | None, str | None]:
        """Who sends a message, and the error for a sender without a session."""
        if authorization is None:
            return None, errors.NO_AUTHENTICATION
        try:
            return self._sessions.use(bearer_token(authorization)).user_id, None
        except SalesforceError:
            return None, errors.BAD_AUTHENTICATION

    def _handshake(self, message: Message, refusal: str | None) -> bytes:
        """Knows a new client, unless the org has too many (Streaming API Developer Guide,
        "Streaming API Error Codes").
        """
        client = self._clients.add() if refusal is None else None
        if client is None:
            reason = {"sfdc": {"failureReason": refusal or errors.TOO_MANY_CLIENTS}, **_EXTENSIONS}
            return _refused(message, errors.HANDSHAKE_DENIED, {"reconnect": "none"}, ext=reason)
        return _done(
            message,
            ext=_EXTENSIONS,
            version="1.0",
            minimumVersion="1.0",
            clientId=client.client_id,
            supportedConnectionTypes=["long-polling"],
            reestablish=False,
        )

    async def _connect(self, client: Client, message: Message, caller: Caller) -> bytes:
        """Answers with events; the first at once, later ones after up to 110 s (Streaming API
        Developer Guide, "Clients and Timeouts").
        """
        kind = message.get("connectionType")
        if kind != "long-polling":
            return _refused(message, errors.bad_connection_type(kind))
        client.release()
        if (cut := self._cut(client)) is not None:
            return _refused(message, *cut)
        events = self._take(client)
        deadline = time.monotonic() + COMETD_CONNECT_TIMEOUT.total_seconds()
        is_newest = client.has_connected and caller.may_hold
        # A filter may hold back everything that came; the connect is then held on.
        while not events and is_newest and not self._bus.closed and time.monotonic() < deadline:
            is_newest = await self._hold(client, caller, deadline)
            if self._clients.find(client.client_id) is None:
                return _refused(message, errors.UNKNOWN_CLIENT, {"interval": 0, "reconnect": "handshake"})
            if (cut := self._cut(client)) is not None:
                return _refused(message, *cut)
            events = self._take(client) if is_newest else []
        client.has_connected = True
        client.last_seen = time.monotonic()
        return b",".join([_done(message, clientId=client.client_id, advice=_RETRY), *events])

    def _cut(self, client: Client) -> tuple[str, dict[str, object]] | None:
        """Error and advice when the client may not have its events: the allocation is spent, or the
        stream is to be cut.
        """
        if not client.subscriptions or not self._has_news(client):
            return None
        if self._channels.is_exhausted:
            return errors.EVENTS_SPENT, {"reconnect": "none", "interval": 0}
        if any(self._faults.strike("stream", channel) for channel in client.subscriptions):
            self._clients.forget(client)
            return errors.UNKNOWN_CLIENT, {"reconnect": "handshake", "interval": 0}
        return None

    async def _hold(self, client: Client, caller: Caller, deadline: float) -> bool:
        """Wait for an event that concerns the client; also ends with the time limit. False when a
        newer connect took over.

        Raises `CallerGoneError` when the caller goes away; its events then stay for the next
        connect.
        """
        poll = client.poll = asyncio.get_running_loop().create_future()
        gone = asyncio.ensure_future(caller.gone())
        try:
            while (
                not (poll.done() or gone.done() or self._bus.closed)
                and (left := deadline - time.monotonic()) > 0
            ):
                news = self._bus.waiter()
                await asyncio.wait((news, poll, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if self._has_news(client):
                    await asyncio.wait(
                        (poll, gone), timeout=_LINGER_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    break
            if gone.done():
                raise CallerGoneError
            return not poll.cancelled()
        finally:
            gone.cancel()
            client.last_seen = time.monotonic()
            if client.poll is poll:
                client.poll = None

    def _has_news(self, client: Client) -> bool:
        for subscription in client.subscriptions.values():
            found, position = self._bus.read(subscription.position, subscription.channel.entities, 1, 1)
            if found:
                return True
            subscription.position = position
        return False

    def _take(self, client: Client) -> list[bytes]:
        """The messages that are due to a client, within the limits of one answer; its positions
        move past them.
        """
        taken: list[bytes] = []
        size = 0
        for channel, subscription in client.subscriptions.items():
            if len(taken) >= _MAX_EVENTS or size >= _MAX_BYTES:
                break
            room = _MAX_EVENTS - len(taken), _MAX_BYTES - size
            found, subscription.position = self._channels.read(
                subscription.channel, subscription.position, room, client.user
            )
            tail = b',"channel":%b}' % orjson.dumps(channel)
            bodies = [event.data for event in found]
            taken += [b'{"data":' + body + tail for body in bodies]
            size += sum(map(len, bodies))
        return taken

    def _subscribe(self, client: Client, message: Message) -> bytes:
        """Follows a channel from -1, -2 or a replay id (Streaming API Developer Guide, "Message
        Durability").
        """
        wanted = message.get("subscription")
        channels = wanted if isinstance(wanted, list) else [wanted]
        replays = (message.get("ext") or {}).get("replay")
        for channel in channels:
            refusal = self._follow(client, channel, replays if isinstance(replays, dict) else {})
            if refusal is not None:
                return _refused(message, refusal, clientId=client.client_id, subscription=wanted)
        # A held connect knows nothing of the new channel's waiting events until it looks again.
        self._bus.wake()
        return _done(message, clientId=client.client_id, subscription=wanted)

    def _follow(self, client: Client, channel: object, replays: dict[str, Any]) -> str | None:
        """Add one subscription; returns the error text when that is refused."""
        if not isinstance(channel, str) or not channel:
            return errors.NO_CHANNEL
        if not channel.startswith("/"):
            return errors.NO_SLASH
        if channel.startswith("/meta/"):
            return errors.RESTRICTED_CHANNEL
        followed = self._channels.find(channel)
        if followed is None:
            return errors.unknown_channel(channel)
        if not self._channels.may_follow(followed, client.user):
            return errors.NOT_ALLOWED
        if self._channels.is_exhausted:
            return errors.EVENTS_SPENT
        replay = replays.get(channel, REPLAY_NEW_EVENTS)
        if not isinstance(replay, int) or isinstance(replay, bool):
            return errors.bad_replay_id(replay)
        try:
            position = self._bus.start_position(replay)
        except ReplayPositionError:
            return errors.bad_replay_id(replay)
        client.subscriptions[channel] = Subscription(followed, position)
        return None

    def _unsubscribe(self, client: Client, message: Message) -> bytes:
        """Follows a channel no more (Streaming API Developer Guide, "Message Types")."""
        wanted = message.get("subscription")
        for channel in wanted if isinstance(wanted, list) else [wanted]:
            if client.subscriptions.pop(str(channel), None) is None:
                return _refused(
                    message, errors.NOT_SUBSCRIBED % channel, clientId=client.client_id, subscription=wanted
                )
        return _done(message, clientId=client.client_id, subscription=wanted)

    def _disconnect(self, client: Client, message: Message) -> bytes:
        """Forgets the client (Streaming API Developer Guide, "Message Types")."""
        self._clients.forget(client)
        return _done(message, clientId=client.client_id)


class CallerGoneError(Exception):
    """The caller closed its connection while a connect was held: there is nobody to answer."""


def _done(message: Message, **more: object) -> bytes:
    return _reply(message, {**more, "successful": True})


def _refused(message: Message, error: str, advice: dict[str, object] | None = None, **more: object) -> bytes:
    body = {**more, "error": error, "successful": False}
    if "clientId" in message:
        body.setdefault("clientId", message["clientId"])
    return _reply(message, body if advice is None else {**body, "advice": advice})


def _reply(message: Message, body: dict[str, object]) -> bytes:
    body["channel"] = message.get("channel")
    if "id" in message:
        body["id"] = message["id"]
    return orjson.dumps(body)
