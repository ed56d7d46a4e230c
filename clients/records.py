"""Records by their ids, whatever has become of them: live, in the recycle bin, or gone."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from clients.org_http import OrgHttp
from clients.soql import selected_fields
from schemas.budgets import LeaseClass
from schemas.catalogue import ObjectSpec

IDS_OF_A_QUERY = 400
"""Ids in the condition of one query: 22 characters each, within the 16 KB of an address with the fields of a wide object."""


class FoundRecords(NamedTuple):
    """What became of the records that were asked for."""

    records: list[Mapping[str, Any]]
    """Live ones and those in the recycle bin, in REST's JSON, with `IsDeleted` and `SystemModstamp`."""
    gone: list[str]
    """Ids that the org has no more."""
    asked_at: datetime
    """By the org's clock, before the first question."""


@dataclass
class RecordsById:
    """Reads one object's records, paid for by one class."""

    org: OrgHttp
    spec: ObjectSpec
    lease_class: LeaseClass

    async def read(self, ids: Sequence[str]) -> FoundRecords:
        """The records of up to 2,000 ids (REST API Developer Guide, "Get Records Using sObject Collections")."""
        asked_at = await self.org.ask_time(self.lease_class)
        fields = selected_fields(self.spec)
        answer = await self.org.call(
            "POST",
            f"{self.org.data_path}/composite/sobjects/{self.spec.name}",
            lease_class=self.lease_class,
            json={"ids": list(ids), "fields": list(fields)},
        )
        records = [record for record in answer.json() if record is not None and not record.get("IsDeleted")]
        missing = sorted(set(ids) - {record["Id"] for record in records})
        binned = [record async for record in self._binned(missing, fields)]
        gone = sorted(set(missing) - {record["Id"] for record in binned})
        return FoundRecords([*records, *binned], gone, asked_at)

    async def _binned(self, ids: Sequence[str], fields: Sequence[str]) -> AsyncIterator[Mapping[str, Any]]:
        for first in range(0, len(ids), IDS_OF_A_QUERY):
            listed = ", ".join(f"'{record_id}'" for record_id in ids[first : first + IDS_OF_A_QUERY])
            answer = await self.org.call(
                "GET",
                f"{self.org.data_path}/queryAll",
                lease_class=self.lease_class,
                params={
                    "q": f"SELECT {', '.join(fields)} FROM {self.spec.name} WHERE Id IN ({listed})",
                },
            )
            for record in answer.json()["records"]:
                yield record
