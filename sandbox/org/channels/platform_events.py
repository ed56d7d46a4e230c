"""The platform events of one org: defined, checked, published.

A message is on the bus as soon as it is published; Salesforce queues it and says so (Platform
Events Developer Guide, "Status Code Returned for Asynchronous Publishing").
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from string import ascii_letters, digits
from typing import Any

from sandbox.org.data.store import Store
from sandbox.org.events.event_schema import schema_id
from sandbox.org.events.platform_events import CREATED_AT, CREATED_BY, PlatformEvent, message_json
from sandbox.org.limits.meters import Meters
from schemas.catalogue import FieldType

_TABLE = "CREATE TABLE IF NOT EXISTS sandbox_platform_events (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID"
_EPOCH_MS = 1_000
_KEY_PREFIXES = tuple(f"e{high}{low}" for high in digits for low in (*digits, *ascii_letters))
"""Of custom platform events; those in samples of the REST API Developer Guide begin with e00,
e01.
"""


class PlatformEvents:
    """Defines and publishes platform events."""

    def __init__(
        self,
        store: Store,
        meters: Meters,
        publish: Callable[[str, Callable[[int], bytes]], int],
        now: Callable[[], str],
    ) -> None:
        """`publish`: put a message of an event, made for its replay id, on the bus; returns that.
        `now`: the org's time as stored.
        """
        self._store = store
        self._meters = meters
        self._publish = publish
        self._now = now
        self._defined: dict[str, PlatformEvent] = {}
        store.connection.execute(_TABLE)
        self.reload()

    def reload(self) -> None:
        """Read the definitions again."""
        rows = self._store.connection.execute("SELECT body FROM sandbox_platform_events").fetchall()
        self._defined = {}
        for (body,) in rows:
            event = self._prefixed(PlatformEvent.model_validate_json(body))
            self._defined[event.name.lower()] = event

    def __iter__(self) -> Iterator[PlatformEvent]:
        return iter(self._defined.values())

    def find(self, name: str) -> PlatformEvent | None:
        """The event of that name, in any case."""
        return self._defined.get(name.lower())

    def define(self, event: PlatformEvent) -> str:
        """Define an event, or another form of it; returns the id of its schema. Messages that are
        held keep the schema that they were published with.
        """
        event = self._prefixed(event)
        execute = self._store.connection.execute
        execute(
            "INSERT OR REPLACE INTO sandbox_platform_events VALUES (?, ?)",
            (event.name, event.model_dump_json()),
        )
        schema = event.avro_schema()
        found = schema_id(schema)
        execute("INSERT OR IGNORE INTO sandbox_event_schemas VALUES (?, ?, ?)", (found, event.name, schema))
        self._defined[event.name.lower()] = event
        return found

    def _prefixed(self, event: PlatformEvent) -> PlatformEvent:
        """The event with the key prefix that it had, or with the first that no other event has."""
        if event.key_prefix:
            return event
        known = self.find(event.name)
        taken = {each.key_prefix for each in self}
        chosen = known.key_prefix if known else next(each for each in _KEY_PREFIXES if each not in taken)
        return event.model_copy(update={"key_prefix": chosen})

    def publish(self, event: PlatformEvent, values: Mapping[str, Any], user: str) -> tuple[int, str]:
        """Publish a message in a user's name; returns its replay id and its UUID. Raises
        `SalesforceError` for values that the event has not, and beyond the hourly allocation
        (Platform Events Developer Guide, "Platform Event Allocations").
        """
        fields = event.checked(values)
        self._meters.published_events.count(1)
        payload = {CREATED_AT: self._now(), CREATED_BY: user, **fields}
        message_id = str(uuid.uuid4())
        return self._send(event, payload, message_id), message_id

    def publish_avro(self, event: PlatformEvent, record: Mapping[str, Any]) -> int:
        """Publish a message that a client has encoded itself: it says who publishes it, and when.
        Returns its replay id.
        """
        kinds = {each.name: each.spec().type for each in event.fields}
        own = {
            name: _as_json(kinds[name], value)
            for name, value in record.items()
            if name in kinds and value is not None
        }
        at = record.get(CREATED_AT)
        created = _moment(at) if isinstance(at, int) else self._now()
        fields = event.checked(own)
        self._meters.published_events.count(1)
        payload = {CREATED_AT: created, CREATED_BY: record.get(CREATED_BY), **fields}
        return self._send(event, payload, str(uuid.uuid4()))

    def _send(self, event: PlatformEvent, payload: Mapping[str, Any], message_id: str) -> int:
        form = schema_id(event.avro_schema())
        return self._publish(event.name, lambda replay_id: message_json(form, message_id, payload, replay_id))


def _as_json(kind: FieldType, value: Any) -> Any:
    if kind is FieldType.DATETIME:
        return _moment(value)
    return _moment(value)[:10] if kind is FieldType.DATE else value


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / _EPOCH_MS, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % _EPOCH_MS:03d}Z"
