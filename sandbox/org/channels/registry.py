"""Every channel of the org: the standard one, one an object, and those that an administrator made.

Custom channels, their members and managed subscriptions are Tooling API objects and live in the
org's SQLite file; so do the schemas of events, because an event keeps the schema that it was
written with.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from sandbox.org.channels.bus import ALL_EVENTS_CHANNEL, Bus, Row
from sandbox.org.channels.filters import event_filter
from sandbox.org.channels.model import Channel, Delivery, Member, without_fields
from sandbox.org.data.records import Records
from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError
from sandbox.org.events.comparisons import Place
from sandbox.org.events.event_schema import EventCodec, event_schema, schema_id
from sandbox.org.events.platform_events import PlatformEvent
from sandbox.org.faults.dials import EventDials
from sandbox.org.faults.faults import Faults
from sandbox.org.limits.meters import Meters
from sandbox.org.permissions.model import Permissions
from sandbox.org.schema.exact import loads
from sandbox.org.schema.ids import IdMaker
from sandbox.org.soql.entities import Entities
from schemas.catalogue import ObjectSpec

MEMBER_PREFIX = "0v8"
STANDARD_CHANNEL = ALL_EVENTS_CHANNEL.removeprefix("/data/")
_LOOKED_INTO = 200
"""Events that are looked into at a time, so that nobody waits for it."""
_SELECTED_MORE = "selected_more"
"""Kept once an object was selected that nobody follows from the start: its events may still be
held, so a channel of all others has to look at each.
"""
_FIRST_VALUE = 3
"""Where the named fields begin in what `Records.fetch` returns."""
_TABLES = """
CREATE TABLE IF NOT EXISTS sandbox_event_schemas (id TEXT PRIMARY KEY, entity TEXT NOT NULL, schema TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_channels (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, label TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_channel_members (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, entity TEXT NOT NULL, filter TEXT, enriched TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_managed_subscriptions (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, metadata TEXT NOT NULL, committed INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandbox_deselected (entity TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class ChannelAccess(NamedTuple):
    """The rules for the events of a subscriber."""

    entities: Entities
    permissions: Permissions
    meters: Meters
    faults: Faults
    dials: EventDials


class Channels:
    """Finds channels by name, and turns rows of the bus into what their subscribers get."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        records: Mapping[str, Records],
        access: ChannelAccess,
    ) -> None:
        self.bus = bus
        self._store = store
        self._connection = store.connection
        self._records = records
        self._entities = access.entities
        self._permissions = access.permissions
        self._meters = access.meters
        self._faults = access.faults
        self._events = access.dials
        self._codecs: dict[str, EventCodec] = {}
        self._connection.executescript(_TABLES)
        self.by_event_name = {store.objects[name].event_name: name for name in records}
        """Object by the name of its change event: CaseChangeEvent -> Case."""
        self._of_one_object = {f"/data/{event}" for event in self.by_event_name}
        self.schema_ids: dict[str, str] = {}
        """The current event schema's id by object."""
        for name in records:
            self._keep_schema(store.objects[name])
        self._unselected = store.unselected
        self._standard: dict[str, Channel] = {}
        self._selected: frozenset[str] = frozenset()
        self.platform_events: Iterable[PlatformEvent] = ()
        """The defined ones; each has a channel of its own."""
        self._custom: dict[str, Channel] = {}
        self.reload()

    def take(self, spec: ObjectSpec, entities: Entities) -> None:
        """Go by an object's new fields: its events carry them from now on, those that are held keep
        their schema.
        """
        self._entities = entities
        self._keep_schema(spec)
        self.reload()

    def uses(self, entity: str, field: str) -> bool:
        """True when a channel's member filters by the field or is enriched with it."""
        rows = self._connection.execute(
            "SELECT filter, enriched FROM sandbox_channel_members WHERE entity = ?", (entity,)
        )
        return any(field in f"{text or ''} {enriched}" for text, enriched in rows)

    def _keep_schema(self, spec: ObjectSpec) -> None:
        schema = event_schema(spec)
        self.schema_ids[spec.name] = schema_id(schema)
        self._connection.execute(
            "INSERT OR IGNORE INTO sandbox_event_schemas VALUES (?, ?, ?)",
            (self.schema_ids[spec.name], spec.name, schema),
        )

    def find(self, name: str) -> Channel | None:
        """The channel of that name, such as `/data/ChangeEvents` or `/data/Intake__chn`."""
        return self._standard.get(name) or self._custom.get(name)

    def reload(self) -> None:
        """Read the members again; subscriptions that exist keep what they follow until they are
        made again.
        """
        self._select_all()
        members = self._members(STANDARD_CHANNEL)
        selected = frozenset(member.entity for member in members)
        for event, name in self.by_event_name.items():
            self._standard[f"/data/{event}"] = Channel(f"/data/{event}", selected & {name})
        rows = self._connection.execute("SELECT name FROM sandbox_channels").fetchall()
        self._custom = {
            each.channel: Channel(each.channel, frozenset({each.name})) for each in self.platform_events
        }
        for (name,) in rows:
            members = self._members(name)
            entities = frozenset(member.entity for member in members)
            self._custom[f"/data/{name}"] = Channel(f"/data/{name}", entities, _special(members))
        carried_elsewhere = (channel.entities or () for channel in self._custom.values())
        self._selected = selected.union(*carried_elsewhere) & self._records.keys()
        if self._selected & self._unselected:
            self._store.set_meta(_SELECTED_MORE, 1)
        is_all = selected == self._records.keys() or (
            selected == self._records.keys() - self._unselected and not self._store.meta(_SELECTED_MORE, 0)
        )
        # The org's whole bus is no data channel once platform events are on it, too.
        names = {each.name for each in self.platform_events}
        carried = None if is_all and not names else selected
        self._standard[ALL_EVENTS_CHANNEL] = Channel(ALL_EVENTS_CHANNEL, carried, _special(members))

    def member(self, entity: str, expression: str | None, enriched: Sequence[str]) -> Member:
        """A checked member; raises `SalesforceError` for a filter or a field that cannot be."""
        described = self._entities.find(entity)
        if described is None or described.name not in self._records:
            raise SalesforceError("INVALID_INPUT", f"There is no object {entity}", fields=["SelectedEntity"])
        columns: list[str] = []
        for name in enriched:
            found = described.by_lower_name.get(name.lower())
            if found is None or found.is_calculated or not set(found.parts.values()) <= self._fields(entity):
                message = (
                    f"The enriched field {name} isn't a field of {entity} that events can be enriched with"
                )
                raise SalesforceError("INVALID_INPUT", message, fields=["EnrichedFields"])
            columns += found.parts.values()
        places = _places(self._records[entity].spec)
        checked = event_filter(expression, described, places) if expression else None
        fields = (*columns, *(checked.fields if checked else ()))
        return Member(entity, checked, tuple(dict.fromkeys(fields)))

    def selects(self, entity: str) -> bool:
        """True when changes of the object are sent at all: it is selected on the standard channel
        or is a member of another one.
        """
        return entity in self._selected

    def may_follow(self, channel: Channel, user: str | None = None) -> bool:
        """True when a user (None: the integration user) may subscribe: he may view all records of
        every object whose events the channel carries. By a dial that counts for the channels of one
        object alone: others are open to everybody, and carry to each what he may view.
        """
        if self._events.enforced_at == "delivery" and channel.name not in self._of_one_object:
            return True
        carried = self._selected if channel.entities is None else channel.entities & self._records.keys()
        return self._permissions.may_follow(carried, user)

    def deselect(self, entity: str) -> None:
        """Take the object off the standard channel until it is made a member of it again."""
        self._connection.execute("INSERT OR IGNORE INTO sandbox_deselected VALUES (?)", (entity,))

    def select(self, entity: str) -> None:
        """The object is a member of the standard channel again."""
        self._connection.execute("DELETE FROM sandbox_deselected WHERE entity = ?", (entity,))

    def _select_all(self) -> None:
        """Every object of the catalogue that nobody has taken off is selected on the standard
        channel, and so is a member of it.
        """
        last = self._connection.execute("SELECT max(id) FROM sandbox_channel_members").fetchone()[0]
        ids = IdMaker(MEMBER_PREFIX, last)
        present = {
            row[0]
            for row in self._connection.execute(
                "SELECT entity FROM sandbox_channel_members WHERE channel = ? UNION SELECT entity FROM sandbox_deselected",
                (STANDARD_CHANNEL,),
            )
        }
        for event, entity in self.by_event_name.items():
            if entity not in present and entity not in self._unselected:
                self._connection.execute(
                    "INSERT INTO sandbox_channel_members VALUES (?, ?, ?, ?, NULL, '[]')",
                    (ids.next(), f"{STANDARD_CHANNEL}_{event}", STANDARD_CHANNEL, entity),
                )

    def _fields(self, entity: str) -> frozenset[str]:
        return frozenset(self._records[entity].spec.fields)

    def schema_json(self, wanted: str) -> str | None:
        """The schema of that id, present or past; None when there never was one."""
        row = self._connection.execute(
            "SELECT schema FROM sandbox_event_schemas WHERE id = ?", (wanted,)
        ).fetchone()
        return None if row is None else str(row[0])

    def codec(self, wanted: str) -> EventCodec | None:
        found = self._codecs.get(wanted)
        if found is None and (schema := self.schema_json(wanted)) is not None:
            found = self._codecs[wanted] = EventCodec(schema)
        return found

    def read(
        self, channel: Channel, after: int, most: tuple[int, int], user: str | None = None
    ) -> tuple[list[Delivery], int]:
        """A channel's next events after a position, counted as delivered, and the position that was
        then read through. `most`: events and bytes.
        """
        max_events, max_bytes = most
        if channel.members:
            max_events = min(max_events, _LOOKED_INTO)
        rows, position = self.bus.read(after, channel.entities, max_events, max_bytes)
        return self.hand_out(channel, rows, user), position

    def hand_out(self, channel: Channel, rows: Sequence[Row], user: str | None = None) -> list[Delivery]:
        """A subscriber's messages for these rows, counted against the org's allocation of delivered
        events. An object whose records the user may not all view has no events for him; sharing of
        single records has no say (Change Data Capture Developer Guide, "Required Permissions for
        Change Event Subscribers").
        """
        rights = self._permissions.of(user) if user else self._permissions.rights
        if not (rights.view_all_data or rights.modify_all_data):
            rows = [row for row in rows if rights.sees_all(row[1]) or row[1] not in self._records]
        found = channel.delivered(rows, self._current_values)
        if rights.hidden_fields:
            found = self._without_hidden(rows, found, user)
        if self._faults.has("event"):
            found = self._disturbed(rows, found)
        if found:
            self._meters.delivered_events.add(len(found))
        return found

    @property
    def is_exhausted(self) -> bool:
        """True when the allocation of delivered events is spent: nobody gets another event until it
        recovers.
        """
        return self._meters.delivered_events.left <= 0

    def _disturbed(self, rows: Sequence[Row], found: Sequence[Delivery]) -> list[Delivery]:
        entities = {row[0]: row[1] for row in rows}
        disturbed: list[Delivery] = []
        for event in found:
            fault = self._faults.strike("event", entities[event.replay_id])
            if fault is None or fault.kind == "duplicate":
                disturbed.append(event)
            if fault is not None and fault.kind == "duplicate":
                disturbed.append(event)
        return disturbed

    def _without_hidden(
        self, rows: Sequence[Row], found: Sequence[Delivery], user: str | None
    ) -> list[Delivery]:
        """Field-level security of the subscriber removes fields from events."""
        entities = {row[0]: row[1] for row in rows}
        return [
            event._replace(
                data=without_fields(event.data, self._permissions.hidden(entities[event.replay_id], user))
            )
            for event in found
        ]

    def _members(self, channel: str) -> list[Member]:
        rows = self._connection.execute(
            "SELECT entity, filter, enriched FROM sandbox_channel_members WHERE channel = ?", (channel,)
        ).fetchall()
        return [self.member(entity, text, orjson.loads(enriched)) for entity, text, enriched in rows]

    def _current_values(self, entity: str, record_id: str, names: Sequence[str]) -> dict[str, Any]:
        """Enriched values are read when the event is handed out; a record that is gone for good has
        none.
        """
        records = self._records[entity]
        wanted = tuple(names)
        try:
            row = records.fetch(record_id, wanted)
        except SalesforceError:
            return {}
        stored = dict(zip(wanted, row[_FIRST_VALUE:], strict=True))
        whole: dict[str, Any] = loads(records.shape.whole(records.shape.from_row(stored)))
        return whole


def _special(members: Sequence[Member]) -> dict[str, Member]:
    """Filters that need to read each event."""
    return {member.entity: member for member in members if not member.is_plain}


def _places(spec: ObjectSpec) -> dict[str, Place]:
    """Where each field of an object stands in its events."""
    return {
        name: (name,) if field.part_of is None else (field.part_of, field.part or name)
        for name, field in spec.fields.items()
    }
