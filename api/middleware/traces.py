"""A span a request, below the authentication: only a token's holder may name the trace that it
joins.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.request_id import route_of
from clients.telemetry.spans import Sampling, SpanKind, SpanRef, SpanSpec, is_on, parse_traceparent, span

_FAILED = 500
_SAFE = ("GET", "HEAD")


class Traces:
    """Makes the span `METHOD ROUTE`, as a child of the caller's (W3C `traceparent`).

    It has the route's template and the status: no path, query, header or body. Baggage and
    `tracestate` are not read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        theirs = scope["state"]["parent_span"] = _parent_of(scope)
        if not is_on():
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with span(_spec(scope, theirs)) as request:
            scope["state"]["span"] = request.ref
            await self._app(scope, receive, noting)
            route = route_of(scope)
            request.rename(f"{scope['method']} {route}")
            request.note({"http.route": route, "http.response.status_code": status})
            if status >= _FAILED:
                request.fail(str(status))


def _parent_of(scope: Scope) -> SpanRef | None:
    is_known = scope["state"].get("caller") is not None
    return parse_traceparent(Headers(scope=scope).get("traceparent")) if is_known else None


def _spec(scope: Scope, theirs: SpanRef | None) -> SpanSpec:
    return SpanSpec(
        scope["method"],
        {"http.request.method": scope["method"]},
        SpanKind.SERVER,
        parent=theirs,
        is_root=True,
        sampling=Sampling.READS if scope["method"] in _SAFE else Sampling.WRITES,
    )
