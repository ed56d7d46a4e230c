"""Records by their external ids, as they are now: a thousand in one call (REST API Developer Guide, "Composite", "QueryAll")."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from clients.org_http import OrgHttp
from clients.soql import text_literal
from schemas.budgets import LeaseClass
from schemas.catalogue import FieldType, ObjectSpec
from schemas.errors import UnavailableError
from schemas.limits import COMPOSITE_MAX_QUERIES, URI_MAX_BYTES

IDS_OF_A_QUERY = 200
"""So that five queries, one call, ask for a thousand."""
_MOST_ADDRESS = URI_MAX_BYTES - 1_024
"""Bytes of a query's address: the headers of a call that is not inside another one need the rest."""
_FACTS = ("Id", "IsDeleted", "SystemModstamp", "LastModifiedDate", "LastModifiedById")
_NUMBERS = frozenset({FieldType.INT, FieldType.DOUBLE, FieldType.CURRENCY, FieldType.PERCENT})


@dataclass(frozen=True, slots=True)
class RecordSeen:
    """One record as the org told it."""

    record_id: str
    values: Mapping[str, Any]
    """The fields that were asked for, in REST's JSON; a path to a parent's field by its whole path."""
    modified_at: datetime
    """LastModifiedDate, to the second."""
    modified_by: str
    """LastModifiedById."""
    system_modstamp: datetime
    is_deleted: bool
    """In the recycle bin."""
    is_ambiguous: bool = False
    """Other live records have the same external id: an upsert by it is refused."""


class RecordsByKey:
    """Reads one org's records, paid for by one class."""

    def __init__(self, org: OrgHttp, lease_class: LeaseClass = LeaseClass.WRITEBACK) -> None:
        self._org = org
        self._class = lease_class

    async def read(
        self,
        spec: ObjectSpec,
        key_field: str,
        external_ids: Iterable[str],
        fields: Sequence[str],
        *,
        is_case_sensitive: bool = False,
    ) -> dict[str, RecordSeen]:
        """The records by the external ids as they were asked for; an id without a record is absent.

        A record in the recycle bin is told when no live one has its id. Up to 1,000 ids are one call, fewer when they are long.
        What was committed less than some seconds ago may be missing or old: queries lag behind commits
        (`clients.polling.VISIBILITY_DELAY`). Raises as `OrgHttp.call`.

        Args:
            spec: The object.
            key_field: Its external id field.
            external_ids: In any case, unless the field is case sensitive; a number's as its digits.
            fields: What to read besides id, times and author; may be empty.
            is_case_sensitive: Describe's `caseSensitive` of the key field.
        """
        key = _Key(spec, key_field, is_case_sensitive=is_case_sensitive)
        asked = {external_id: key.form(external_id) for external_id in external_ids}
        columns = tuple(dict.fromkeys((*_FACTS, key_field, *fields)))
        found: dict[str | Decimal, list[RecordSeen]] = {}
        queries = self._queries(key, columns, sorted({key.literal(each) for each in asked}))
        while some := list(islice(queries, COMPOSITE_MAX_QUERIES)):
            for record in await self._rows(some):
                found.setdefault(key.form(str(record[key_field])), []).append(_seen(record, fields))
        return {external_id: _chosen(found[form]) for external_id, form in asked.items() if form in found}

    def _queries(self, key: "_Key", columns: Sequence[str], literals: Sequence[str]) -> Iterator[str]:
        """Addresses of queries that together ask for all, none longer than an address may be."""
        begin = f"SELECT {','.join(columns)} FROM {key.spec.name} WHERE {key.field} IN "
        room = _MOST_ADDRESS - len(self._address(f"{begin}()"))
        some: list[str] = []
        left = room
        for literal in literals:
            size = len(self._address(f"{literal},")) - len(self._address(""))
            if some and (size > left or len(some) == IDS_OF_A_QUERY):
                yield self._address(f"{begin}({','.join(some)})")
                some, left = [], room
            some.append(literal)
            left -= size
        if some:
            yield self._address(f"{begin}({','.join(some)})")

    def _address(self, soql: str) -> str:
        return self._org.address("/queryAll", {"q": soql})

    async def _rows(self, queries: Sequence[str]) -> list[Mapping[str, Any]]:
        """Every row of up to five queries, in one call as long as a query has no more rows than a page."""
        rows: list[Mapping[str, Any]] = []
        for page in await self._first_pages(queries):
            rows += page["records"]
            while following := page.get("nextRecordsUrl"):
                page = (await self._org.call("GET", following, lease_class=self._class)).json()
                rows += page["records"]
        return rows

    async def _first_pages(self, queries: Sequence[str]) -> list[Any]:
        if len(queries) == 1:
            return [(await self._org.call("GET", queries[0], lease_class=self._class)).json()]
        subrequests = [
            {"method": "GET", "url": address, "referenceId": f"query{number}"}
            for number, address in enumerate(queries)
        ]
        answer = await self._org.call(
            "POST",
            f"{self._org.data_path}/composite",
            lease_class=self._class,
            json={"allOrNone": False, "compositeRequest": subrequests},
        )
        pages: list[Any] = []
        responses = answer.json()["compositeResponse"]
        if len(responses) != len(queries):
            # What is missing here would pass for records that are not there.
            raise UnavailableError(system="Salesforce", detail="a composite answer lacks subrequests")
        for response in responses:
            status = int(response["httpStatusCode"])
            if status >= 400:
                raise self._org.refused_inside("GET queryAll", status, response["body"])
            pages.append(response["body"])
        return pages


@dataclass(frozen=True, slots=True)
class _Key:
    """How values of the external id field are written and compared."""

    spec: ObjectSpec
    field: str
    is_case_sensitive: bool

    def literal(self, external_id: str) -> str:
        form = self.form(external_id)
        return format(form, "f") if isinstance(form, Decimal) else text_literal(external_id)

    def form(self, external_id: str) -> str | Decimal:
        """Equal for what Salesforce takes for the same external id."""
        field = self.spec.fields.get(self.field)
        if field is not None and field.type in _NUMBERS:
            try:
                return Decimal(external_id)
            except InvalidOperation:
                pass  # no number: asked for as a text, which the org refuses in its own words
        return external_id if self.is_case_sensitive else external_id.lower()


def _seen(record: Mapping[str, Any], fields: Sequence[str]) -> RecordSeen:
    return RecordSeen(
        record_id=str(record["Id"]),
        values={path: _at(record, path) for path in fields},
        modified_at=datetime.fromisoformat(record["LastModifiedDate"]),
        modified_by=str(record["LastModifiedById"]),
        system_modstamp=datetime.fromisoformat(record["SystemModstamp"]),
        is_deleted=bool(record["IsDeleted"]),
    )


def _at(record: Mapping[str, Any], path: str) -> Any:
    """The value of a field, or of a parent's field; None without a parent."""
    found: Any = record
    for name in path.split("."):
        found = None if found is None else found[name]
    return found


def _chosen(rows: Sequence[RecordSeen]) -> RecordSeen:
    """The live record of those with one external id; without one, the one that was deleted last."""
    newest = max(rows, key=lambda row: (not row.is_deleted, row.system_modstamp))
    is_ambiguous = sum(not row.is_deleted for row in rows) > 1
    return replace(newest, is_ambiguous=True) if is_ambiguous else newest
