"""Authentication: bearer tokens, checked before anything else of a request, and roles a route."""

import asyncio
import hashlib
import hmac
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request, params
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.middleware.kept_tokens import PATIENCE_FOR_STORED_SECONDS, PATIENCE_SECONDS, KeptTokens
from api.problems import ProblemError, problem_of, response_of
from clients.acting import acting_as, caller
from clients.oidc import TokenIssuer
from schemas.errors import TidegateError
from schemas.security.access import ANYTHING, Caller, CallerRole, RecordScope, WriterScope
from schemas.security.api_tokens import TOKEN_PREFIX
from schemas.security.words import is_printable
from schemas.settings.api import ApiSettings, ApiToken, OidcSettings
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
    """Knows tokens: those of the settings, those of the operational store, and signed ones.

    They are kept and compared as hashes, and all of them are compared, so that time tells nothing.
    """

    def __init__(self, settings: ApiSettings, kept: KeptTokens | None = None) -> None:
        """`kept`: the tokens of the operational store. None = those of the settings only."""
        self._tokens = settings.tokens
        self._oidc = settings.oidc
        self._issuer = None if settings.oidc is None else TokenIssuer(issuer_address(settings.oidc))
        self._kept = kept

    async def caller(self, token: str) -> Caller | None:
        """The caller of a token; None for an unknown one, one that expired or was withdrawn.

        Raises:
            UnavailableError: Whether the token is good cannot be found out now.
        """
        if len(token) > _LONGEST_TOKEN:
            return None
        given = hashlib.sha256(token.encode()).hexdigest()
        is_listed = any(hmac.compare_digest(known.sha256, given) for known in self._tokens)
        await self.fresh(PATIENCE_SECONDS if is_listed else PATIENCE_FOR_STORED_SECONDS)
        listed = self._listed(given)
        if listed is not None or token.startswith(TOKEN_PREFIX):
            return listed or self._stored(given)
        if self._issuer is not None and self._oidc is not None:
            claims = await asyncio.to_thread(self._issuer.claims, token)
            return None if claims is None else signed_for(claims, self._oidc)
        return None

    async def fresh(self, patience: float = PATIENCE_SECONDS) -> None:
        """Have the stored tokens read again when it is time."""
        if self._kept is not None:
            await self._kept.fresh(patience)

    def knows(self, caller: Caller) -> bool:
        """True while a caller who has no signed token still has a good one with the same role."""
        for known in self._tokens:
            if known.name == caller.name and known.role is caller.role and self._is_good(known):
                return True
        return self._kept is not None and self._kept.role_of(caller.name) is caller.role

    async def still_knows(self, caller: Caller) -> bool:
        """False when the caller's token was withdrawn or has expired meanwhile, for answers that
        last. A signed token is not asked about again.
        """
        await self.fresh()
        return caller.name.startswith(_SIGNED) or self.knows(caller)

    def _listed(self, given: str) -> Caller | None:
        found = None
        for known in self._tokens:
            if hmac.compare_digest(known.sha256, given) and self._is_good(known):
                found = Caller(name=known.name, role=known.role, scope=known.writer, records=known.records)
        return found

    def _is_good(self, known: ApiToken) -> bool:
        is_revoked = self._kept is not None and self._kept.is_revoked(known.sha256)
        return not is_revoked and not known.is_over(datetime.now(UTC))

    def _stored(self, given: str) -> Caller | None:
        found = None if self._kept is None else self._kept.find(given)
        if found is None or not found.is_good(datetime.now(UTC)):
            return None
        return Caller(name=found.name, role=found.role, scope=found.writer, records=found.records)


def signed_for(claims: dict[str, Any], oidc: OidcSettings) -> Caller | None:
    """The caller of checked claims, with the highest role that they name.

    None: they name no role, or a subject that cannot go on record as it is.
    """
    said = claims.get(oidc.role_claim, [])
    values = [str(each) for each in (said if isinstance(said, list) else [said])]
    roles = [role for each in values if (role := oidc.roles.get(each)) is not None]
    highest = max(roles, key=_RANK.index, default=None)
    name = f"{_SIGNED}{claims['sub']}"
    # A line feed could forge a line, and a name that is cut could be another caller's.
    if highest is None or not is_printable(name) or len(name) > _LONGEST_NAME:
        return None
    return Caller(name=name, role=highest, scope=_scope_of(values, oidc), records=_records_of(values, oidc))


def _scope_of(values: list[str], oidc: OidcSettings) -> WriterScope:
    """The writer's objects and fields: all, when one of its roles has no limits."""
    writing = [each for each in values if oidc.roles.get(each) is CallerRole.WRITER]
    scopes = [oidc.writers.get(each, ANYTHING) for each in writing]
    if not scopes or ANYTHING in scopes:
        return ANYTHING
    return WriterScope(
        objects=tuple(sorted({name for each in scopes for name in each.objects})),
        fields=tuple(sorted({name for each in scopes for name in each.fields})),
    )


def _records_of(values: list[str], oidc: OidcSettings) -> RecordScope:
    """The records of every value of the claim together."""
    scopes = [oidc.records[each] for each in values if each in oidc.records]
    return RecordScope(
        objects=tuple(sorted({name for each in scopes for name in each.objects})),
        decrypt=tuple(sorted({name for each in scopes for name in each.decrypt})),
    )


_SIGNED = "oidc:"
"""Before the names of callers with a signed token; a listed token's name has no colon."""
_LONGEST_NAME = 255
_LONGEST_TOKEN = 16 * 1024


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
            scope["state"]["refused"] = refusal.kind
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

    # Of the request itself: each dependency of a dependency takes FastAPI as long as an indexed
    # read.
    async def check(request: Request) -> None:
        caller: Caller = request.state.caller
        if not any(caller.role.includes(each) for each in (role, *others)):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "role",
                f"This needs the role {words}; the token {caller.name} has {caller.role}. Use another token, or have one made: "
                f"`tidegate api token NAME --role {role}`.",
            )

    found: params.Depends = Depends(check)
    return found
