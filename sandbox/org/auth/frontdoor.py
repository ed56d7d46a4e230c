"""From a token to a browser's session, and what a client may find out about the logins
beforehand.
"""

import secrets
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.org.auth.sessions import Session, Sessions, bearer_token
from sandbox.org.errors import SalesforceError
from sandbox.org.state.org import Org

OTP_SECONDS = 60
"""How long a frontdoor address is good for; it is used once. No page says how long: it is ours."""
_HOME = "/lightning/page/home"
_GRANTS = (
    "authorization_code", "client_credentials", "password", "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
)  # fmt: skip
_CLAIMS = (
    "active", "address", "email", "email_verified", "family_name", "given_name", "is_app_installed", "language",
    "locale", "name", "nickname", "organization_id", "photos", "picture", "preferred_username", "profile", "sub",
    "updated_at", "urls", "user_id", "user_type", "utcOffset", "zoneinfo",
)  # fmt: skip


class FrontDoor:
    """The addresses that let a session into a browser."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self._org = org
        self._sessions = sessions
        self._codes: dict[str, tuple[str, float]] = {}
        """One-time code -> the session's token, and the org's seconds at which it was given."""

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/services/oauth2/singleaccess", self.single_access, methods=["GET", "POST"]),
            Route("/secur/frontdoor.jsp", self.enter, methods=["GET", "POST"]),
            Route("/.well-known/openid-configuration", openid_configuration, methods=["GET"]),
            Route("/id/keys", keys, methods=["GET"]),
        ]

    async def single_access(self, request: Request) -> Response:
        """Gives the address by which a browser enters without a login (Salesforce Help, "Generate a
        Frontdoor URL to Bridge into UI Sessions").
        """
        form = await _form(request)
        session = self._session(form.get("access_token") or _bearer(request))
        if session is None:
            body = {"error": "invalid_grant", "error_description": "invalid access token"}
            return JSONResponse(body, 400, headers={"Cache-Control": "no-store"})
        otp = secrets.token_urlsafe(48)
        self._codes[otp] = (session.token, self._org.clock.seconds())
        asked = {"otp": otp, "startURL": form.get("redirect_uri") or "/"}
        uri = f"{_own(request)}/secur/frontdoor.jsp?{urlencode(asked)}"
        return JSONResponse({"frontdoor_uri": uri}, headers={"Cache-Control": "no-store"})

    async def enter(self, request: Request) -> Response:
        """Makes a session the browser's, by its id or a one-time code, and leads to a page
        (Salesforce Help, "Using Frontdoor.jsp to Bridge an Existing Session Into Salesforce", of
        the OAuth API).
        """
        given = dict(request.query_params) | await _form(request)
        session = self._session(self._taken(given["otp"]) if given.get("otp") else given.get("sid", ""))
        target = given.get("retURL") or given.get("startURL") or _HOME
        if session is None:
            return RedirectResponse(f"/?ec=302&startURL={quote(target, safe='')}", 302)
        response = RedirectResponse(target if _is_own(target) else _HOME, 302)
        response.set_cookie("sid", session.token, path="/", httponly=True, samesite="none", secure=True)
        return response

    def _taken(self, otp: str) -> str:
        """The token of a one-time code, which is spent by it; empty for one that is not good."""
        token, given_at = self._codes.pop(otp, ("", 0.0))
        return token if self._org.clock.seconds() - given_at <= OTP_SECONDS else ""

    def _session(self, token: str) -> Session | None:
        try:
            return self._sessions.use(token)
        except SalesforceError:
            return None


async def openid_configuration(request: Request) -> Response:
    """Tells where the endpoints are and what they can do (Salesforce Help, "OpenID Connect
    Discovery Endpoint", of the OAuth API).
    """
    url = _own(request)
    oauth = f"{url}/services/oauth2"
    return JSONResponse(
        {
            "issuer": url,
            "authorization_endpoint": f"{oauth}/authorize",
            "token_endpoint": f"{oauth}/token",
            "revocation_endpoint": f"{oauth}/revoke",
            "userinfo_endpoint": f"{oauth}/userinfo",
            "introspection_endpoint": f"{oauth}/introspect",
            "jwks_uri": f"{url}/id/keys",
            "frontdoor_endpoint": f"{oauth}/singleaccess",
            "scopes_supported": ["api", "full", "id", "openid", "refresh_token", "web"],
            "response_types_supported": ["code"],
            "grant_types_supported": list(_GRANTS),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "display_values_supported": ["page", "popup", "touch"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": list(_CLAIMS),
        }
    )


async def keys(_request: Request) -> Response:
    """Lists the keys that sign ID tokens: none, as no ID token is given here (Salesforce Help,
    "OpenID Connect Discovery Endpoint", of the OAuth API).
    """
    return JSONResponse({"keys": []})


def _bearer(request: Request) -> str:
    try:
        return bearer_token(request.headers.get("authorization"))
    except SalesforceError:
        return ""


def _is_own(target: str) -> bool:
    """True for an address within the org: a browser is led nowhere else."""
    return target.startswith("/") and not target.startswith(("//", "/\\"))


def _own(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


async def _form(request: Request) -> dict[str, str]:
    if request.method != "POST":
        return dict(request.query_params)
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
