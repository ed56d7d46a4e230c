"""`/services/oauth2`: token, revoke and userinfo. None of them is an API call, so none is
counted.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.org.auth.authorize import approved
from sandbox.org.auth.errors import OAuthError
from sandbox.org.auth.flows import Flows
from sandbox.org.auth.frontdoor import FrontDoor
from sandbox.org.auth.grants import Grants
from sandbox.org.auth.identities import BAD_TOKEN, identity, user_info, wrong_identity
from sandbox.org.auth.sessions import Session, Sessions, authenticate
from sandbox.org.errors import SalesforceError
from sandbox.org.state.org import Org


def routes(org: Org, sessions: Sessions) -> list[BaseRoute]:
    """The OAuth endpoints of `org`."""
    grants = Grants(org, sessions)
    flows = Flows(org, grants)

    async def token(request: Request) -> Response:
        """Gives an access token for a grant (Salesforce Help, "OAuth 2.0 Token Endpoint" of
        Authorize Apps with OAuth API).
        """
        form = dict(request.query_params) | await _form(request)
        try:
            _check_app(org)
            granted = flows.check(form, request.headers.get("authorization"), own_url(request))
        except OAuthError as error:
            return _refused(error)
        session = sessions.open(granted.user_id, granted.client_id)
        body = _granted(org, session, own_url(request), with_scope=form["grant_type"] != "password")
        if form["grant_type"] == "authorization_code":
            grant_id = secrets.token_hex(8)
            grants.bind(session.token, grant_id)
            body["refresh_token"] = grants.new(grant_id)
        elif form["grant_type"] == "refresh_token":
            grant_id = grants.grant_of(form["refresh_token"])
            grants.bind(session.token, grant_id)
            if new := grants.rotated(form["refresh_token"], grant_id):
                body["refresh_token"] = new
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def revoke(request: Request) -> Response:
        """Ends an access token, or a refresh token with its grant (Salesforce Help, "Revoke OAuth
        Tokens" of the OAuth API).
        """
        form = await _form(request) or dict(request.query_params)
        given = form.get("token", "")
        if not (sessions.close(given) or grants.revoke_token(given)):
            body = urlencode(
                {"error": "unsupported_token_type", "error_description": "this token type is not supported"}
            )
            return PlainTextResponse(body, 400, media_type="application/x-www-form-urlencoded")
        return Response(status_code=200)

    async def authorize(request: Request) -> Response:
        """Approves at once in the integration user's name and sends the code back (OAuth API, "Web
        Server Flow").
        """
        asked = dict(request.query_params) or await _form(request)
        try:
            target = approved(org.identity, asked)
        except OAuthError as error:
            told = urlencode({"error": error.error, "error_description": error.description}, quote_via=quote)
            return PlainTextResponse(told, 400)
        if target.error is None:
            code = grants.issue_code(target.redirect_uri, asked.get("code_challenge", ""))
            return RedirectResponse(target.with_answer(code=code), 302)
        told_back = {"error": target.error.error, "error_description": target.error.description}
        return RedirectResponse(target.with_answer(**told_back), 302)

    async def introspect(request: Request) -> Response:
        """Tells whether a token is good (OAuth API, "Token Introspection")."""
        form = await _form(request)
        try:
            flows.check_client(form, request.headers.get("authorization"))
        except OAuthError as error:
            return _refused(error)
        token = form.get("token", "")
        session = sessions.find(token)
        if session is None and not grants.is_good(token):
            return JSONResponse({"active": False})
        body: dict[str, object] = {
            "active": True,
            "client_id": org.identity.client_id if session is None else session.client_id,
            "username": org.identity.username,
            "sub": f"{own_url(request)}/id/{org.identity.org_id}/{org.identity.user_id}",
            "scope": "api refresh_token",
            "token_type": "refresh_token" if session is None else "access_token",
        }
        if session is not None:
            begun = int(session.last_used)
            body |= {"exp": int(begun + sessions.life_seconds), "iat": begun, "nbf": begun}
        return JSONResponse(body)

    async def userinfo(request: Request) -> Response:
        """Tells who the token stands for (OAuth API, "UserInfo Endpoint")."""
        try:
            session = authenticate(request)
        except SalesforceError:
            return PlainTextResponse(BAD_TOKEN, 403)
        return JSONResponse(user_info(org, session.user_id, own_url(request)))

    async def identity_url(request: Request) -> Response:
        """Tells who the token stands for, at the address of the token's `id` (OAuth API, "Identity
        URLs").
        """
        given = request.query_params.get("oauth_token")
        if given is None and "authorization" not in request.headers:
            return PlainTextResponse("Missing_OAuth_Token", 403)
        try:
            session = authenticate(request) if given is None else sessions.use(given)
        except SalesforceError:
            return PlainTextResponse(BAD_TOKEN, 403)
        named = (request.path_params["org_id"], request.path_params["user_id"])
        refused = wrong_identity(org, named, session.user_id)
        if refused is not None:
            return PlainTextResponse(*refused)
        return JSONResponse(identity(org, session.user_id, own_url(request)))

    return [
        Route("/services/oauth2/token", token, methods=["POST"]),
        Route("/services/oauth2/revoke", revoke, methods=["POST", "GET"]),
        Route("/services/oauth2/authorize", authorize, methods=["GET", "POST"]),
        Route("/services/oauth2/introspect", introspect, methods=["POST"]),
        Route("/services/oauth2/userinfo", userinfo, methods=["GET", "POST"]),
        *FrontDoor(org, sessions).routes(),
        Route("/id/{org_id}/{user_id}", identity_url, methods=["GET", "POST"]),
    ]


def own_url(request: Request) -> str:
    """The URL by which the client reached the org: the client sees it as the org's instance."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def _check_app(org: Org) -> None:
    if org.dials.auth.is_app_blocked:
        raise OAuthError("OAUTH_APP_BLOCKED", "this app is blocked by admin")


def _refused(error: OAuthError) -> Response:
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, 400, headers={"Cache-Control": "no-store"})


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _granted(org: Org, session: Session, url: str, *, with_scope: bool) -> dict[str, str]:
    id_url = f"{url}/id/{org.identity.org_id}/{session.user_id}"
    issued_at = str(org.clock.now().epoch_ms)
    signature = hmac.digest(
        org.identity.client_secret.encode(), (id_url + issued_at).encode(), hashlib.sha256
    )
    body = {
        "access_token": session.token,
        "instance_url": url,
        "id": id_url,
        "token_type": "Bearer",
        "issued_at": issued_at,
        "signature": base64.b64encode(signature).decode(),
    }
    return {**body, "scope": "api refresh_token"} if with_scope else body
