"""`/services/oauth2`: token, revoke and userinfo. None of them is an API call, so none is counted."""

import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.org.auth.errors import OAuthError
from sandbox.org.auth.flows import Flows
from sandbox.org.auth.sessions import Sessions, authenticate
from sandbox.org.errors import SalesforceError
from sandbox.org.model import Org


def routes(org: Org, sessions: Sessions) -> list[BaseRoute]:
    """The OAuth endpoints of `org`."""
    flows = Flows(org.identity)

    async def token(request: Request) -> Response:
        form = await _form(request)
        try:
            flows.check(form, request.headers.get("authorization"), own_url(request))
        except OAuthError as error:
            body = {"error": error.error, "error_description": error.description}
            return JSONResponse(body, 400, headers={"Cache-Control": "no-store"})
        session = sessions.open(org.identity.user_id, org.identity.client_id)
        body = _granted(org, session.token, own_url(request), with_scope=form["grant_type"] != "password")
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def revoke(request: Request) -> Response:
        form = await _form(request) or dict(request.query_params)
        if not sessions.close(form.get("token", "")):
            body = urlencode(
                {"error": "unsupported_token_type", "error_description": "this token type is not supported"}
            )
            return PlainTextResponse(body, 400, media_type="application/x-www-form-urlencoded")
        return Response(status_code=200)

    async def userinfo(request: Request) -> Response:
        try:
            session = authenticate(request)
        except SalesforceError:
            return PlainTextResponse("Bad_OAuth_Token", 403)
        return JSONResponse(_user_info(org, session.user_id, own_url(request)))

    async def identity_url(request: Request) -> Response:
        try:
            session = (
                sessions.use(request.query_params["oauth_token"])
                if "oauth_token" in request.query_params
                else authenticate(request)
            )
        except SalesforceError:
            return PlainTextResponse("Bad_OAuth_Token", 403)
        info = _user_info(org, session.user_id, own_url(request))
        return JSONResponse({**info, "id": info["sub"], "username": info["preferred_username"]})

    return [
        Route("/services/oauth2/token", token, methods=["POST"]),
        Route("/services/oauth2/revoke", revoke, methods=["POST", "GET"]),
        Route("/services/oauth2/userinfo", userinfo, methods=["GET", "POST"]),
        Route("/id/{org_id}/{user_id}", identity_url, methods=["GET", "POST"]),
    ]


def own_url(request: Request) -> str:
    """The URL by which the client reached the org: what it is told is the org's instance."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _granted(org: Org, token: str, url: str, *, with_scope: bool) -> dict[str, str]:
    id_url = f"{url}/id/{org.identity.org_id}/{org.identity.user_id}"
    issued_at = str(time.time_ns() // 1_000_000)
    signature = hmac.digest(
        org.identity.client_secret.encode(), (id_url + issued_at).encode(), hashlib.sha256
    )
    body = {
        "access_token": token,
        "instance_url": url,
        "id": id_url,
        "token_type": "Bearer",
        "issued_at": issued_at,
        "signature": base64.b64encode(signature).decode(),
    }
    return {**body, "scope": "api refresh_token"} if with_scope else body


def _user_info(org: Org, user_id: str, url: str) -> dict[str, object]:
    row = org.store.connection.execute(
        'SELECT Username, Name, Email, IsActive FROM "User" WHERE Id = ?', (user_id,)
    ).fetchone()
    return {
        "sub": f"{url}/id/{org.identity.org_id}/{user_id}",
        "user_id": user_id,
        "organization_id": org.identity.org_id,
        "preferred_username": row[0],
        "name": row[1],
        "email": row[2],
        "active": bool(row[3]),
        "zoneinfo": "Europe/London",
        "language": "en_US",
        "locale": "en_GB",
        "utcOffset": 0,
        "urls": {"rest": f"{url}/services/data/v{{version}}/"},
    }
