"""A dry run: what writebacks would do to the records as they are now. Reads the org, and writes
nothing anywhere but its own answer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from activities.writeback.entries import entries_to_send
from clients.salesforce.call_count import counting_calls
from clients.salesforce.describe_cache import Describes
from clients.salesforce.http import Sessions
from clients.salesforce.records_by_external_id import RecordsByKey, RecordSeen
from clients.storage.objects import ObjectStore
from clients.writeback.batch_queries import StoredWriteback
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ids import preview_result_key
from schemas.writeback.messages import Mode, NewerChange
from schemas.writeback.preview import Preview, Previewed, PreviewInput, WouldBe
from transforms.pii import Protector
from transforms.writeback.batching import Terms, Waiting
from transforms.writeback.decide import Guard
from transforms.writeback.facts import SeenRecord, ToSend
from transforms.writeback.preview import cost_of, flagged, would_be

Row = Mapping[str, Any]
"""A writeback as the store would have it, with its `index` in the request."""


@dataclass
class PreviewSteps:
    """The activity and what it needs."""

    records: RecordsByKey
    sessions: Sessions
    store: ObjectStore
    org: str
    catalogue: Catalogue
    protector: Protector
    terms: Terms

    @activity.defn(name=names.PREVIEW_WRITEBACKS)
    async def preview_writebacks(self, request: PreviewInput) -> Previewed:
        """As `preview`, of rows that lie in the object store; the answer is put there, too, for
        values must not travel.
        """
        async with heartbeating():
            rows = orjson.loads(await asyncio.to_thread(self.store.get, request.key))
            found = await self.preview(rows)
        key = preview_result_key(request.key)
        await asyncio.to_thread(self.store.put, key, found.model_dump_json().encode())
        return Previewed(key=key)

    async def preview(self, rows: Sequence[Row]) -> Preview:
        """The effect of each, in the order of the request, and the cost of each object's. Refused
        ones are not among them.
        """
        now = datetime.now(UTC)
        by_object: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            by_object[row["object"], row["key_field"]].append(row)
        found: list[WouldBe] = []
        with counting_calls() as count:
            for (name, key_field), some in by_object.items():
                found += await self._of_object(self.catalogue.object(name), key_field, some, now)
        objects = sorted({row["object"] for row in rows})
        costs = [
            cost_of(name, [_waiting(row, now) for row in rows if row["object"] == name], now, self.terms)
            for name in objects
        ]
        return Preview(
            writebacks=tuple(sorted(found, key=lambda each: each.index)),
            refused=(),
            costs=tuple(costs),
            calls=count.calls,
        )

    async def _of_object(
        self, spec: ObjectSpec, key_field: str, rows: Sequence[Row], now: datetime
    ) -> list[WouldBe]:
        stored = [_stored(row, now) for row in rows]
        entries, _ = await asyncio.to_thread(
            entries_to_send, stored, self.catalogue, spec.name, self.protector
        )
        asked = {name for entry in entries for name in (*entry.fields, *entry.only_if)} & spec.fields.keys()
        fields = sorted(name for name in asked if not spec.fields[name].held)
        read = await self.records.read(spec, key_field, [entry.external_id for entry in entries], fields)
        us = (await self.sessions.session()).user_id
        guard = Guard(spec, lambda _: NewerChange.YIELDS, us, lambda _: False)
        described = await asyncio.to_thread(Describes(self.store, self.org).find, spec.name)
        records = _Records(read)
        by_index = {row["index"]: row for row in rows}
        found = []
        for entry in entries:
            seen, told = records.now(entry.external_id), read.get(entry.external_id)
            one = would_be(by_index[entry.numbers[0]], entry, seen, guard, described, now)
            is_binned = told is not None and told.is_deleted
            found.append(flagged(one, is_ambiguous=bool(told and told.is_ambiguous), is_binned=is_binned))
            records.write(entry, one)
        return found


class _Records:
    """The records as they are, and as earlier writebacks of the request would have them."""

    def __init__(self, read: Mapping[str, RecordSeen]) -> None:
        self._seen = {
            external_id.lower(): SeenRecord(each.record_id, each.values, each.modified_at, each.modified_by)
            for external_id, each in read.items()
            if not each.is_deleted
        }

    def now(self, external_id: str) -> SeenRecord | None:
        return self._seen.get(external_id.lower())

    def write(self, entry: ToSend, found: WouldBe) -> None:
        if found.why:
            return
        before = self.now(entry.external_id) or SeenRecord("", {}, datetime.fromtimestamp(0, UTC), "")
        values = {**before.values, **entry.fields}
        self._seen[entry.external_id.lower()] = replace(before, values=values)


def _stored(row: Row, now: datetime) -> StoredWriteback:
    since = row["unchanged_since"]
    return StoredWriteback(
        number=row["index"],
        record=str(row["index"]),  # each by itself
        key_field=row["key_field"],
        external_id=row["external_id"],
        fields=row["fields"],
        deadline=_time(row["deadline"]),
        accepted_at=now,
        guarded_from=None,
        may_create=row["may_create"],
        only_if=row["only_if"],
        unchanged_since=None if since is None else _time(since),
        attempts=0,
        replaced=None,
        record_id=None,
    )


def _waiting(row: Row, now: datetime) -> Waiting:
    return Waiting(
        number=row["index"],
        record=f"{row['object']}.{row['key_field']}={row['external_id'].lower()}",
        parents=tuple(row["parents"]),
        mode=Mode(row["mode"]),
        priority=row["priority"],
        accepted_at=now,
        deadline=_time(row["deadline"]),
        key_field=row["key_field"],
    )


def _time(given: str | datetime) -> datetime:
    return given if isinstance(given, datetime) else datetime.fromisoformat(given)
