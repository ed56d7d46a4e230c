"""Channels and their members.

A plain channel hands out the bus's bytes as they are. A member with a filter or with enriched
fields costs a look into each event, and un-merges events of several records into events of one,
which then share a replay id (Change Data Capture Developer Guide, "Enrich Change Events with
Extra Fields", "Event Enrichment Considerations", "Change Event Filters").
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.org.channels.bus import Row
from sandbox.org.channels.filters import HEADER, EventFilter
from sandbox.org.events.comparisons import Place
from sandbox.org.schema.exact import dumps, loads

Enrich = Callable[[str, str, Sequence[str]], Mapping[str, Any]]
"""Object, record id and field names -> the values that are not empty, as they are now, in an
event's form.
"""
_ENRICHED_CHANGES = frozenset({"UPDATE", "DELETE"})
"""A create and an undelete carry every field already."""


class Delivery(NamedTuple):
    """An event on its way to a subscriber."""

    replay_id: int
    data: bytes
    """The message's `data` object."""
    extra: frozenset[Place] = frozenset()
    """The part of its body that comes from enrichment: a Pub/Sub header does not name it among the
    changed fields.
    """


@dataclass(frozen=True, slots=True)
class Member:
    """One object of a channel."""

    entity: str
    event_filter: EventFilter | None = None
    enriched: tuple[str, ...] = ()
    """Fields that come with every update and delete, changed or not; those of the filter included.
    """

    @property
    def is_plain(self) -> bool:
        return self.event_filter is None and not self.enriched


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel that a subscriber names."""

    name: str
    entities: frozenset[str] | None
    """The objects whose events it carries; None carries all."""
    members: Mapping[str, Member] = field(default_factory=dict)
    """By object; only those that are more than plain."""

    def delivered(self, rows: Sequence[Row], enrich: Enrich) -> list[Delivery]:
        """The events to hand out for these rows of the bus."""
        if not self.members:
            return [Delivery(row[0], row[3]) for row in rows]
        found: list[Delivery] = []
        for row in rows:
            member = self.members.get(row[1])
            found += [Delivery(row[0], row[3])] if member is None else _of_member(member, row, enrich)
        return found


def _of_member(member: Member, row: Row, enrich: Enrich) -> list[Delivery]:
    try:
        data = loads(row[3])
        payload = data["payload"]
        header = payload[HEADER]
        change, record_ids = header["changeType"], header["recordIds"]
    except (ValueError, KeyError, TypeError):
        return [Delivery(row[0], row[3])]
    if change.startswith("GAP_"):
        passes = member.event_filter is None or member.event_filter.may_hold(payload)
        return [Delivery(row[0], row[3])] if passes else []
    found = []
    for record_id in record_ids:
        own = {**payload, HEADER: {**header, "recordIds": [record_id]}}
        values = enrich(member.entity, record_id, member.enriched) if change in _ENRICHED_CHANGES else {}
        whole, extra = _enriched(own, values)
        if member.event_filter is None or member.event_filter.holds(_undiffed(whole, values)):
            found.append(Delivery(row[0], dumps({**data, "payload": whole}), extra))
    return found


def _enriched(own: dict[str, Any], values: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[Place]]:
    """The body with the values that it lacks, and which they are. What the event itself tells is
    never replaced.
    """
    extra: set[Place] = set()
    whole = dict(own)
    for name, value in values.items():
        if not isinstance(value, dict):
            if name not in own:
                whole[name] = value
                extra.add((name,))
            continue
        told = own.get(name) or {}
        missing = {part: inner for part, inner in value.items() if part not in told}
        whole[name] = {**told, **missing}
        extra |= {(name, part) for part in missing}
    return whole, frozenset(extra)


def without_fields(data: bytes, hidden: frozenset[str]) -> bytes:
    """An event's `data` without fields that its subscriber may not see. Data in another form stays
    as it is.
    """
    if not hidden:
        return data
    try:
        whole = loads(data)
        payload = whole["payload"]
        whole["payload"] = {name: value for name, value in payload.items() if name not in hidden}
    except (ValueError, KeyError, TypeError, AttributeError):
        return data
    header = whole["payload"].get(HEADER)
    if isinstance(header, dict) and isinstance(header.get("changedFields"), list):
        header["changedFields"] = [name for name in header["changedFields"] if name not in hidden]
    return dumps(whole)


def _undiffed(whole: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """For the filter: a long text that comes as a diff is compared by its value."""
    diffs = {name: values[name] for name, value in whole.items() if _is_diff(value) and name in values}
    return {**whole, **diffs} if diffs else whole


def _is_diff(value: object) -> bool:
    return isinstance(value, dict) and "diff" in value
