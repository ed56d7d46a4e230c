"""read_facts: records of the org one by one, as facts, page by page into the bucket."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from activities.runtime.schema_check import asking_for_a_check
from clients.salesforce.call_count import CallCount, counting_calls
from clients.salesforce.digest_query import FactQuery, Position
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import CallRefusedError
from schemas.governor import LeaseClass
from schemas.ids import reconcile_key
from schemas.reconcile import Range
from schemas.reconcile_steps import ReadFacts, ReadFactsInput, Scope
from transforms.pii import Protector
from transforms.reconcile.cost import ReconcileCostConfig
from transforms.reconcile.row_digests import OrgValues, compared_fields

_END = "end"
"""Where a reading is of which every page is kept."""
_NOT_FOUND = 404


@dataclass
class DigestReads:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector
    visibility_delay: timedelta = VISIBILITY_DELAY
    terms: ReconcileCostConfig = field(default_factory=ReconcileCostConfig)

    @activity.defn(name=names.READ_FACTS)
    async def read_facts(self, request: ReadFactsInput) -> ReadFacts:
        """Ask the org, and keep its answer page by page. A killed attempt is gone on with at its
        last page.
        """
        with counting_calls() as count:
            reader = _Reader(self, request, count)
            async with asking_for_a_check(request.org, request.object), heartbeating(reader.told):
                try:
                    return await reader.read()
                finally:
                    activity.heartbeat(*reader.told())

    def query(self, spec: ObjectSpec, scope: Scope) -> FactQuery:
        """The question that the scope needs."""
        fields = fields_of(spec, scope)
        prefixes = {name: each.key_prefix for name, each in self.catalogue.objects.items()}
        values = OrgValues(spec, fields, self.protector, prefixes) if fields else None
        return FactQuery(self.org, spec, values, fields, terms=self.terms)


def fields_of(spec: ObjectSpec, scope: Scope) -> tuple[str, ...]:
    """The fields that are compared: those of single records all, those of ranges without long
    texts, else what is asked for.
    """
    if scope.has_fields or scope.ids_keys:
        return compared_fields(spec, long_texts=True)
    return compared_fields(spec, long_texts=False) if scope.ranges else ()


def named_ids(store: ObjectStore, scope: Scope) -> list[str]:
    """The ids of the scope's lists, in order."""
    return sorted({each for key in scope.ids_keys for each in orjson.loads(store.get(key))})


def _digest(fields: Sequence[str]) -> str:
    """Tells lists of fields apart: eight hundred names in every heartbeat would be 50 KB each."""
    return hashlib.sha256(",".join(fields).encode()).hexdigest()[:16] if fields else ""


class _Reader:
    """One reading. Every heartbeat carries the position: job, place, pages, rows, calls, time of
    asking, fields.
    """

    def __init__(self, parent: DigestReads, request: ReadFactsInput, count: CallCount) -> None:
        self._parent = parent
        self._request = request
        self._count = count
        self._ranges = request.scope.ranges or (Range(),)
        self._spec = parent.catalogue.object(request.object)
        self._query = parent.query(self._spec, request.scope)
        told = activity.info().heartbeat_details
        job, at, pages, rows, calls, asked_from, fields = told if told else ("", "", "0", "0", "0", "", "")
        self._calls_before = int(calls)
        self._asked_from: datetime | None = None
        self._start()
        if fields == self._asked:
            self._position = Position(job or None, at)
            self._pages, self._rows = int(pages), int(rows)
            self._asked_from = datetime.fromisoformat(asked_from) if asked_from else None
        number = f"facts-{request.number}/"
        self._prefix = reconcile_key(request.org, request.object, request.run, number)

    @property
    def _calls(self) -> int:
        return self._calls_before + self._count.calls

    def told(self) -> tuple[str, ...]:
        """Where a next attempt goes on."""
        asked_from = "" if self._asked_from is None else self._asked_from.isoformat()
        counts = (str(self._pages), str(self._rows), str(self._calls))
        return (
            self._position.job or "",
            self._position.at,
            *counts,
            asked_from,
            self._asked,
        )

    @property
    def _asked(self) -> str:
        """Tells what the kept pages hold: fields, and the data key of their tokens."""
        return _digest((*self._query.fields, f"key {self._query.key_id}") if self._query.key_id else ())

    async def read(self) -> ReadFacts:
        """Read to the end; again when the org has forgotten the query job."""
        try:
            return await self._read()
        except CallRefusedError as error:
            if error.status != _NOT_FOUND or self._position.job is None:
                raise
        self._start()
        return await self._read()

    def _start(self) -> None:
        """At the beginning: what was read with other fields cannot be held against these."""
        self._position, self._pages, self._rows = Position(), 0, 0
        self._asked_from = None

    async def _read(self) -> ReadFacts:
        scope = self._request.scope
        ids = await asyncio.to_thread(named_ids, self._parent.store, scope) if scope.ids_keys else None
        asked_from = self._asked_from or await self._begin(is_listed=ids is not None)
        while self._position.at != _END:
            if ids is None:
                table, following = await self._query.page(self._ranges, self._position)
            else:
                table, following = await self._query.named(ids, self._position)
            await asyncio.to_thread(self._keep, table)
            self._rows += len(table)
            self._pages += 1
            self._position = following or Position(self._position.job, _END)
        if self._position.job is not None:
            await self._query.end(self._position.job)
        return ReadFacts(
            prefix=self._prefix,
            pages=self._pages,
            rows=self._rows,
            calls=self._calls,
            asked_from=asked_from,
            fields=self._query.fields,
            key_id=self._query.key_id,
        )

    async def _begin(self, *, is_listed: bool) -> datetime:
        asked_from = (
            await self._parent.org.ask_time(LeaseClass.RECONCILIATION) - self._parent.visibility_delay
        )
        if not is_listed:
            self._position = await self._query.begin(self._ranges, self._request.expected_rows)
        self._asked_from = asked_from
        return asked_from

    def _keep(self, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._parent.store.put(f"{self._prefix}{self._pages:06d}.parquet", bytes(sink.getvalue()))
