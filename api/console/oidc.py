"""Login by the OpenID Connect issuer: the authorization code flow with PKCE.

The state of a login under way lies in a signed cookie of ten minutes: any API process with the same
session key may finish it.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.console.gate import PREFIX, CookieRule
from api.console.login import admit, way_back
from api.console.session import Sessions
from api.middleware.auth import signed_for
from clients.oidc import IssuerAddress, LoginCode, TokenIssuer, exchange_code
from schemas.settings.api import ApiSettings, OidcSettings
from schemas.settings.console import ConsoleLogin

_CALLBACK = f"{PREFIX}/oidc/callback"
_MINUTES = 10
_AGAIN = "The login did not come to its end. Begin again at /console/login."
_NO_ROLE = "The issuer knows you, and gives you no role that has a console. Ask for one: TIDEGATE_API__OIDC__ROLES says which."


class IssuerLogin:
    """Begins and finishes logins with one issuer."""

    def __init__(self, oidc: OidcSettings, login: ConsoleLogin, public_url: str) -> None:
        self._oidc = oidc
        self._login = login
        self._redirect_uri = f"{public_url}{_CALLBACK}"
        self._issuer = TokenIssuer(IssuerAddress(oidc.issuer, login.client_id, oidc.jwks_url))

    def address(self, state: str, nonce: str, verifier: str) -> str:
        """The issuer's login page for this login."""
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._login.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._login.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._login.authorization_url}?{urlencode(asked)}"

    async def finish(self, request: Request, code: str, note: dict[str, str]) -> Response:
        """The session of who has logged in; raises 403 for a login that proves nothing."""
        secret = self._login.client_secret
        token = await exchange_code(
            LoginCode(
                token_url=self._login.token_url,
                client_id=self._login.client_id,
                client_secret=None if secret is None else secret.get_secret_value(),
                code=code,
                verifier=note["verifier"],
                redirect_uri=self._redirect_uri,
            )
        )
        claims = None if token is None else await asyncio.to_thread(self._issuer.claims, token)
        if claims is None or not _same(str(claims.get("nonce", "")), note["nonce"]):
            raise HTTPException(HTTPStatus.FORBIDDEN, _AGAIN)
        caller = signed_for(claims, self._oidc)
        if caller is None:
            raise HTTPException(HTTPStatus.FORBIDDEN, _NO_ROLE)
        return admit(request, caller, note["back"])


def issuer_login(settings: ApiSettings) -> IssuerLogin | None:
    """None when the settings have none."""
    console = settings.console
    if console.login is None or settings.oidc is None or console.public_url is None:
        return None
    return IssuerLogin(settings.oidc, console.login, console.public_url)


async def _begin(request: Request) -> Response:
    login, sessions = _login(request), _sessions(request)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    note = {
        "state": state,
        "nonce": nonce,
        "verifier": verifier,
        "back": way_back(request.query_params.get("back", "")),
    }
    response = RedirectResponse(login.address(state, nonce, verifier), HTTPStatus.SEE_OTHER)
    response.set_cookie(
        _cookie_name(request),
        sessions.sealed(note, _MINUTES * 60),
        max_age=_MINUTES * 60,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )
    return response


async def _callback(request: Request) -> Response:
    login = _login(request)
    note = _sessions(request).unsealed(request.cookies.get(_cookie_name(request), ""))
    state, code = (request.query_params.get(name, "") for name in ("state", "code"))
    if note is None or not code or not _same(state, note["state"]):
        raise HTTPException(HTTPStatus.FORBIDDEN, _AGAIN)
    response = await login.finish(request, code, note)
    response.delete_cookie(_cookie_name(request), path="/", secure=True, httponly=True, samesite="lax")
    return response


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _login(request: Request) -> IssuerLogin:
    found: IssuerLogin | None = request.app.state.issuer_login
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such page.")
    return found


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def _cookie_name(request: Request) -> str:
    rule: CookieRule = request.app.state.cookie
    return f"{rule.name}-login"


ROUTES = (
    Route(f"{PREFIX}/oidc/begin", _begin, methods=["GET"]),
    Route(_CALLBACK, _callback, methods=["GET"]),
)
