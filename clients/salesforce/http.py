"""Calls to Salesforce's HTTP APIs. Law 5 stands here: a call takes its token first, and without one
nothing is sent.

What the org says in passing (its count of API calls, a refusal, a Retry-After) goes back to the
governor, so that one process's bad news stops every other one.

Law 6 begins here: the error of a failed write says whether it was surely not carried out, or
whether that is unknown (`UnknownOutcomeError`).
"""

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, Self

import httpx

from clients.governor.protocol import Purse
from clients.salesforce.call_count import note_call
from clients.salesforce.request_body import BodyInPieces
from clients.salesforce.session import Session
from clients.salesforce.write_window import is_too_late
from schemas.errors import (
    CallRefusedError,
    CallTooSlowError,
    CredentialsRejectedError,
    RateLimitedError,
    SchemaChangedError,
    TidegateError,
    UnavailableError,
    UnknownOutcomeError,
)
from schemas.governor import Budget, LeaseClass, Reading, Refusal, RefusalKind
from schemas.salesforce.limits import API_USAGE_LAG, API_VERSION, LONG_CALL

_SYSTEM = "Salesforce"
_SHORT_SECONDS = LONG_CALL.total_seconds() - 1
"""A call that is not paid for as a long one is given up before it becomes one."""
_LONG_SECONDS = 600.0
"""Salesforce gives up itself after ten minutes (Salesforce Developer Limits, "API Requests")."""
_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
_QUOTA_PAUSE = timedelta(minutes=15)
_SHORT_PAUSE = timedelta(seconds=10)
_APEX_PAUSE = timedelta(seconds=30)
_BUSY = {406, 420, 429, 502, 503, 504}
_TRANSIENT = {
    "UNABLE_TO_LOCK_ROW",
    "SERVER_UNAVAILABLE",
    "REQUEST_RUNNING_TOO_LONG",
    "UNKNOWN_EXCEPTION",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "TooManyLockFailure",
    "InternalServerError",
}
_TOO_SLOW = {"QUERY_TIMEOUT", "OPERATION_TOO_LARGE"}
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""There was no connection, so the org has not seen a byte. A reset or an end of an open one says
nothing of the kind.
"""
_OF_THE_FORM = {405, 410, 411, 412, 413, 414, 415, 417, 428, 431}
"""Status codes that reject a malformed request before executing it, whether sent by Salesforce or
by a proxy (RFC 9110).
"""
_MIDWAY = {"REQUEST_RUNNING_TOO_LONG", "UNKNOWN_EXCEPTION", "QUERY_TIMEOUT", "InternalServerError", "Timeout"}
"""The org had begun, and what it had committed by then stays: each subrequest of a composite call
is a transaction.
"""
_OVER_QUOTA = {"LIMIT_EXCEEDED", "EXCEEDED_QUOTA", "ExceededQuota"}


class Sessions(Protocol):
    """The session with the org: `SessionSource`."""

    async def session(self) -> Session:
        """The present session."""

    async def renew(self, expired: Session | None) -> Session:
        """A newer one."""


class OrgHttp:
    """One org's HTTP APIs, with one connection pool and one session."""

    def __init__(
        self,
        sessions: Sessions,
        purse: Purse,
        *,
        api_version: str = API_VERSION,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` None is the network."""
        self._sessions = sessions
        self._purse = purse
        self._http = httpx.AsyncClient(trust_env=False, transport=transport)
        self._told_time: tuple[datetime, float] | None = None
        self.api_version = api_version
        self.data_path = f"/services/data/v{api_version}"
        """The prefix of the REST API's paths."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    def now(self) -> datetime | None:
        """The org's time, never ahead of it; None before its first answer.

        From the `Date` header of its latest answer and the time that has passed since on a clock
        that nobody sets. Our own clock may be minutes off, and a poll that ran ahead of the
        org's would skip rows.
        """
        if self._told_time is None:
            return None
        told, at = self._told_time
        return told + timedelta(seconds=time.monotonic() - at)

    async def ask_time(self, lease_class: LeaseClass) -> datetime:
        """The org's time, as `now`. A process that has not heard from the org yet asks it, which is
        one call; our own clock stands in only when something on the way takes the org's `Date`
        headers away.
        """
        if self.now() is None:
            await self.call("GET", f"{self.data_path}/limits", lease_class=lease_class)
        return self.now() or datetime.now(UTC)

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """Count what an answer turned out to spend."""
        self._purse.settle(budget, lease_class, count)

    async def call(
        self,
        method: str,
        path: str,
        *,
        lease_class: LeaseClass,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        also: Mapping[Budget, int] | None = None,
        is_long: bool = False,
        is_write: bool = False,
    ) -> httpx.Response:
        """Make one call and return its successful response, read to the end.

        Args:
            method: HTTP method.
            path: From the host on, as nextRecordsUrl and other links give it; `data_path` begins
                most.
            lease_class: On whose behalf.
            params: Query.
            json: Body, or None.
            content: Body as bytes, or None.
            headers: Beyond authorization.
            also: What the call spends besides one API call: {Budget.BULK_QUERY_JOBS: 1}.
            is_long: It may take 20 seconds or more: it then holds a token of `long_calls`, too.
                Without it, the call
                is given up before it becomes a long one.
            is_write: It changes records, and a failure must say whether it may have done so.

        Raises `BudgetSpentError` before anything is sent; `RateLimitedError`,
        `UnavailableError`, `CallTooSlowError`, `CredentialsRejectedError` or `CallRefusedError`
        for what the org answers. A write raises `UnknownOutcomeError` when it may have been
        carried out; after any other error it was not.
        """
        async with AsyncExitStack() as held:
            if is_long:
                await held.enter_async_context(self._purse.hold(Budget.LONG_CALLS, lease_class))
            for budget, count in (also or {}).items():
                await self._purse.take(budget, lease_class, count)
            session = await self._sessions.session()
            request = self._http.build_request(
                method,
                f"{session.instance_url}{path}",
                params=params,
                json=json,
                content=content,
                headers=headers,
                timeout=_LONG_SECONDS if is_long else _SHORT_SECONDS,
            )
            response = await self._send(request, session, lease_class, is_write=is_write)
            if response.status_code == httpx.codes.UNAUTHORIZED:
                renewed = await self._sessions.renew(session)
                response = await self._send(request, renewed, lease_class, is_write=is_write)
        if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
            return response
        call = f"{method} {path.partition('?')[0]}"
        refused = self._refused(response, call, tuple(also or ()))
        raise _of_a_write(refused, response, call) if is_write else refused

    def address(self, path: str, params: Mapping[str, str]) -> str:
        """A path below `data_path` with its query, as a call inside another one wants it."""
        return f"{self.data_path}{path}?{httpx.QueryParams(dict(params))}"

    def refused_inside(
        self, call: str, status: int, body: object, headers: Mapping[str, str] | None = None
    ) -> TidegateError:
        """The meaning of a failure of a call inside another one: the same as by itself."""
        return self._refused(httpx.Response(status, json=body, headers=headers), call, ())

    async def _send(
        self, request: httpx.Request, session: Session, lease_class: LeaseClass, *, is_write: bool
    ) -> httpx.Response:
        await self._purse.take(Budget.API_CALLS, lease_class)
        detail = f"{request.method} {request.url.path}"

        def refuse_late() -> None:
            if is_write and is_too_late():
                raise UnavailableError(system=_SYSTEM, detail=f"{detail}: not in time, so it was not sent")

        refuse_late()
        note_call()
        request.headers["Authorization"] = f"{session.token_type} {session.access_token}"
        # Asked once more when the connection is there: making one may take longer than what is left
        # of the time.
        body = BodyInPieces(request.content, refuse_late)
        if is_write and request.content:
            request.stream = body
        try:
            # The client's own limits are for each piece of an answer: one that drips in would never
            # be given up.
            async with asyncio.timeout(request.extensions["timeout"]["read"] if is_write else None):
                response = await self._http.send(request)
        except (httpx.HTTPError, TimeoutError) as error:
            may_be_done = is_write and body.may_be_whole and not isinstance(error, _NOT_SENT)
            raise _unanswered(error, detail, may_be_done=may_be_done) from error
        self._read_time(response)
        self._read_usage(response)
        return response

    def _read_time(self, response: httpx.Response) -> None:
        try:
            told = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return  # a proxy may leave it out
        # Counted from when the answer is here, a little late, so that the time is a little early:
        # the safe side.
        self._told_time = told.astimezone(UTC), time.monotonic()

    def _read_usage(self, response: httpx.Response) -> None:
        found = _USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
        if found is not None:
            used, maximum = int(found[1]), int(found[2])
            self._purse.read(
                Reading(
                    budget=Budget.API_CALLS,
                    maximum=maximum,
                    used=used,
                    at=datetime.now(UTC),
                    lag=API_USAGE_LAG,
                )
            )

    def _refused(self, response: httpx.Response, call: str, also: tuple[Budget, ...]) -> TidegateError:
        status, (code, message) = response.status_code, _error(response)
        if status == httpx.codes.UNAUTHORIZED:
            return CredentialsRejectedError(
                system=_SYSTEM, error_code=code, detail=message, setting="TIDEGATE_SALESFORCE__*"
            )
        refusal = _refusal(response, code, message, also)
        if refusal is not None:
            self._purse.refuse(refusal)
            return RateLimitedError(
                system=_SYSTEM, detail=f"{call}: {code} {message}", retry_after=refusal.retry_after
            )
        if code == "INVALID_FIELD" and _is_reading(call):
            return SchemaChangedError(call=call, detail=message)
        if code in _TOO_SLOW:
            return CallTooSlowError(system=_SYSTEM, detail=f"{call}: {code} {message}")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or code in _TRANSIENT:
            return UnavailableError(system=_SYSTEM, detail=f"{call}: {status} {code} {message}")
        return CallRefusedError(call=call, status=status, error_code=code, detail=message)


def _unanswered(error: httpx.HTTPError | TimeoutError, detail: str, *, may_be_done: bool) -> TidegateError:
    told = f"{detail}: {type(error).__name__}"
    if may_be_done:
        return UnknownOutcomeError(system=_SYSTEM, detail=told, is_over=False)
    if isinstance(error, httpx.ReadTimeout):
        return CallTooSlowError(system=_SYSTEM, detail=detail)
    return UnavailableError(system=_SYSTEM, detail=told)


def _of_a_write(refused: TidegateError, response: httpx.Response, call: str) -> TidegateError:
    """The meaning of a refusal for a write.

    Surely not carried out is what the org refuses with 4xx and a code of its own, unless it had
    begun; what anybody refuses for its form; and what is sent elsewhere (3xx). A 5xx is not sure
    even with SERVER_UNAVAILABLE, "a server that is necessary for this call is unavailable" (SOAP
    API Developer Guide, "Core Data Types"): nothing says that it was found out before the first
    row. Looking up is one call for a thousand rows; taking a write for undone that was done is a
    second effect.
    """
    status, (code, words) = response.status_code, _error(response)
    is_orgs_own = code != str(status)
    is_sure = status < httpx.codes.INTERNAL_SERVER_ERROR and (
        status in _OF_THE_FORM
        or status < httpx.codes.BAD_REQUEST
        or isinstance(refused, CredentialsRejectedError)
        or (is_orgs_own and code not in _MIDWAY)
    )
    if not is_sure:
        detail = f"{call}: {status} {code}"
        return UnknownOutcomeError(system=_SYSTEM, detail=detail, is_over=is_orgs_own)
    if isinstance(refused, CallRefusedError):
        detail = "what it says may quote values, so it is not shown here"
        return CallRefusedError(call=call, status=status, error_code=code, detail=detail, words=words)
    return refused


def _is_reading(call: str) -> bool:
    """True for calls that name fields to read them."""
    is_query = "/jobs/query" in call or "/composite/sobjects/" in call
    return call.startswith("GET ") or (call.startswith("POST ") and is_query)


def _refusal(response: httpx.Response, code: str, message: str, also: tuple[Budget, ...]) -> Refusal | None:
    """The refusal to report to the governor; None for an error that says nothing about limits."""
    budget, kind, pause = Budget.API_CALLS, RefusalKind.UNAVAILABLE, _SHORT_PAUSE
    if code == "REQUEST_LIMIT_EXCEEDED" and message.startswith("ConcurrentRequests"):
        budget, kind = Budget.LONG_CALLS, RefusalKind.CONCURRENCY
    elif code == "REQUEST_LIMIT_EXCEEDED" and message.startswith("ConcurrentPerOrgLongTxn"):
        kind, pause = RefusalKind.APEX, _APEX_PAUSE
    elif code == "REQUEST_LIMIT_EXCEEDED":
        kind, pause = RefusalKind.QUOTA, _QUOTA_PAUSE
    elif code in _OVER_QUOTA and also:
        budget, kind, pause = also[0], RefusalKind.QUOTA, _QUOTA_PAUSE
    elif response.status_code not in _BUSY:
        return None
    return Refusal(
        budget=budget, kind=kind, at=datetime.now(UTC), retry_after=_retry_after(response) or pause
    )


def _retry_after(response: httpx.Response) -> timedelta | None:
    """The header's seconds; None when it is missing or a date (Salesforce sends seconds)."""
    text = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(text)) if text.isdigit() else None


def _error(response: httpx.Response) -> tuple[str, str]:
    """Code and message of an error body: a list in REST, one object in Bulk API 1.0, a page when
    the edge answers.
    """
    try:
        body: Any = response.json()
    except ValueError:
        return str(response.status_code), "an answer that is not JSON"
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return str(response.status_code), "an answer without an error code"
    code = first.get("errorCode") or first.get("exceptionCode") or response.status_code
    return str(code), str(first.get("message") or first.get("exceptionMessage") or "")[:300]
