"""Rows into the org by sObject Collections: up to a thousand in one call (REST API Developer Guide,
"Composite", "Upsert Records Using sObject Collections", "Update Records Using sObject
Collections").

A collection of 200 rows is one transaction, in which a row that fails leaves the others alone. A
batch is sent once: what an `UnknownOutcomeError` means for it is for the caller to find out.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call, Deadline
from schemas.errors import CallRefusedError, UnknownOutcomeError
from schemas.governor import LeaseClass
from schemas.salesforce.limits import COLLECTION_MAX_ROWS, COMPOSITE_MAX_QUERIES
from schemas.writeback.messages import CLIENT_PREFIX
from transforms.writeback.outcomes import RowResult
from transforms.writeback.row_errors import NOT_SENT

_ABOUT_THE_ROWS = (400, 404)
"""Status codes of a collection refused for its rows or its key field; other statuses are about the
caller or the org.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One record to write."""

    external_id: str
    fields: Mapping[str, Any]
    """In REST's JSON, without the external id field; None empties. A parent by its external id:
    {"Account": {"ExternalId__c": "A-1"}}.
    """
    may_create: bool = True
    record_id: str = ""
    """Of the record, when it is known. A row that may not create is sent as an update by it, since
    an upsert always may create.
    """


@dataclass(slots=True)
class _Collection:
    """Rows of one subrequest, and their places in the batch."""

    path: str
    """Below `data_path`."""
    records: list[dict[str, Any]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    @property
    def body(self) -> dict[str, Any]:
        return {"allOrNone": False, "records": self.records}


class CompositeWrites:
    """Writes batches of one org's records, paid for by one class."""

    def __init__(self, org: OrgHttp, lease_class: LeaseClass = LeaseClass.WRITEBACK) -> None:
        self._org = org
        self._class = lease_class

    async def write(
        self,
        object_name: str,
        key_field: str,
        rows: Sequence[Row],
        batch: str,
        *,
        not_after: Deadline | None = None,
        is_long: bool = False,
    ) -> list[RowResult]:
        """Write the rows in one call; returns the result of each, in their order.

        Args:
            object_name: Of all of them.
            key_field: The external id field that names them.
            rows: At most five collections of 200 (`collections_needed`), each record once.
            batch: Its id, under which the changes come back (`changeOrigin`).
            not_after: As of `OrgHttp.write`.
            is_long: The call may take 20 seconds or more, because it has many rows.

        Without rows that can be sent nothing is called. Raises `ValueError` for rows that do not
        fit into one call, `UnknownOutcomeError` when some may have been written, and whatever
        else `OrgHttp.write` raises when none was.
        """
        results = _left_out(rows)
        sent = [place for place in range(len(rows)) if place not in results]
        collections = _collections(object_name, key_field, rows, sent)
        if len(collections) > COMPOSITE_MAX_QUERIES:
            raise ValueError(
                f"{len(rows)} rows of batch {batch} need {len(collections)} collections, not five"
            )
        if collections:
            usual = Call("PATCH", "", self._class, headers=call_options(batch), is_long=is_long)
            bodies = await self._send(collections, usual, not_after)
            with _readable_answer():
                for number, (collection, body) in enumerate(zip(collections, bodies, strict=True), 1):
                    told = _each_result(body, len(collection.places), number)
                    results |= zip(collection.places, told, strict=True)
        return [results[place] for place in range(len(rows))]

    async def _send(
        self, collections: list[_Collection], usual: Call, not_after: Deadline | None
    ) -> list[Any]:
        """Every collection's answer: a list of results, or Salesforce's error."""
        if len(collections) == 1:
            return [await self._send_one(collections[0], usual, not_after)]
        names = [f"rows{number}" for number in range(len(collections))]
        subrequests = [
            {
                "method": "PATCH",
                "url": f"{self._org.data_path}{collection.path}",
                "referenceId": name,
                "body": collection.body,
            }
            for name, collection in zip(names, collections, strict=True)
        ]
        body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": subrequests}
        path = f"{self._org.data_path}/composite"
        answer = await self._org.write(
            replace(usual, method="POST", path=path, body=body), not_after=not_after
        )
        with _readable_answer():
            return _composite_bodies(orjson.loads(answer.content)["compositeResponse"], names)

    async def _send_one(self, collection: _Collection, usual: Call, not_after: Deadline | None) -> Any:
        call = replace(usual, path=f"{self._org.data_path}{collection.path}", body=collection.body)
        try:
            answer = await self._org.write(call, not_after=not_after)
        except CallRefusedError as error:
            # Inside a composite request this is the subrequest's answer; alone it must be no other.
            if error.status not in _ABOUT_THE_ROWS:
                raise
            return [{"errorCode": error.error_code, "message": error.words}]
        with _readable_answer():
            return orjson.loads(answer.content)


