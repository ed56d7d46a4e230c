"""Calls to Salesforce's HTTP APIs. Law 5 stands here: a call takes its token first, and without one
nothing is sent.

What the org says in passing (its count of API calls, a refusal, a Retry-After) goes back to the
governor, so that one process's bad news stops every other one.

Law 6 begins here: the error of a write says whether the write was surely not carried out, or
whether nobody knows (`UnknownOutcomeError`).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Protocol, Self, TypeVar

import httpx

from clients.governor.protocol import TokenSource
from clients.metrics.calls import org_call
from clients.salesforce.call_count import note_call
from clients.salesforce.call_log import CallLine, broken_off
from clients.salesforce.http_errors import (
    SYSTEM,
    api_usage,
    refusal_for_all,
    refused_call,
    refused_write,
    unanswered,
)
from clients.salesforce.request import BodyInPieces, Call, Deadline
from clients.salesforce.session import Session
from schemas.errors import TidegateError, UnavailableError
from schemas.governor import Budget, LeaseClass
from schemas.salesforce.limits import API_VERSION, LONG_CALL

_SHORT_SECONDS = LONG_CALL.total_seconds() - 1
"""A call that is not paid for as a long one is given up before it becomes one."""
_LONG_SECONDS = 600.0
"""Salesforce gives up itself after ten minutes (Salesforce Developer Limits, "API Requests")."""

_Transmit = Callable[[httpx.Request], Awaitable[httpx.Response]]
_Taken = TypeVar("_Taken")


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
        tokens: TokenSource,
        *,
        api_version: str = API_VERSION,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` None is the network."""
        self._sessions = sessions
        self._tokens = tokens
        self._http = httpx.AsyncClient(trust_env=True, transport=transport)
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

    def time(self) -> datetime:
        """The org's time, as `now`; ours before its first answer."""
        return self.now() or datetime.now(UTC)

    async def ask_time(self, lease_class: LeaseClass) -> datetime:
        """The org's time, as `now`. A process that has not heard from the org yet asks it, which is
        one call; our own clock stands in only when something on the way takes the org's `Date`
        headers away.
        """
        if self.now() is None:
            await self.read(Call("GET", f"{self.data_path}/limits", lease_class))
        return self.time()

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """Count what an answer turned out to spend."""
        self._tokens.settle(budget, lease_class, count)

    async def read(self, call: Call) -> httpx.Response:
        """Make a call that may be repeated without harm; returns its successful response, read to
        the end.

        A query is such a call, and so is a step of a job: the job itself says how far it is.

        Raises `BudgetSpentError` before anything is sent; `RateLimitedError`,
        `UnavailableError`, `CallTooSlowError`, `SessionEndedError`, `SchemaChangedError`
        or `CallRefusedError` for what the org answers.
        """
        response = await self._exchange(call, partial(self._transmit, call))
        if _is_good(response):
            return response
        raise self._refused(response, call.name, tuple(call.also))

    async def stream(
        self, call: Call, take: Callable[[httpx.Response, AsyncIterator[bytes]], Awaitable[_Taken]]
    ) -> _Taken:
        """Make a call as `read`, and have `take` read the answer's body while it comes; returns
        what `take` returns.

        The response that `take` gets has its headers only. The pieces beside it raise as `read`
        when the answer breaks off. While `take` is at work, the org waits with the next piece.
        """
        response = await self._exchange(call, partial(self._transmit_streamed, call))
        try:
            if not _is_good(response):
                raise self._refused(response, call.name, tuple(call.also))
            async with aclosing(_pieces(response, call)) as pieces:
                return await take(response, pieces)
        finally:
            await response.aclose()

    async def write(self, call: Call, *, not_after: Deadline | None = None) -> httpx.Response:
        """Make a call that changes records; returns its successful response, read to the end.

        Args:
            call: The call.
            not_after: The last piece of the body does not go later than this, so that nothing is
                carried out;
                `UnavailableError` says so. None = no limit.

        Raises as `read`, and `UnknownOutcomeError` when the write may have been carried out.
        After any other error it was not.
        """
        response = await self._exchange(call, partial(self._transmit_write, call, not_after))
        if _is_good(response):
            return response
        raise refused_write(self._refused(response, call.name, tuple(call.also)), response, call.name)

    def address(self, path: str, params: Mapping[str, str]) -> str:
        """A path below `data_path` with its query, as a call inside another one wants it."""
        return f"{self.data_path}{path}?{httpx.QueryParams(dict(params))}"

    def refused_inside(
        self, call: str, status: int, body: object, headers: Mapping[str, str] | None = None
    ) -> TidegateError:
        """The meaning of a failure of a call inside another one: the same as by itself."""
        return self._refused(httpx.Response(status, json=body, headers=headers), call, ())

    async def _exchange(self, call: Call, transmit: _Transmit) -> httpx.Response:
        """Pay for the call and make it; make it once more with a newer session when the org no
        longer knows ours.
        """
        async with AsyncExitStack() as held:
            if call.is_long:
                await held.enter_async_context(self._tokens.hold(Budget.LONG_CALLS, call.lease_class))
            for budget, count in call.also.items():
                await self._tokens.take(budget, call.lease_class, count)
            session = await self._sessions.session()
            is_raw = isinstance(call.body, bytes)
            request = self._http.build_request(
                call.method,
                f"{session.instance_url}{call.path}",
                params=call.params,
                json=None if is_raw else call.body,
                content=call.body if isinstance(call.body, bytes) else None,
                headers=call.headers,
                timeout=_LONG_SECONDS if call.is_long else _SHORT_SECONDS,
            )
            response = await self._attempt(request, session, call.lease_class, transmit)
            if response.status_code == httpx.codes.UNAUTHORIZED:
                renewed = await self._sessions.renew(session)
                response = await self._attempt(request, renewed, call.lease_class, transmit)
        return response

    async def _attempt(
        self, request: httpx.Request, session: Session, lease_class: LeaseClass, transmit: _Transmit
    ) -> httpx.Response:
        await self._tokens.take(Budget.API_CALLS, lease_class)
        request.headers["Authorization"] = f"{session.token_type} {session.access_token}"
        with (
            CallLine(request.method, request.url.path, lease_class) as line,
            org_call(request.url.path, lease_class) as made,
        ):
            response = await transmit(request)
            line.answered(response.status_code)
            is_throttled = not _is_good(response) and refusal_for_all(response, ()) is not None
            made.answered(response, is_throttled=is_throttled)
        self._read_time(response)
        if (usage := api_usage(response)) is not None:
            self._tokens.read(usage)
        return response

    async def _transmit(self, call: Call, request: httpx.Request) -> httpx.Response:
        note_call()
        try:
            return await self._http.send(request)
        except (httpx.HTTPError, TimeoutError) as error:
            raise unanswered(error, call.name, may_be_done=False) from error

    async def _transmit_streamed(self, call: Call, request: httpx.Request) -> httpx.Response:
        note_call()
        try:
            response = await self._http.send(request, stream=True)
            if not _is_good(response):
                await response.aread()
        except (httpx.HTTPError, TimeoutError) as error:
            raise unanswered(error, call.name, may_be_done=False) from error
        return response

    async def _transmit_write(
        self, call: Call, not_after: Deadline | None, request: httpx.Request
    ) -> httpx.Response:
        def refuse_late() -> None:
            if not_after is not None and not_after.is_past:
                raise UnavailableError(system=SYSTEM, detail=f"{call.name}: not in time, so it was not sent")

        refuse_late()
        note_call()
        # Asked once more when the connection is there: making one may take longer than what is left
        # of the time.
        body = BodyInPieces(request.content, refuse_late)
        if request.content:
            request.stream = body
        try:
            # The client's own limits are for each piece of an answer: one that drips in would never
            # be given up.
            async with asyncio.timeout(request.extensions["timeout"]["read"]):
                return await self._http.send(request)
        except (httpx.HTTPError, TimeoutError) as error:
            raise unanswered(error, call.name, may_be_done=body.may_be_whole) from error

    def _read_time(self, response: httpx.Response) -> None:
        try:
            told = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return  # a proxy may leave it out
        # Counted from when the answer is here, a little late, so that the time is a little early:
        # the safe side.
        self._told_time = told.astimezone(UTC), time.monotonic()

    def _refused(self, response: httpx.Response, call: str, also: tuple[Budget, ...]) -> TidegateError:
        refusal = refusal_for_all(response, also)
        if refusal is not None:
            self._tokens.refuse(refusal)
        return refused_call(response, call, refusal)


def _is_good(response: httpx.Response) -> bool:
    return response.is_success or response.status_code == httpx.codes.NOT_MODIFIED


async def _pieces(response: httpx.Response, call: Call) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in response.aiter_bytes():
            yield piece
    except (httpx.HTTPError, TimeoutError) as error:
        broken_off(call.method, call.path, call.lease_class, error)
        raise unanswered(error, call.name, may_be_done=False) from error
