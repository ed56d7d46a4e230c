"""The change feed: by long poll, and as a stream of server-sent events."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.openapi import documented
from api.problems import ProblemError, invalid
from api.routes.records.access import READS, Asking
from api.routes.records.answers import answer
from api.routes.records.models import Changes
from clients.warehouse.records.feed import ChangeFeed, FeedPage, Place
from clients.warehouse.records.shown import Shown, freshness
from schemas.catalogue import ObjectSpec
from schemas.errors import TidegateError
from schemas.security.access import CallerRole

router = APIRouter(prefix="/v1/changes", tags=["changes"])
LATEST = "latest"
_STREAMED_AT_ONCE = 200
_QUIET_SECONDS = 5.0
"""A stream without changes says so: proxies end connections that are silent. It also ends then when
its token was withdrawn.
"""
_STREAM_SECONDS = 600.0
"""Then a stream ends, and its client opens another with its token, which may have been
withdrawn.
"""
_RETRY_MS = 1_000


class AfterPlace(BaseModel):
    """Of which object, and from where on."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: str = Field(max_length=80)
    """API name."""
    after: str = Field(default="", max_length=100)
    """`next` or a change's `cursor`. "" = from the first change that is kept; `latest` = only what
    is applied from now on.
    """


class Poll(AfterPlace):
    """As a stream's, with how many changes and how long to wait for one."""

    limit: int = Field(default=1_000, ge=1, le=10_000)
    """The most changes."""
    wait: float = Field(default=0, ge=0, le=30)
    """Seconds to wait for a change when there is none. 0 = answer at once."""


@router.get(
    "",
    summary="Changes of an object, in the order in which they were applied",
    description="Each change comes once behind a cursor, and none comes before one that was given out: keep `next` when "
    "its changes are done, and go on from it. Who is killed before that has them again. A record's changes may come late: compare `change_order`.",
    response_model=Changes,
    **documented(CallerRole.READER, *READS, HTTPStatus.GONE),
)
async def changes(ask: Asking, asked: Annotated[Poll, Query()]) -> Response:
    spec, feed = ask.spec(asked.object), ask.feed
    after = await _place(feed, spec, asked.after, "query.after")
    page = await _page(feed, spec, after, asked.limit)
    if not page.changes and asked.wait and await feed.wait(spec, page.fresh, asked.wait):
        page = await _page(feed, spec, after, asked.limit)
    told = [Shown(spec).change(each) for each in page.changes]
    return answer({"changes": told, "next": str(page.next), "has_more": page.has_more}, page.fresh, None)


@router.get(
    "/stream",
    summary="The same as server-sent events",
    description="An event `change` has a change as its data and the cursor as its id, so that a client that connects with "
    "`Last-Event-ID` goes on behind it. An event `fresh` says after five quiet seconds how fresh the feed is. A stream ends after ten minutes, or when its token was withdrawn.",
    response_class=StreamingResponse,
    **documented(CallerRole.READER, *READS, HTTPStatus.GONE),
)
async def stream(
    request: Request,
    ask: Asking,
    asked: Annotated[AfterPlace, Query()],
    last_event_id: Annotated[str, Header(max_length=100)] = "",
) -> Response:
    spec, feed = ask.spec(asked.object), ask.feed
    where = "header.Last-Event-ID" if last_event_id else "query.after"
    after = await _place(feed, spec, last_event_id or asked.after, where)
    first = await _page(feed, spec, after, _STREAMED_AT_ONCE)
    return StreamingResponse(
        _events(feed, spec, first, partial(request.app.state.gate.still_knows, ask.caller)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    feed: ChangeFeed, spec: ObjectSpec, first: FeedPage, goes_on: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    page, ends = first, time.monotonic() + _STREAM_SECONDS
    yield f"retry: {_RETRY_MS}\n\n".encode()
    while time.monotonic() < ends and await goes_on():
        if page.changes:
            yield b"".join(
                _event("change", Shown(spec).change(each), str(each.place)) for each in page.changes
            )
        try:
            if not page.has_more and not await feed.wait(spec, page.fresh, _QUIET_SECONDS):
                yield _event("fresh", freshness(page.fresh), str(page.next))
            page = await _page(feed, spec, page.next, _STREAMED_AT_ONCE)
        except (TidegateError, ProblemError):
            return  # the client opens another, which answers the error


def _event(kind: str, data: dict[str, Any], cursor: str) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (kind.encode(), cursor.encode(), orjson.dumps(data))


async def _place(feed: ChangeFeed, spec: ObjectSpec, text: str, where: str) -> Place:
    if text == LATEST:
        return await feed.latest(spec)
    try:
        return Place.parse(text)
    except ValueError as error:
        raise invalid(where, str(error)) from None


async def _page(feed: ChangeFeed, spec: ObjectSpec, after: Place, count: int) -> FeedPage:
    found = await feed.page(spec, after, count)
    if isinstance(found, datetime):
        raise ProblemError(
            HTTPStatus.GONE,
            "cursor-too-old",
            f"Changes of {spec.name} that were applied before {found:%Y-%m-%d} have left for the archive, and some of them stand behind "
            "this cursor. Read the records again by /v1/records, then go on with `after=latest` from before that.",
        )
    return found