def call_options(batch: str) -> dict[str, str]:
    """The header by which the changes of a batch are known when they come back (REST API Developer
    Guide, "Call Options Header").
    """
    return {"Sforce-Call-Options": f"client={CLIENT_PREFIX}{batch}"}


def collections_needed(rows: Sequence[Row]) -> int:
    """Collections that the rows need; one call carries five. Rows by key and rows by id share
    none.
    """
    return len(_collections("", "", rows, range(len(rows))))


def reads_as_reference(value: object) -> bool:
    """True when a composite request would take part of the value for a reference to another
    subrequest's answer.

    Nothing is known that escapes `@{`, so a row with it goes by a collection that is called by
    itself, or by Bulk API (REST API Developer Guide, "Composite Subrequest").
    """
    if isinstance(value, str):
        return "@{" in value
    return isinstance(value, Mapping) and any(map(reads_as_reference, value.values()))


@contextmanager
def _readable_answer() -> Iterator[None]:
    """The body reads the answer to a write; one that cannot be read leaves the outcome unknown."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        detail = f"its answer cannot be read ({type(error).__name__})"
        raise UnknownOutcomeError(system="Salesforce", detail=detail, is_over=True) from None


def _composite_bodies(responses: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Any]:
    """The subrequests' bodies in the order of their names; raises for an answer that lacks one."""
    by_name = {response["referenceId"]: response["body"] for response in responses}
    return [by_name[name] for name in names]


def _error_of(entry: Mapping[str, Any]) -> RowResult:
    """A row's error (`statusCode`) or a call's (`errorCode`)."""
    code = entry.get("statusCode") or entry["errorCode"]
    fields = entry.get("fields")
    named = tuple(map(str, fields)) if isinstance(fields, list) else ()
    return RowResult(code=str(code), message=str(entry.get("message") or ""), fields=named)


def _each_result(body: Any, count: int, number: int) -> Iterator[RowResult]:
    """One for each row; an error of the whole collection is every row's."""
    if "errorCode" in body[0]:
        yield from [replace(_error_of(body[0]), refusal=number)] * count
        return
    if len(body) != count:
        raise ValueError("another number of results than of rows")
    for entry in body:
        if entry["success"]:
            yield RowResult(record_id=str(entry["id"]), created=bool(entry.get("created")))
        else:
            yield _error_of(entry["errors"][0])


def _left_out(rows: Sequence[Row]) -> dict[int, RowResult]:
    """The rows that are not sent, by their places, and why."""
    said = "The record is not there and may not be created."
    missing = RowResult(code="NOT_FOUND", message=said, is_ours=True)
    found = {place: missing for place, row in enumerate(rows) if not row.may_create and not row.record_id}
    if collections_needed([row for place, row in enumerate(rows) if place not in found]) > 1:
        message = "A value has @{ in it, which a composite request takes for a reference."
        misread = RowResult(code=NOT_SENT, message=message, is_ours=True)
        for place, row in enumerate(rows):
            if place not in found and any(map(reads_as_reference, (row.external_id, row.fields))):
                found[place] = misread
    return found


def _collections(
    object_name: str, key_field: str, rows: Sequence[Row], places: Sequence[int]
) -> list[_Collection]:
    """The rows as collections: by key, and by id where nothing may be created."""
    by_key = [place for place in places if rows[place].may_create]
    by_id = [place for place in places if not rows[place].may_create]
    beyond = len(by_key) % COLLECTION_MAX_ROWS
    known = [place for place in by_key if rows[place].record_id][:beyond]
    if _needed(len(by_key), len(by_id)) > COMPOSITE_MAX_QUERIES and len(known) == beyond:
        # Records that are known to be there go by id as well, when that spares the sixth.
        by_key = sorted(set(by_key) - set(known))
        by_id += known
    found = []
    for chosen, path, record in (
        (by_key, f"/composite/sobjects/{object_name}/{key_field}", _by_key),
        (by_id, "/composite/sobjects", _by_id),
    ):
        for first in range(0, len(chosen), COLLECTION_MAX_ROWS):
            some = chosen[first : first + COLLECTION_MAX_ROWS]
            records = [record(rows[place], object_name, key_field) for place in some]
            found.append(_Collection(path, records, some))
    return found


def _needed(*counts: int) -> int:
    return sum(-(-count // COLLECTION_MAX_ROWS) for count in counts)


def _by_key(row: Row, object_name: str, key_field: str) -> dict[str, Any]:
    return {"attributes": {"type": object_name}, **row.fields, key_field: row.external_id}


def _by_id(row: Row, object_name: str, _: str) -> dict[str, Any]:
    return {"attributes": {"type": object_name}, **row.fields, "id": row.record_id}
