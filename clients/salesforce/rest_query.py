"""Reading an object by REST queries, one page a call.

Every page is a query of its own that begins where the last page ended. Salesforce's own way, a
locator to the next page, costs the same calls and has three faults that this has not: its later
pages may show records as they have become since, out of the order of the lane; locators expire;
and each holds a cursor open in the org.
"""

from typing import Any, NamedTuple

from clients.salesforce.http import OrgHttp
from clients.salesforce.polled_rows import row_of
from clients.salesforce.soql import keyset_query
from clients.salesforce.soql_requests import SoqlCalls
from schemas.catalogue import ObjectSpec
from schemas.governor import LeaseClass
from schemas.ingest.positions import PolledPosition, PolledRow


class Page(NamedTuple):
    """One answer."""

    rows: list[PolledRow]
    left: int
    """Rows of the window that the page does not hold."""


class RecordPage(NamedTuple):
    """One answer, as REST writes it."""

    records: list[dict[str, Any]]
    left: int
    """As of `Page`."""


class RestQuery:
    """Pages of one org, paid for by one class."""

    def __init__(self, org: OrgHttp, lease_class: LeaseClass) -> None:
        self._calls = SoqlCalls(org, lease_class)

    async def page(self, spec: ObjectSpec, after: PolledPosition, until_ms: int | None) -> Page:
        """As `records`, as rows."""
        found = await self.records(spec, after, until_ms)
        return Page([row_of(record, spec) for record in found.records], found.left)

    async def records(
        self, spec: ObjectSpec, after: PolledPosition, until_ms: int | None, *, also: str = ""
    ) -> RecordPage:
        """The first records after a position, deleted ones too (REST API Developer Guide,
        "QueryAll").

        `also` is a further condition. Raises `CallTooSlowError` when the window is too much for
        a query.
        """
        answer = await self._calls.ask(keyset_query(spec, after, until_ms, also=also))
        records = answer["records"]
        # `totalSize` counts the whole result; a page that says it is the last one leaves nothing.
        return RecordPage(records, 0 if answer["done"] else answer["totalSize"] - len(records))
