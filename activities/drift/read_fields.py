"""read_fields: some fields of an object's records, from the org; what differs from the warehouse is
landed and applied.

Records are read in the order of their SystemModstamp, so where a stretch ended is a position;
those that change meanwhile are read at the end, as they are then. What is landed is an update
that carries these fields alone, at the latest time for which the row is known to be right.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import pyarrow as pa
from temporalio import activity

from activities.ingest.land_rows import RowLanding, RowLandings, settled_before
from activities.runtime.heartbeat import heartbeating
from activities.runtime.schema_check import asking_for_a_check
from clients.salesforce.call_count import counting_calls
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import VISIBILITY_DELAY, PolledSource
from clients.salesforce.records_by_id import RecordsById
from clients.salesforce.soql import literal
from clients.storage.chain import RowFacts
from clients.warehouse import Warehouse
from clients.warehouse.sql import apply as sql
from schemas import names
from schemas.catalogue import Catalogue, FieldSpec, ObjectSpec
from schemas.drift import FieldsInput, FieldsResult, RefreshCounts
from schemas.ids import ORIGIN
from schemas.ingest.positions import PolledPosition, PolledRow
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX
from schemas.tables import RECORD_ID, field_column
from transforms.drift.changed_fields import differing
from transforms.drift.compare_schema import with_fields
from transforms.erasure.pages import erase_page
from transforms.ingest.row_pages import page_of_records, protect_page
from transforms.misfits import MISFIT, with_misfits
from transforms.pii.token_forms import TokenForms

STRETCH = timedelta(seconds=20)
LAND_ROWS = 10_000
"""Differing rows that make a batch."""
_YOUNG = timedelta(hours=1)
"""A record that the warehouse lacks and that has changed within this time may still be on its way.
"""
_EVER = timedelta(days=36_500)


@dataclass
class ReadFields:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    landings: RowLandings
    warehouse: Warehouse
    catalogue: Catalogue
    stretch: timedelta = STRETCH
    visibility_delay: timedelta = VISIBILITY_DELAY

    @activity.defn(name=names.READ_FIELDS)
    async def read_fields(self, request: FieldsInput) -> FieldsResult:
        """Read for one stretch; the result's position is where the next one goes on."""
        async with heartbeating(), asking_for_a_check(request.org, request.object):
            catalogue = self.catalogue
            await asyncio.to_thread(catalogue.follow)
            with counting_calls() as count:
                result = await _Reader(self, request, catalogue.object(request.object)).read()
        counts = result.counts.plus(RefreshCounts(calls=count.calls))
        return result.model_copy(update={"counts": counts})


