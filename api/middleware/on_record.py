"""Who called, from which address: each request that changes something goes on record, and so do
refused ones.

The acts themselves are recorded where they are done, under the caller's name. The row that is
written here adds the address, the route and the request's id.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.refusals import Refusals, append_act_of_api
from api.middleware.request_id import route_of
from api.problems import ProblemError, response_of
from clients.database.audit_log import AuditLog
from schemas.ingest.messages import Act
from schemas.security.access import Caller

CALLED = "api.call"
"""The act's name in the audit log."""
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_COUNTED_ELSEWHERE = frozenset({"/v1/leases", "/v1/writebacks"})
"""Thousands a minute, each with its caller in a table of its own."""
_READS = frozenset({"/v1/records/{object}/batch"})
"""They change nothing; values that they show in plaintext are on record where they are read."""
_LOGIN = "/console/login"


class OnRecord:
    """Between the request's id and the doors."""

    def __init__(self, app: ASGIApp, refusals: Refusals, audit: Callable[[], AuditLog | None]) -> None:
        self._app = app
        self._refusals = refusals
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        throttled: ProblemError | None = None

        async def noting(message: Message) -> None:
            nonlocal throttled
            if message["type"] == "http.response.start":
                throttled = await self._note(scope, HTTPStatus(message["status"]))
                if throttled is not None:
                    await response_of(throttled, scope["state"]["request_id"])(scope, receive, send)
            if throttled is None:
                await send(message)

        await self._app(scope, receive, noting)

    async def _note(self, scope: Scope, status: HTTPStatus) -> ProblemError | None:
        """Put on record what has to be; the answer to give instead, to an address with too many
        refusals.
        """
        caller: Caller | None = scope["state"].get("caller")
        address = address_of(scope)
        if status is HTTPStatus.UNAUTHORIZED and caller is None and _is_attempt(scope):
            kind = scope["state"].get("refused", "unknown-token")
            return self._throttled(address) if self._refusals.note(address, kind) else None
        if status is HTTPStatus.FORBIDDEN and caller is not None:
            self._refusals.note(address, "role", caller.name)
        elif caller is not None and status < HTTPStatus.BAD_REQUEST and _changes(scope):
            await self._record(scope, caller, status, address)
        return None

    def _throttled(self, address: str) -> ProblemError:
        wait = timedelta(seconds=self._refusals.retry_seconds(address))
        detail = "Too many requests without a good token came from this address. Wait, then use a good one."
        return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too-many-refusals", detail, retry_after=wait)

    async def _record(self, scope: Scope, caller: Caller, status: HTTPStatus, address: str) -> None:
        act = Act(
            act=CALLED,
            by=caller.name,
            target=f"{scope['method']} {route_of(scope)}",
            detail=f"{status.value} from {address}, request {scope['state']['request_id']}",
            at=datetime.now(UTC),
        )
        await append_act_of_api(self._audit(), act)


def address_of(scope: Scope) -> str:
    """The caller's address; `unknown` for a socket that has none."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _changes(scope: Scope) -> bool:
    return scope["method"] in _CHANGES and route_of(scope) not in _COUNTED_ELSEWHERE | _READS


def _is_attempt(scope: Scope) -> bool:
    """False for a page of the console whose session has ended: browsers ask again by themselves."""
    path = scope["path"]
    return path == _LOGIN or not path.startswith("/console")
