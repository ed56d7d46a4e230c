"""The outermost layer: every request has an id and a line in the log, and whatever fails inside is
answered.
"""

import logging
import re
import time
import uuid
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.metrics import observe_request
from api.problems import response_of, unexpected
from clients.telemetry.error_facts import error_facts, error_frames
from clients.telemetry.log_context import log_fields

_LOG = logging.getLogger(__name__)
_HEADER = "X-Request-Id"
_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Takes the caller's `X-Request-Id` or makes one up, and sends it back.

    The log's line has the method, the route's template, the status, the caller's name and the
    time taken; never a value of the path, a header, a parameter or a body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(_HEADER, "")
        request_id = given if _USABLE.fullmatch(given) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0
        began = time.monotonic()

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_HEADER] = request_id
            await send(message)

        with log_fields(request_id=request_id):
            try:
                await self._app(scope, receive, with_id)
            except Exception as error:
                state["error"] = error
                if not status:
                    await response_of(unexpected(), request_id)(scope, receive, with_id)
            # The request's span has ended, and its line is still to name it.
            span = state.get("span")
            ids = {} if span is None else {"trace_id": span.trace_id, "span_id": span.span_id}
            with log_fields(**ids):
                _log(scope, status, time.monotonic() - began)


def _log(scope: Scope, status: int, seconds: float) -> None:
    """The request's line and metric, and one more line for an unexpected error."""
    observe_request(scope, status, seconds)
    state = scope["state"]
    caller = state.get("caller")
    name = "nobody" if caller is None else caller.name
    method, route = scope["method"], route_of(scope)
    facts = {
        "method": method,
        "route": route,
        "status": status,
        "caller": name,
        "ms": round(seconds * 1_000, 1),
    }
    _LOG.info("%s %s %s by %s", method, route, status, name, extra={"facts": facts})
    if (failure := state.get("error")) is not None:
        # Where and what kind; a message may quote a value.
        extra = {"facts": error_facts(failure), "frames": error_frames(failure)}
        _LOG.error("the request failed unexpectedly", extra=extra)


def route_of(scope: Scope) -> str:
    """The template of the request's path: `/v1/lanes/{lane}`.

    A request that ended before a route was found, as one without a token does, shows the first
    two segments: what follows may be a key, and the key somebody's address.
    """
    route = getattr(scope.get("route"), "path", None)
    if isinstance(route, str):
        return route
    # Quoted, so that no line break gets into the log.
    first, *rest = quote(scope["path"]).removeprefix("/").split("/")
    shown = "/".join(["", first, *rest[:1]])
    return f"{shown}/…" if len(rest) > 1 else shown
