"""Calls from pages of other origins: a browser asks first, without a session, and Salesforce goes
by its allowlist (REST API Developer Guide, "Use CORS with Salesforce").
"""

from fnmatch import fnmatchcase

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.org.faults.dials import Dials

_PATHS = ("/services/", "/id/", "/.well-known/", "/cometd/")
_METHODS = "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS"
_EXPOSED = "Sforce-Limit-Info, Sforce-Locator, Sforce-NumberOfRecords, ETag, Last-Modified, Location"
_MAX_AGE_SECONDS = 3600


class CrossOrigin:
    """Serves `app` to the pages of the origins in the dial `auth.cors_origins`."""

    def __init__(self, app: ASGIApp, dials: Dials) -> None:
        self._app = app
        self._dials = dials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].startswith(_PATHS)
        headers = Headers(scope=scope) if is_api else Headers()
        origin = headers.get("origin")
        if origin is None:
            await self._app(scope, receive, send)
            return
        is_let_in = any(fnmatchcase(origin, each) for each in self._dials.auth.cors_origins)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(origin if is_let_in else None, headers)(scope, receive, send)
            return

        async def allowing(message: Message) -> None:
            if message["type"] == "http.response.start" and is_let_in:
                own = MutableHeaders(raw=list(message.get("headers", ())))
                own["Access-Control-Allow-Origin"] = origin
                own["Access-Control-Expose-Headers"] = _EXPOSED
                own.add_vary_header("Origin")
                message = {**message, "headers": own.raw}
            await send(message)

        await self._app(scope, receive, allowing)


def _preflight(origin: str | None, headers: Headers) -> Response:
    """The methods and headers that the browser may send; 403 for an origin that is not in the
    allowlist (None).
    """
    if origin is None:
        return PlainTextResponse("Origin is not in the CORS allowlist", 403)
    allowed = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": headers.get("access-control-request-headers", "Authorization"),
        "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
        "Vary": "Origin",
    }
    return Response(status_code=200, headers=allowed)
