"""The codec server's own door: Temporal's Web UI asks it from another origin, with a bearer token,
or with the console's session where the browser sends it along.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.console.gate import CookieRule, cookie_of
from api.console.session import Sessions, Standing
from clients.acting import acting_as, caller
from workers.settings import Settings

PREFIX = "/v1/codec/"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Namespace",
    "Access-Control-Max-Age": "600",
}


class CodecDoor:
    """Answers preflights of the Web UI's origin, and lets its requests read the answer. All other
    requests pass as they are.
    """

    def __init__(self, app: ASGIApp, inner: ASGIApp, settings: Settings, sessions: Sessions) -> None:
        """`app`: with its own authentication. `inner`: behind it, for a caller who is known."""
        self._app = app
        self._inner = inner
        self._origins = web_ui_origins(settings)
        self._cookie = CookieRule.of(settings.api.console)
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        is_web_ui = origin in self._origins
        allowed = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Vary": "Origin",
        }
        answered = allowed if is_web_ui else {"Vary": "Origin"}
        if scope["method"] == "OPTIONS":
            headers_of = answered | (_PREFLIGHT if is_web_ui else {})
            await Response(status_code=HTTPStatus.NO_CONTENT, headers=headers_of)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in answered.items():
                    given[name] = value
            await send(message)

        if is_web_ui and "authorization" not in headers and await self._by_session(scope, headers):
            with acting_as(caller(scope["state"]["caller"].name)):
                await self._inner(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    async def _by_session(self, scope: Scope, headers: Headers) -> bool:
        """True when the browser sent a session that holds; its caller is then the request's."""
        session = self._sessions.read(cookie_of(headers, self._cookie.name))
        if session is None or await self._sessions.standing(session) is not Standing.OPEN:
            return False
        scope["state"]["caller"] = session.caller
        return True


def web_ui_origins(settings: Settings) -> frozenset[str]:
    """The origins of Temporal's Web UI. One on loopback has several names."""
    url = settings.temporal.ui_url
    if url is None:
        return frozenset(settings.api.codec_origins)
    parts = urlsplit(url)
    own = f"{parts.scheme}://{parts.netloc}"
    port = "" if parts.port is None else f":{parts.port}"
    is_loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    names = [f"{parts.scheme}://{name}{port}" for name in _LOOPBACK] if is_loopback else []
    return frozenset((own, *names, *settings.api.codec_origins))
