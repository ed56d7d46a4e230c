"""Records by their ids, whatever has become of them: live, in the recycle bin, or gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from clients.salesforce.soql import queries_in, selected_fields, text_literal
from clients.salesforce.soql_requests import SoqlCalls
from schemas.catalogue import ObjectSpec
from schemas.errors import CallTooSlowError
from schemas.governor import LeaseClass
from transforms import exact_json

IDS_OF_A_QUERY = 400
"""So that five queries, one call, ask for all that one call of collections did not find."""


class FoundRecords(NamedTuple):
    """The states of the requested records."""

    records: list[Mapping[str, Any]]
    """Live ones and those in the recycle bin, in REST's JSON, with `IsDeleted` and
    `SystemModstamp`; a number of many digits is a `Decimal`.
    """
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
        """The records of up to 2,000 ids (REST API Developer Guide, "Get Records Using sObject
        Collections").

        One call for live ones, and one for up to 2,000 others. Ids whose records are too much
        for a call are asked for in halves.
        """
        asked_at = await self.org.ask_time(self.lease_class)
        fields = selected_fields(self.spec)
        records = await self._live(ids, fields)
        missing = sorted(set(ids) - {record["Id"] for record in records})
        begin = f"SELECT {', '.join(fields)} FROM {self.spec.name} WHERE Id IN "
        queries = queries_in(begin, [text_literal(record_id) for record_id in missing], IDS_OF_A_QUERY)
        binned = [record async for record in SoqlCalls(self.org, self.lease_class).rows(queries)]
        gone = sorted(set(missing) - {record["Id"] for record in binned})
        return FoundRecords([*records, *binned], gone, asked_at)

    async def _live(self, ids: Sequence[str], fields: Sequence[str]) -> list[Mapping[str, Any]]:
        try:
            path = f"{self.org.data_path}/composite/sobjects/{self.spec.name}"
            body = {"ids": list(ids), "fields": list(fields)}
            answer = await self.org.read(Call("POST", path, self.lease_class, body=body))
        except CallTooSlowError:
            # No page cuts this answer short: two thousand records of 800 fields are a hundred
            # megabytes.
            if len(ids) == 1:
                raise
            middle = len(ids) // 2
            return [*await self._live(ids[:middle], fields), *await self._live(ids[middle:], fields)]
        found: list[Mapping[str, Any] | None] = exact_json.loads_where_needed(answer.content)
        return [record for record in found if record is not None and not record.get("IsDeleted")]
