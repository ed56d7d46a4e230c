"""The console's application: its pages behind its own gate, and its answers to errors."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.console import login, oidc
from api.console.acts_of import ACT_ROUTES
from api.console.gate import PREFIX, ConsoleGate, CookieRule, has_session
from api.console.pages import PAGES
from api.console.render import environment, respond
from api.console.session import Sessions
from api.console.static_files import STATIC, static_url
from api.dependencies import Dependencies
from api.middleware.auth import Gate
from api.problems import ProblemError, problem_of
from schemas.errors import TidegateError
from workers.settings import Settings


def build_console(settings: Settings, gate: Gate, parts: Callable[[], Dependencies]) -> ASGIApp:
    """The console. `parts` gives the API's clients, which are open once the API has started."""
    console = Starlette(
        routes=[*login.ROUTES, *oidc.ROUTES, STATIC, *PAGES, *ACT_ROUTES], exception_handlers=_HANDLERS
    )
    environment().globals["static"] = static_url
    sessions = Sessions(settings.api, lambda: parts().ended, gate)
    console.state.parts = parts
    console.state.gate = gate
    console.state.sessions = sessions
    console.state.cookie = CookieRule.of(settings.api.console)
    console.state.issuer_login = oidc.issuer_login(settings.api)
    console.state.has_issuer = console.state.issuer_login is not None
    return ConsoleGate(console, settings.api.console, sessions)


class TwoDoors:
    """Requests for the console go through its own gate; all others through the API's."""

    def __init__(self, console: ASGIApp, api: ASGIApp) -> None:
        self._console = console
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        is_console = scope["type"] == "http" and (path == PREFIX or path.startswith(f"{PREFIX}/"))
        await (self._console if is_console else self._api)(scope, receive, send)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- registered for it alone
    return _page(request, HTTPStatus(error.status_code), error.detail)


async def _on_ours(request: Request, error: Exception) -> Response:
    problem = error if isinstance(error, ProblemError) else problem_of(_ours(error))
    if problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        request.state.error = error
    return _page(request, HTTPStatus(problem.status_code), problem.detail)


def _ours(error: Exception) -> TidegateError:
    assert isinstance(error, TidegateError)  # noqa: S101 -- registered for it alone
    return error


def _page(request: Request, status: HTTPStatus, detail: str) -> Response:
    if "text/event-stream" in request.headers.get("accept", ""):
        return PlainTextResponse(detail, status)
    session = has_session(request.scope["state"])
    said = {
        "status": status,
        "detail": "There is no such page." if detail == HTTPStatus.NOT_FOUND.phrase else detail,
        "request_id": request.scope["state"].get("request_id", ""),
        "home": PREFIX,
        "is_in": session is not None,
    }
    return respond("error.html", said, status)


_HANDLERS = {HTTPException: _on_http, ProblemError: _on_ours, TidegateError: _on_ours}
