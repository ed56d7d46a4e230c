"""Records of the org as facts: ids and times of change, of all records, of some ranges, or of a
list of ids.

Few rows come by REST, 2,000 a call; many by one query job with large pages. Wherever reading
stops it can go on at a position, so a killed step repeats one page.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from clients.salesforce.bucket_query import where_modified
from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.http import OrgHttp
from clients.salesforce.polled_rows import rows_of_csv
from clients.salesforce.readable import reading
from clients.salesforce.records_by_id import RecordsById
from clients.salesforce.soql_requests import SoqlCalls
from schemas.catalogue import ObjectSpec
from schemas.errors import BudgetSpentError, CallRefusedError
from schemas.governor import Budget, LeaseClass
from schemas.ingest.positions import epoch_ms
from schemas.reconcile import Range
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX
from transforms.drift.compare_schema import with_fields
from transforms.reconcile.cost import ReconcileCostConfig
from transforms.reconcile.row_digests import (
    FACTS,
    FACTS_SCHEMA,
    OrgValues,
    field_digests,
    row_digest,
    table_of_facts,
)

JOB_LIFE = timedelta(hours=2)
"""Beyond it a job is taken to hang."""
_HEAD = ("Id", "IsDeleted", "SystemModstamp")
_MS = pa.timestamp("ms", tz="UTC")


class Position(NamedTuple):
    """Where to go on."""

    job: str | None = None
    """A query job; None asks by REST."""
    at: str = ""
    """The job's locator; the last id of the page before; how many ids of a list have been asked.
    Empty at the beginning.
    """


class FactPage(NamedTuple):
    """A page of `FACTS_SCHEMA`, and where the next one begins; None after the last."""

    table: pa.Table
    following: Position | None


@dataclass
class FactQuery:
    """Facts of one object's records, paid for by one class."""

    org: OrgHttp
    spec: ObjectSpec
    values: OrgValues | None = None
    """Types the values of `fields`."""
    fields: tuple[str, ...] = ()
    """Fields that are read and digested."""
    lease_class: LeaseClass = LeaseClass.RECONCILIATION
    terms: ReconcileCostConfig = field(default_factory=ReconcileCostConfig)

    def __post_init__(self) -> None:
        self._calls = SoqlCalls(self.org, self.lease_class)
        self._bulk = BulkQuery(
            self.org,
            self.lease_class,
            page_rows=self.terms.page_rows,
            waits=self.terms.waits,
            give_up_after=JOB_LIFE,
        )
        selected = [name for name in self.fields if name not in (*_HEAD, "LastModifiedDate")]
        self._select = f"SELECT {', '.join([*_HEAD, 'LastModifiedDate', *selected])} FROM {self.spec.name}"

    @property
    def key_id(self) -> str:
        """The data key of the tokens that are digested; "" = no field is."""
        return "" if self.values is None else self.values.key_id

    async def begin(self, ranges: Sequence[Range], expected_rows: int) -> Position:
        """Where to begin: a query job when that is cheaper, and to be had."""
        if expected_rows <= self.terms.job_from_rows:
            return Position()
        where = where_modified(ranges)
        try:
            return Position(await self._bulk.create(f"{self._select}{f' WHERE {where}' if where else ''}"))
        except CallRefusedError:
            return Position()  # an object that Bulk API does not take
        except BudgetSpentError as error:
            if error.budget != Budget.BULK_QUERY_JOBS:
                raise
            return Position()

    async def page(self, ranges: Sequence[Range], position: Position) -> FactPage:
        """A page of the records in the ranges, deleted ones too."""
        if position.job is None:
            return await self._rest_page(ranges, position.at)
        if not position.at:
            await self._bulk.wait(position.job)
        page = await self._bulk.page(position.job, position.at or None)
        table = await asyncio.to_thread(self._of_csv, page.csv)
        following = None if page.next_locator is None else Position(position.job, page.next_locator)
        return FactPage(table, following)

    async def end(self, job: str) -> None:
        """The job is done with."""
        await self._bulk.remove(job, is_finished=True)

    async def named(self, ids: Sequence[str], position: Position) -> FactPage:
        """A page of the records of a list, deleted ones too, with a digest of each field."""
        first = int(position.at or 0)
        upto = min(first + COLLECTION_RETRIEVE_MAX, len(ids))
        found = await RecordsById(self.org, self.spec, self.lease_class).read(ids[first:upto])
        following = None if upto == len(ids) else Position(None, str(upto))
        return FactPage(self._of_records(found.records), following)

    async def _rest_page(self, ranges: Sequence[Range], after: str) -> FactPage:
        conditions = [f"({where})"] if (where := where_modified(ranges)) else []
        if after:
            conditions.append(f"Id > '{after}'")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        answer = await self._calls.ask(f"{self._select}{where} ORDER BY Id")
        records = answer["records"]
        following = None if answer["done"] else Position(None, records[-1]["Id"])
        return FactPage(self._of_records(records), following)

    def _of_records(self, records: Sequence[Mapping[str, Any]]) -> pa.Table:
        facts = np.zeros(len(records), FACTS)
        digests: list[list[int]] | None = None if self.values is None else []
        for place, record in enumerate(records):
            times = (epoch_ms(record["LastModifiedDate"]), epoch_ms(record["SystemModstamp"]))
            digest = 0
            if self.values is not None and digests is not None:
                values = self.values.typed(record, record["Id"])
                digest = row_digest(values)
                digests.append(field_digests(values))
            facts[place] = (record["Id"].encode(), *times, bool(record["IsDeleted"]), True, digest)
        return table_of_facts(facts, digests)

    def _of_csv(self, body: bytes) -> pa.Table:
        if self.values is None:
            with reading("a page of a query job"):
                return _bare(body)
        fields = {name: self.spec.fields[name] for name in {*self.fields, "LastModifiedDate"}}
        rows = rows_of_csv(body, with_fields(self.spec, fields))
        facts = np.zeros(len(rows), FACTS)
        for place, row in enumerate(rows):
            lmd = epoch_ms(row.fields["LastModifiedDate"])
            digest = row_digest(self.values.typed(row.fields, row.record_id))
            facts[place] = (row.record_id.encode(), lmd, row.modstamp_ms, row.is_deleted, True, digest)
        return table_of_facts(facts)


def _bare(body: bytes) -> pa.Table:
    """Ids and times of a page without values: a quarter of a million rows in some tenths of a
    second.
    """
    table = csv.read_csv(
        pa.BufferReader(body),
        csv.ReadOptions(use_threads=False),
        convert_options=csv.ConvertOptions(
            column_types={
                "Id": pa.string(),
                "IsDeleted": pa.bool_(),
                "SystemModstamp": _MS,
                "LastModifiedDate": _MS,
            },
            timestamp_parsers=[csv.ISO8601],
        ),
    )
    count = len(table)
    columns = {
        "id": table["Id"],
        "lmd": pc.cast(table["LastModifiedDate"], pa.int64()),
        "stamp": pc.cast(table["SystemModstamp"], pa.int64()),
        "deleted": table["IsDeleted"],
        "digest": pa.array(np.zeros(count, np.int64)),
        "digests": pa.nulls(count, pa.list_(pa.int64())),
    }
    return pa.Table.from_arrays(list(columns.values()), schema=FACTS_SCHEMA)
