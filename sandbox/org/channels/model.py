"""Channels and their members.

A plain channel hands out the bus's bytes as they are. A member with a filter or with enriched fields costs a look into each
event, and un-merges events of several records into events of one, which then share a replay id (Change Data Capture
Developer Guide, "Enrich Change Events with Extra Fields", "Filter Your Stream of Change Events").
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.org.bus import Row
from sandbox.org.channels.filters import EventFilter

Enrich = Callable[[str, str, Sequence[str]], Mapping[str, Any]]
"""Object, record id and field names -> the values as they are now, in an event's form."""


@dataclass(frozen=True, slots=True)
class Member:
    """One object of a custom channel."""

    entity: str
    event_filter: EventFilter | None = None
    enriched: tuple[str, ...] = ()
    """Fields that come with every event, changed or not; those of the filter included."""

    @property
    def is_plain(self) -> bool:
        return self.event_filter is None and not self.enriched


@dataclass(frozen=True, slots=True)
class Channel:
    """What a subscriber names."""

    name: str
    entities: frozenset[str] | None
    """The objects whose events it carries; None carries all."""
    members: Mapping[str, Member] = field(default_factory=dict)
    """By object; only those of a custom channel that are more than plain."""

    def delivered(self, rows: Sequence[Row], enrich: Enrich) -> list[tuple[int, bytes]]:
        """Replay id and `data` object of each event to hand out for these rows of the bus."""
        if not self.members:
            return [(row[0], row[3]) for row in rows]
        found: list[tuple[int, bytes]] = []
        for row in rows:
            member = self.members.get(row[1])
            found += [(row[0], row[3])] if member is None else _of_member(member, row, enrich)
        return found


def _of_member(member: Member, row: Row, enrich: Enrich) -> list[tuple[int, bytes]]:
    try:
        data = orjson.loads(row[3])
        header = data["payload"]["ChangeEventHeader"]
        change, record_ids = header["changeType"], header["recordIds"]
    except (ValueError, KeyError, TypeError):
        return [(row[0], row[3])]
    if change.startswith("GAP_"):
        return [(row[0], row[3])] if member.event_filter is None else _gap(member, row, data)
    found = []
    for record_id in record_ids:
        values = enrich(member.entity, record_id, member.enriched)
        payload = {**data["payload"], "ChangeEventHeader": {**header, "recordIds": [record_id]}}
        if change != "DELETE":
            payload = {**values, **payload}
        seen = payload if change != "DELETE" else {**values, **payload}
        if member.event_filter is None or member.event_filter.holds(seen):
            found.append((row[0], orjson.dumps({**data, "payload": payload})))
    return found


def _gap(member: Member, row: Row, data: Mapping[str, Any]) -> list[tuple[int, bytes]]:
    """A gap event has no values to filter by: it passes when what is known of it does not speak against it."""
    passes = member.event_filter is None or member.event_filter.holds(data["payload"], unknown=True)
    return [(row[0], row[3])] if passes else []
