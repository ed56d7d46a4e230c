"""The console's own gate, before everything of it: the address, the session, and the headers.

Two rules decide about cookies. With `TIDEGATE_API__CONSOLE__PUBLIC_URL` the cookie is
`__Host-tidegate`, Secure, and pages are answered under that host alone. Without it the console
answers browsers on this machine alone (127.0.0.1, ::1, localhost), and the cookie is `tidegate`
without Secure: a browser keeps no `__Host-` cookie over plain HTTP.
"""

from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.console.session import Session, Sessions, Standing
from clients.acting import acting_as, caller
from schemas.settings.console import SESSION_LENGTH, ConsoleSettings

PREFIX = "/console"
LOGIN = f"{PREFIX}/login"
_OPEN = (LOGIN, f"{PREFIX}/oidc", f"{PREFIX}/static/")
"""Paths that need no session."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class CookieRule:
    """Name and flags of the session's cookie."""

    name: str
    is_secure: bool

    @classmethod
    def of(cls, settings: ConsoleSettings) -> "CookieRule":
        """`__Host-` and Secure, but for plain HTTP on one machine."""
        is_public = settings.public_url is not None
        return cls("__Host-tidegate" if is_public else "tidegate", is_public)

    def set_on(self, response: Response, value: str) -> None:
        """Give the browser its session."""
        response.set_cookie(
            self.name,
            value,
            max_age=round(SESSION_LENGTH.total_seconds()),
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def clear_on(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path="/", secure=self.is_secure, httponly=True, samesite="lax")


class ConsoleGate:
    """Lets a request through with `scope["state"]["session"]`, or answers it.

    Requests that change something must come from a page of the console itself: `Sec-Fetch-Site`
    must be `same-origin`, which every current browser sends. The form's own token is checked where
    the form is read.
    """

    def __init__(self, app: ASGIApp, settings: ConsoleSettings, sessions: Sessions) -> None:
        self._app = app
        self._host = None if settings.public_url is None else urlsplit(settings.public_url).hostname
        self._cookie = CookieRule.of(settings)
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    given[name] = value
                given.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._wrong_address(headers) or _from_elsewhere(scope["method"], headers)
        if answer is None:
            answer = await self._admitted(scope, headers)
        session = None if answer is not None else has_session(scope["state"])
        if session is None:
            await (answer or self._app)(scope, receive, with_headers)
            return
        with acting_as(caller(session.caller.name)):
            await self._app(scope, receive, with_headers)

    def _wrong_address(self, headers: Headers) -> Response | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname
        if host == self._host or (self._host is None and host in _LOOPBACK):
            return None
        said = (
            "The console answers browsers on this machine only, under 127.0.0.1 or localhost. To serve others, put a proxy that "
            "ends TLS before the API and set TIDEGATE_API__CONSOLE__PUBLIC_URL to its address."
            if self._host is None
            else "The console answers under another address: see TIDEGATE_API__CONSOLE__PUBLIC_URL."
        )
        return PlainTextResponse(said, HTTPStatus.MISDIRECTED_REQUEST)

    async def _admitted(self, scope: Scope, headers: Headers) -> Response | None:
        path: str = scope["path"]
        await self._sessions.fresh()
        session = self._sessions.read(cookie_of(headers, self._cookie.name))
        standing = Standing.ENDED if session is None else await self._sessions.standing(session)
        if session is not None and standing is not Standing.ENDED:
            scope["state"] |= {"session": session, "caller": session.caller, "standing": standing}
            return None
        if path.startswith(_OPEN):
            scope["state"] |= {"session": None, "standing": standing}
            return None
        if "text/event-stream" in headers.get("accept", "") or scope["method"] != "GET":
            return PlainTextResponse("The session has ended. Sign in again.", HTTPStatus.UNAUTHORIZED)
        back = quote(path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""))
        response = RedirectResponse(f"{LOGIN}?back={back}", HTTPStatus.SEE_OTHER)
        if headers.get("cookie"):
            self._cookie.clear_on(response)
        return response


def _from_elsewhere(method: str, headers: Headers) -> Response | None:
    if method in ("GET", "HEAD") or headers.get("sec-fetch-site") == "same-origin":
        return None
    said = "Refused: the request does not come from a page of the console (Sec-Fetch-Site). Open the page and try again."
    return PlainTextResponse(said, HTTPStatus.FORBIDDEN)


def cookie_of(headers: Headers, name: str) -> str:
    """The value of a cookie; "" = there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def has_session(state: dict[str, object]) -> Session | None:
    """The session that the gate found; None on pages that need none."""
    found = state.get("session")
    return found if isinstance(found, Session) else None
