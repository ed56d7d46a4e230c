"""Authentication: bearer tokens, checked before anything else of a request, and roles a route."""

import asyncio
import hashlib
import hmac
from http import HTTPStatus
from typing import Any

from fastapi import Depends, params
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dependencies import CalledBy
from api.problems import ProblemError, problem_of, response_of
from clients.acting import acting_as, caller
from clients.oidc import TokenIssuer
from schemas.access import Caller, CallerRole
from schemas.errors import TidegateError
from schemas.settings.api import ApiSettings, OidcSettings
from schemas.words import is_printable
from workers.addresses import issuer_address

PUBLIC = frozenset({"/healthz", "/readyz", "/v1/openapi.json", "/v1/docs"})
"""Paths that anybody may ask for: they say nothing of any org."""
_RANK = [
    CallerRole.GUEST,
    CallerRole.READER,
    CallerRole.WRITER,
    CallerRole.AUDITOR,
    CallerRole.ERASER,
    CallerRole.OPERATOR,
]


class Gate:
    """Knows tokens. They are kept and compared as hashes, and all of them are compared, so that
    time tells nothing.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._tokens = settings.tokens
        self._oidc = settings.oidc
        self._issuer = None if settings.oidc is None else TokenIssuer(issuer_address(settings.oidc))

    async def caller(self, token: str) -> Caller | None:
        """The caller of a token; None for an unknown one."""
        given = hashlib.sha256(token.encode()).hexdigest()
        found = None
        for known in self._tokens:
            if hmac.compare_digest(known.sha256, given):
                found = Caller(name=known.name, role=known.role)
        if found is None and self._issuer is not None and self._oidc is not None:
            claims = await asyncio.to_thread(self._issuer.claims, token)
            return None if claims is None else signed_for(claims, self._oidc)
        return found


def signed_for(claims: dict[str, Any], oidc: OidcSettings) -> Caller | None:
    """The caller of checked claims, with the highest role that they name; None: they name none."""
    said = claims.get(oidc.role_claim, [])
    roles = {oidc.roles.get(str(each)) for each in (said if isinstance(said, list) else [said])}
    highest = max((role for role in roles if role is not None), key=_RANK.index, default=None)
    name = f"oidc:{claims['sub']}"
    # A subject that a log or a terminal would obey, or that is cut to another's name, is nobody's.
    if highest is None or not is_printable(name) or len(name) > _LONGEST_NAME:
        return None
    return Caller(name=name, role=highest)


_LONGEST_NAME = 255


class Authentication:
    """Refuses every request without a good token, but for what is public."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PUBLIC:
            await self._app(scope, receive, send)
            return
        try:
            found = scope["state"]["caller"] = await self._authenticated(Headers(scope=scope))
        except TidegateError as error:
            await response_of(problem_of(error), scope["state"]["request_id"])(scope, receive, send)
        except ProblemError as refusal:
            await response_of(refusal, scope["state"]["request_id"])(scope, receive, send)
        else:
            with acting_as(caller(found.name)):
                await self._app(scope, receive, send)

    async def _authenticated(self, headers: Headers) -> Caller:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "no-token",
                "Send a token: `Authorization: Bearer …`. `tidegate api token NAME --role reader` makes one.",
            )
        caller = await self._gate.caller(token.strip())
        if caller is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "unknown-token",
                "The token is unknown or out of date. Check it, or have a new one made: `tidegate api token NAME --role …`.",
            )
        return caller


def needs(role: CallerRole, *others: CallerRole) -> params.Depends:
    """A route's condition: its caller has the role, or one of the others."""
    words = " or ".join((role, *others))

    async def check(caller: CalledBy) -> None:
        if not any(caller.role.includes(each) for each in (role, *others)):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "role",
                f"This needs the role {words}; the token {caller.name} has {caller.role}. Use another token, or have one made: "
                f"`tidegate api token NAME --role {role}`.",
            )

    found: params.Depends = Depends(check)
    return found
