"""Answers about records: JSON with how fresh it is, and 304 for one that the caller has."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import Path, Response

from api.problems import invalid
from clients.warehouse.records.reader import Fresh, RecordRow
from clients.warehouse.records.shown import Shown, etag_of, freshness
from schemas.salesforce.record_ids import whole_id

MOST_NAME, MOST_ID = 80, 18
"""Characters in a path."""
ObjectName = Annotated[str, Path(max_length=MOST_NAME, description="API name of the object.")]
RecordId = Annotated[str, Path(max_length=MOST_ID, description="15 or 18 characters.")]
_JSON = "application/json"
_AT_ONCE = 50
"""Records that are shown before other requests get their turn: a millisecond or two."""


def answer(shown: dict[str, Any], fresh: Fresh, if_none_match: str | None) -> Response:
    """The answer, with its freshness; 304 when the caller has it.

    The JSON is made here: to have FastAPI check each value again takes longer than the read.
    """
    etag = etag_of(shown)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", **fresh_headers(fresh)}
    if if_none_match is not None and _has(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(orjson.dumps(shown | {"freshness": freshness(fresh)}), headers=headers, media_type=_JSON)


def fresh_headers(fresh: Fresh) -> dict[str, str]:
    """The freshness, as headers."""
    told = freshness(fresh)
    at = {} if told["applied_at"] is None else {"Tidegate-Applied-At": told["applied_at"]}
    return {"Tidegate-Commit": str(told["commit"]), **at}


async def shown_records(shown: Shown, rows: Sequence[RecordRow]) -> list[dict[str, Any]]:
    """Many records in the form of `models.Record`; other requests are served meanwhile."""
    found = []
    for first in range(0, len(rows), _AT_ONCE):
        found += [shown.record(row) for row in rows[first : first + _AT_ONCE]]
        await asyncio.sleep(0)
    return found


def id_of(text: str, where: str = "path.id") -> str:
    """A record's id of 18 characters; `where` names its place in the request."""
    try:
        return whole_id(text)
    except ValueError as error:
        raise invalid(where, str(error)) from None


def _has(if_none_match: str, etag: str) -> bool:
    """Weak comparison (RFC 9110, 13.1.2)."""
    bare = etag.removeprefix("W/")
    given = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return bare in given or "*" in given
