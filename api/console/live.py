"""A page that keeps itself up to date: sent whole once, then its live part again and again.

The page's own address with `stream=1` answers `text/event-stream`: a frame every few seconds. A
frame says its own time, so a page knows a cut stream by its silence.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api.console.forms import CSRF_FIELD
from api.console.gate import PREFIX
from api.console.render import render, respond
from api.console.session import Session, Sessions, Standing
from api.dependencies import Dependencies
from schemas.errors import TidegateError
from schemas.ids import trace_id_of

_LOG = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
"""Between two frames of a stream."""
_SILENCES = 3
"""Frames that may be missing before the page says that it is not up to date."""


@dataclass(frozen=True)
class View:
    """A page's content."""

    title: str
    template: str
    """Of the live part, below `live/`."""
    command: str
    """The command line that says the same."""
    values: Mapping[str, Any]
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    form: str = ""
    """Template of the form above the live part, below `forms/`; empty: none."""
    below: str = ""
    """Template of what stands below the live part and never changes; empty: nothing."""
    section: str = ""
    """Entry of the navigation that is marked."""


@dataclass(frozen=True)
class Visit:
    """A request for a page, by somebody who is logged in."""

    request: Request
    parts: Dependencies
    session: Session

    def word(self, name: str) -> str:
        """A value of the query, cut to a sane length; empty when it is not given."""
        return self.request.query_params.get(name, "").strip()[:255]

    def trace_url(self, workflow_id: str) -> str | None:
        """The page of a batch's trace; None when no tool for traces is configured."""
        return self.parts.settings.telemetry.url_of(trace_id_of(workflow_id))

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])


Build = Callable[[Visit], Awaitable[View]]


def page(path: str, build: Build, *, every: float = LOOK_SECONDS) -> Route:
    """The route of a page.

    Args:
        path: Below `/console`; "" is the first page.
        build: What it shows.
        every: Seconds between two frames.
    """

    async def answer(request: Request) -> Response:
        visit = Visit(request, request.app.state.parts(), request.state.session)
        if request.query_params.get("stream"):
            return StreamingResponse(
                _frames(visit, build, every),
                media_type="text/event-stream",
                headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            )
        return respond("page.html", page_values(visit, await build(visit), every))

    return Route(f"{PREFIX}{path}", answer, methods=["GET"])


def page_values(visit: Visit, view: View, every: float = LOOK_SECONDS) -> dict[str, Any]:
    """Everything that the templates are given."""
    url = visit.request.url.remove_query_params("stream")
    stream = url.include_query_params(stream="1")
    return {
        **view.values,
        "view": view,
        "now": view.at,
        "session": visit.session,
        "standing": str(visit.request.state.standing),
        "org": visit.parts.org,
        "has_fleet": visit.parts.fleet is not None,
        "csrf": visit.session.csrf,
        "CSRF_FIELD": CSRF_FIELD,
        "here": url.path + (f"?{url.query}" if url.query else ""),
        "stream": f"{stream.path}?{stream.query}",
        "query": visit.request.query_params,
        "silence": round(every * _SILENCES),
    }


async def _frames(visit: Visit, build: Build, every: float) -> AsyncIterator[bytes]:
    sessions: Sessions = visit.request.app.state.sessions
    is_first = True
    while visit.session.expires_at > datetime.now(UTC):
        # A page that has just been sent waits for its first frame; one that was cut off does not.
        if not (is_first and "last-event-id" in visit.request.headers):
            await asyncio.sleep(every)
        is_first = False
        if await sessions.standing(visit.session) is Standing.ENDED:
            return
        try:
            view = await build(visit)
        # the next look may succeed; meanwhile the page says how old it is
        except TidegateError as error:
            _LOG.warning("a stream of the console had no look: %s", type(error).__name__)
            continue
        yield _event(render("live.html", page_values(visit, view, every)))


def _event(text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.splitlines() if line.strip())
    return f"id: 1\n{lines}\n".encode()