class _Reader:
    def __init__(self, parent: ReadFields, request: FieldsInput, spec: ObjectSpec) -> None:
        self._parent = parent
        self._request = request
        self._spec = spec
        self._asked = with_fields(spec, {name: _read(spec.fields[name]) for name in request.fields})
        self._ends = time.monotonic() + parent.stretch.total_seconds()
        self._pages: list[pa.Table] = []
        self._counts = RefreshCounts()
        self._start = ORIGIN

    async def read(self) -> FieldsResult:
        parent, request = self._parent, self._request
        async with parent.landings.landing(request.org, request.lane, self._spec) as landing:
            self._start = await asyncio.to_thread(_chain_end, landing)
            if request.ids_key is not None:
                position, done = await self._read_ids(landing, request.ids_key)
            else:
                position, done = await self._read_all(landing)
            await self._land(landing, position)
        applied = RefreshCounts(applied=landing.counts.applied, quarantined=landing.counts.quarantined)
        return FieldsResult(position=position, done=done, counts=self._counts.plus(applied))

    async def _read_all(self, landing: RowLanding) -> tuple[str, bool]:
        source = PolledSource(
            self._parent.org,
            self._asked,
            lease_class=self._request.lease_class,
            visibility_delay=self._parent.visibility_delay,
            most_span=_EVER,
        )
        given = self._request.position
        after = PolledPosition(0) if given == ORIGIN else PolledPosition.parse(given)
        until = await source.horizon_ms()
        async with aclosing(source.read(after, until)) as pages:
            async for rows in pages:
                await self._take(landing, rows, str(rows[-1].position))
                after = rows[-1].position
                if self._is_over():
                    return str(after), False
        async with aclosing(source.unsettled(until)) as pages:
            async for rows in pages:
                await self._take(landing, rows, str(rows[-1].position))
                after = rows[-1].position
        return str(after), True

    async def _read_ids(self, landing: RowLanding, ids_key: str) -> tuple[str, bool]:
        ids: list[str] = orjson.loads(await asyncio.to_thread(self._parent.landings.store.get, ids_key))
        done = 0 if self._request.position == ORIGIN else int(self._request.position)
        reader = RecordsById(self._parent.org, self._asked, self._request.lease_class)
        while done < len(ids) and not self._is_over():
            some = ids[done : done + COLLECTION_RETRIEVE_MAX]
            found = await reader.read(some)
            done += len(some)
            await self._take_page(landing, page_of_records(found.records, self._asked), str(done))
        return str(done), done >= len(ids)

    async def _take(self, landing: RowLanding, rows: Sequence[PolledRow], position: str) -> None:
        records = [
            {
                "Id": row.record_id,
                "IsDeleted": row.is_deleted,
                "SystemModstamp": literal(row.modstamp_ms),
                **row.fields,
            }
            for row in rows
        ]
        await self._take_page(landing, page_of_records(records, self._asked), position)

    async def _take_page(self, landing: RowLanding, page: pa.Table, position: str) -> None:
        """Keep what differs, and land it when it is enough."""
        places = await asyncio.to_thread(self._differing, page)
        self._counts = self._counts.plus(RefreshCounts(read=len(page), differed=len(places)))
        if places:
            self._pages.append(page.take(pa.array(places)))
        if sum(map(len, self._pages)) >= LAND_ROWS:
            await self._land(landing, position)

    def _differing(self, page: pa.Table) -> list[int]:
        fields, spec = self._request.fields, self._spec
        protected = protect_page(page, self._asked, self._parent.landings.protector)
        columns = [field_column(spec.columns[name], spec.fields[name]) for name in fields]
        with self._parent.warehouse.transaction() as transaction:
            ids = pa.table({"record_id": page["Id"].combine_chunks()})
            transaction.stage(sql.TOUCHED, (RECORD_ID,), ids)
            names = [column.name for column in columns]
            rows = transaction.fetch(sql.read_fields(spec, columns))
            known = {record_id: with_misfits(values, names, unknown) for record_id, unknown, *values in rows}
        erased = self._parent.landings.protector.erased
        protected = erase_page(protected, self._asked, erased).raw
        for record_id in erased & known.keys():
            known[record_id] = tuple(None if value is MISFIT else value for value in known[record_id])
        young = self._request.reading - _YOUNG // timedelta(milliseconds=1)
        protector = self._parent.landings.protector
        forms = TokenForms(protector, spec, protector.ring.active.id)
        if places := forms.places(names):
            known = {record_id: forms.row(record_id, values, places) for record_id, values in known.items()}
        return differing(protected, self._asked, fields, known, young_from=literal(young))

    async def _land(self, landing: RowLanding, position: str) -> None:
        if not self._pages:
            return
        page = pa.concat_tables(self._pages)
        now = self._parent.org.time()
        settled = settled_before(now, self._parent.visibility_delay)
        facts = RowFacts(
            self._spec.name,
            datetime.now(UTC),
            settled,
            self._request.reading,
            # A record that was read again before the catalogue had the fields has no values of
            # them, and may stand long after its modstamp. These values must stand above it.
            stands_at=settled - timedelta(seconds=1),
            is_partial=True,
        )
        end = position if position != self._start else f"{position}.{len(page)}"
        await landing.land_page(page, start=self._start, end=end, facts=facts)
        self._start, self._pages = end, []

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends or activity.is_worker_shutdown() or activity.is_cancelled()


def _read(entry: FieldSpec) -> FieldSpec:
    """The entry so that a query asks for it."""
    return entry.model_copy(update={"calculated": False, "inputs": (), "held": False, "required": False})


def _chain_end(landing: RowLanding) -> str:
    end = ORIGIN
    for manifest in landing.chain.walk():
        end = manifest.end
    return end
