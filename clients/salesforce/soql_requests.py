"""The one way by which SOQL goes to REST: as an address while that is short, else as part of a
composite call.

An address and its headers share 16,384 bytes; a subrequest of a composite call stands in a body
and is bound by nothing but the 100,000 characters of SOQL (Salesforce Help 000386264, "Maximum
number of rows returned by SOQL queries over the REST API", which advises it). Both ways are one
API call, and so are five queries in one composite call (REST API Developer Guide, "Composite").
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from schemas.errors import CallRefusedError, UnavailableError
from schemas.governor import LeaseClass
from schemas.salesforce.limits import COMPOSITE_MAX_QUERIES, QUERY_ADDRESS_MAX_BYTES, QUERY_PAGE_MAX
from transforms import exact_json

Answer = dict[str, Any]
"""A page as REST writes it: `totalSize`, `done`, `records`, and `nextRecordsUrl` unless it is the
last one. A number of more digits than a double holds is a `Decimal`.
"""
_OPTIONS = {"Sforce-Query-Options": f"batchSize={QUERY_PAGE_MAX}"}
_TOO_LONG = (414, 431)


class SoqlCalls:
    """Queries to one org, paid for by one class. Every call raises as `OrgHttp.read`, whichever way it went.

    Args:
        org: The way to the org.
        lease_class: On whose behalf.
        with_deleted: Records in the recycle bin come too: queryAll, else query.
        is_long: As of `Call`.
        of_tooling: The set-up is asked, which knows no recycle bin (Tooling API, "REST Resources").
    """

    def __init__(
        self,
        org: OrgHttp,
        lease_class: LeaseClass,
        *,
        with_deleted: bool = True,
        is_long: bool = False,
        of_tooling: bool = False,
    ) -> None:
        self._org = org
        self._class = lease_class
        self._room = "/tooling" if of_tooling else ""
        self._resource = f"{self._room}{'/queryAll' if with_deleted and not of_tooling else '/query'}"
        self._is_long = is_long
        self._most_address = QUERY_ADDRESS_MAX_BYTES

    async def ask(self, soql: str) -> Answer:
        """The first page of a query: one call."""
        [answer] = await self._ask_together([soql])
        return answer

    async def rows(self, queries: Iterable[str]) -> AsyncIterator[Mapping[str, Any]]:
        """Every record of several queries, in their order: five queries a call, and a call for
        every further page.
        """
        left = iter(queries)
        while some := list(islice(left, COMPOSITE_MAX_QUERIES)):
            for page in await self._ask_together(some):
                for record in page["records"]:
                    yield record
                following = page.get("nextRecordsUrl")
                while following:
                    answer = await self._get(following)
                    for record in answer["records"]:
                        yield record
                    following = answer.get("nextRecordsUrl")

    async def _ask_together(self, queries: Sequence[str]) -> list[Answer]:
        addresses = [self._org.address(self._resource, {"q": soql}) for soql in queries]
        if len(addresses) > 1 or len(addresses[0]) > self._most_address:
            return await self._ask_inside(addresses)
        try:
            return [await self._get(addresses[0])]
        except CallRefusedError as error:
            if error.status not in _TOO_LONG:
                raise
        # Something between us and the org takes less than the org does.
        self._most_address = len(addresses[0]) - 1
        return await self._ask_inside(addresses)

    async def _get(self, address: str) -> Answer:
        call = Call("GET", address, self._class, headers=_OPTIONS, is_long=self._is_long)
        response = await self._org.read(call)
        answer: Answer = exact_json.loads_where_needed(response.content)
        return answer

    async def _ask_inside(self, addresses: Sequence[str]) -> list[Answer]:
        subrequests = [
            {"method": "GET", "url": address, "referenceId": f"query{place}", "httpHeaders": _OPTIONS}
            for place, address in enumerate(addresses)
        ]
        path = f"{self._org.data_path}{self._room}/composite"
        body = {"allOrNone": False, "compositeRequest": subrequests}
        response = await self._org.read(Call("POST", path, self._class, body=body, is_long=self._is_long))
        answers = exact_json.loads_where_needed(response.content)["compositeResponse"]
        if len(answers) != len(addresses):
            # What is missing here would pass for records that are not there.
            raise UnavailableError(system="Salesforce", detail="a composite answer lacks subrequests")
        return [self._page_of(answer) for answer in answers]

    def _page_of(self, inside: Mapping[str, Any]) -> Answer:
        status = int(inside["httpStatusCode"])
        if status >= 300:
            call = f"GET {self._org.data_path}{self._resource}"
            raise self._org.refused_inside(call, status, inside["body"], inside.get("httpHeaders"))
        page: Answer = inside["body"]
        return page
