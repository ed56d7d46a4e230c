"""One subscription stream: how much its client can take, where it stands, and the events that are
due to it.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from typing import Any

import orjson

from sandbox.org.channels.model import Channel, Delivery
from sandbox.org.channels.registry import Channels
from sandbox.org.events.event_schema import HEADER
from sandbox.org.events.platform_events import encoded
from schemas.eventbus import pubsub_api_pb2 as wire
from schemas.salesforce.limits import PUBSUB_MAX_OUTSTANDING

logger = logging.getLogger(__name__)

REPLAY_BYTES = 8
_MAX_BYTES = 3 * 2**20
_CACHED_EVENTS = 4_096
_UNKNOWN_SCHEMA = "0" * 22
"""As long as an id of Salesforce's."""


def replay_bytes(replay_id: int) -> bytes:
    """The wire's form: eight bytes, the highest first."""
    return replay_id.to_bytes(REPLAY_BYTES, "big")


class Encoder:
    """Events as the wire carries them, encoded once however many follow them."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._known: OrderedDict[bytes, Any] = OrderedDict()

    def encoded(self, event: Delivery) -> Any:
        """A ConsumerEvent. What is no change event (a test may put anything on the bus) is carried
        as it is, under a schema that nobody knows.
        """
        found = self._known.get(event.data)
        if found is None:
            found = self._encode(event)
            self._known[event.data] = found
            if len(self._known) > _CACHED_EVENTS:
                self._known.popitem(last=False)
        return found

    def _encode(self, delivery: Delivery) -> Any:
        try:
            event = orjson.loads(delivery.data)
            if HEADER not in event["payload"] and "EventUuid" in event["event"]:
                return self._platform_event(event, delivery)
            header = event["payload"][HEADER]
            schema_id, payload = self._payload(event, delivery)
            transaction = header.get("transactionKey", "")
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.warning("the event %s is no change event", delivery.replay_id)
            transaction, schema_id, payload = "", _UNKNOWN_SCHEMA, delivery.data
        producer = wire.ProducerEvent(
            id=f"{transaction}-{delivery.replay_id}", schema_id=schema_id, payload=payload
        )
        return wire.ConsumerEvent(event=producer, replay_id=replay_bytes(delivery.replay_id))

    def _platform_event(self, event: dict[str, Any], delivery: Delivery) -> Any:
        schema = self._channels.schema_json(event["schema"])
        if schema is None:
            raise KeyError(event["schema"])
        producer = wire.ProducerEvent(
            id=event["event"]["EventUuid"],
            schema_id=event["schema"],
            payload=encoded(schema, event["payload"]),
        )
        return wire.ConsumerEvent(event=producer, replay_id=replay_bytes(delivery.replay_id))

    def _payload(self, event: dict[str, Any], delivery: Delivery) -> tuple[str, bytes]:
        """Schema id and Avro form. Changes that Avro cannot carry are sent as a gap, as Salesforce
        sends its own errors ("Gap Events").
        """
        codec = self._channels.codec(event["schema"])
        if codec is not None:
            try:
                return event["schema"], codec.encode(event["payload"], delivery.extra)
            except Exception as error:
                logger.warning(
                    "the event %s is sent as a gap, Avro cannot carry it: %s", delivery.replay_id, error
                )
        header = event["payload"][HEADER]
        schema_id = self._channels.schema_ids[header["entityName"]]
        current = self._channels.codec(schema_id)
        if current is None:
            raise KeyError(schema_id)
        change = str(header["changeType"])
        gap = {**header, "changeType": change if change.startswith("GAP_") else f"GAP_{change}"}
        try:
            return schema_id, current.encode({HEADER: gap})
        except Exception as error:
            raise ValueError(str(error)) from error


class Stream:
    """Demand, position and due events of one subscription."""

    def __init__(
        self, channels: Channels, channel: Channel, position: int, encoder: Encoder, user: str
    ) -> None:
        self.channel = channel
        self.position = position
        """The last replay id that was handed out or passed over."""
        self.demand = 0
        """Events that may still be sent."""
        self.asked = asyncio.Event()
        """Set when the client has asked for more, or has gone."""
        self._channels = channels
        self._encoder = encoder
        self._user = user
        self._due: deque[tuple[int, Any]] = deque()

    def ask(self, count: int) -> None:
        """Add to the demand; what is above 100 outstanding is not kept ("Flow Control")."""
        self.demand = min(self.demand + count, PUBSUB_MAX_OUTSTANDING)
        self.asked.set()

    def take(self) -> list[Any]:
        """The events that are due and asked for; the position moves past them."""
        if not self._due:
            self._fetch()
        taken: list[Any] = []
        size = 0
        while self._due and len(taken) < self.demand and size < _MAX_BYTES:
            self.position, event = self._due.popleft()
            taken.append(event)
            size += len(event.event.payload)
        self.demand -= len(taken)
        return taken

    def has_news(self) -> bool:
        """True when something is due, whether or not it will pass the channel's filters."""
        if self._due:
            return True
        found, position = self._channels.bus.read(self.position, self.channel.entities, 1, 1)
        if not found:
            self.position = position
        return bool(found)

    def _fetch(self) -> None:
        found, position = self._channels.read(
            self.channel, self.position, (self.demand, _MAX_BYTES), self._user
        )
        self._due.extend((delivery.replay_id, self._encoder.encoded(delivery)) for delivery in found)
        if not self._due:
            self.position = position
