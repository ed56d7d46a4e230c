"""Login with a token, and logout."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.console.forms import read_act, read_form
from api.console.gate import LOGIN, PREFIX, CookieRule
from api.console.render import respond
from api.console.session import CONSOLE_ROLES, Sessions
from api.middleware.auth import Gate
from schemas.errors import UnavailableError
from schemas.security.access import Caller

_REFUSED = "The token is unknown. Check it, or have a new one made: tidegate api token NAME --role reader, or --role operator."
_NO_CONSOLE = (
    "This token has the role {role}, which has no console. Use a token with the role reader or operator."
)


def way_back(asked: str) -> str:
    """The page to show after a login: one of the console, whatever was asked for."""
    is_ours = asked == PREFIX or asked.startswith((f"{PREFIX}/", f"{PREFIX}?"))
    return asked if is_ours and "\\" not in asked and not asked.startswith(LOGIN) else PREFIX


def admit(request: Request, caller: Caller, back: str) -> Response:
    """Begin a session for somebody whose token was accepted; raises 403 for a role without one."""
    if caller.role not in CONSOLE_ROLES:
        raise HTTPException(HTTPStatus.FORBIDDEN, _NO_CONSOLE.format(role=caller.role))
    sessions: Sessions = request.app.state.sessions
    _, cookie = sessions.begin(caller)
    response = RedirectResponse(way_back(back), HTTPStatus.SEE_OTHER)
    _rule(request).set_on(response, cookie)
    request.state.caller = caller
    return response


def _rule(request: Request) -> CookieRule:
    rule: CookieRule = request.app.state.cookie
    return rule


async def _show(request: Request) -> Response:
    if request.state.session is not None:
        return RedirectResponse(way_back(request.query_params.get("back", "")), HTTPStatus.SEE_OTHER)
    return _page(request, request.query_params.get("back", ""), "", HTTPStatus.OK)


async def _login(request: Request) -> Response:
    form = await read_form(request)
    gate: Gate = request.app.state.gate
    try:
        caller = await gate.caller(form.get("token", "").strip())
    except UnavailableError:
        return _page(
            request,
            form.get("back", ""),
            "The token issuer does not answer. Try again in a moment.",
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
    if caller is None:
        return _page(request, form.get("back", ""), _REFUSED, HTTPStatus.UNAUTHORIZED)
    return admit(request, caller, form.get("back", ""))


def _page(request: Request, back: str, trouble: str, status: HTTPStatus) -> Response:
    values = {
        "back": way_back(back),
        "trouble": trouble,
        "has_issuer": request.app.state.has_issuer,
        "login": LOGIN,
        "begin": f"{PREFIX}/oidc/begin",
    }
    return respond("login.html", values, status)


async def _logout(request: Request) -> Response:
    session, _ = await read_act(request)
    sessions: Sessions = request.app.state.sessions
    await sessions.end(session)
    response = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
    _rule(request).clear_on(response)
    return response


ROUTES = (
    Route(LOGIN, _show, methods=["GET"]),
    Route(LOGIN, _login, methods=["POST"]),
    Route(f"{PREFIX}/logout", _logout, methods=["POST"]),
)
