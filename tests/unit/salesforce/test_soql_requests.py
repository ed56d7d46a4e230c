"""Whatever a query asks for, it is one call that the org takes, it is the same query, and it fails
as if it went alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest
from hypothesis import given, strategies as st

from clients.salesforce.http import OrgHttp
from clients.salesforce.session import Session
from clients.salesforce.soql import queries_in, text_literal
from clients.salesforce.soql_requests import SoqlCalls
from schemas.errors import (
    CallRefusedError,
    CallTooSlowError,
    RateLimitedError,
    SchemaChangedError,
    TidegateError,
    UnavailableError,
)
from schemas.governor import Budget, LeaseClass, Reading, Refusal, RefusalKind
from schemas.salesforce.limits import (
    COMPOSITE_MAX_QUERIES,
    QUERY_ADDRESS_MAX_BYTES,
    SOQL_MAX_CHARACTERS,
    URI_MAX_BYTES,
)

TOKEN = "t" * 4_000
"""As long as a token that is a JWT."""
EMPTY = {"totalSize": 0, "done": True, "records": []}


class Purse:
    """Counts what is taken, and keeps what the org refuses."""

    def __init__(self) -> None:
        self.calls = 0
        self.refusals: list[Refusal] = []

    async def take(self, budget: Budget, lease_class: LeaseClass, count: int = 1) -> None:
        assert (budget, lease_class) == (Budget.API_CALLS, LeaseClass.POLLING)
        self.calls += count

    def hold(self, budget: Budget, lease_class: LeaseClass) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        raise AssertionError("nothing is settled")

    def read(self, reading: Reading) -> None: ...

    def refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)


class LoggedIn:
    async def session(self) -> Session:
        return Session(TOKEN, "https://org.example")

    async def renew(self, expired: Session | None) -> Session:
        raise AssertionError("no session expires")


class Remote(httpx.AsyncBaseTransport):
    """An org that keeps every query as it understands it, and answers each alike, alone or inside
    another call.
    """

    def __init__(self, answer: Callable[[str], tuple[int, Any, Mapping[str, str]]]) -> None:
        self._answer = answer
        self.queries: list[str] = []
        self.sizes: list[int] = []
        self.inside: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = sum(len(name) + len(value) + len(": \r\n") for name, value in request.headers.raw)
        self.sizes.append(len(request.url.raw_path) + headers)
        if request.method == "GET":
            status, body, told = self._one(request.url.raw_path.decode())
            return httpx.Response(status, json=body, headers=told)
        subs: Sequence[dict[str, Any]] = orjson.loads(await request.aread())["compositeRequest"]
        self.inside.append(len(subs))
        found = []
        for sub in subs:
            status, body, told = self._one(sub["url"])
            found.append({"body": body, "httpStatusCode": status, "httpHeaders": dict(told)})
        return httpx.Response(200, json={"compositeResponse": found})

    def _one(self, url: str) -> tuple[int, Any, Mapping[str, str]]:
        [soql] = parse_qs(urlsplit(url).query, strict_parsing=True)["q"]
        self.queries.append(soql)
        return self._answer(soql)


def reached(remote: Remote) -> tuple[SoqlCalls, Purse]:
    purse = Purse()
    return SoqlCalls(OrgHttp(LoggedIn(), purse, transport=remote), LeaseClass.POLLING), purse


names = st.from_regex(r"[A-Za-z]\w{0,55}__c", fullmatch=True).map(lambda name: name[:60])
texts = st.text(st.characters(codec="utf-8"), max_size=255)


@given(st.lists(names, min_size=1, max_size=800), texts)
async def test_a_query_of_any_fields_is_one_call_that_the_org_takes(fields: list[str], value: str) -> None:
    remote = Remote(lambda _: (200, EMPTY, {}))
    calls, purse = reached(remote)
    soql = f"SELECT {', '.join(fields)} FROM Wide__c WHERE Name = {text_literal(value)}"
    assert await calls.ask(soql) == EMPTY
    assert remote.queries == [soql]
    assert max(remote.sizes) <= URI_MAX_BYTES
    assert purse.calls == len(remote.sizes) == 1


@given(st.integers(-40, 40), st.integers(1, 7))
async def test_around_the_limit_both_ways_are_taken_and_none_is_too_long(beside: int, several: int) -> None:
    remote = Remote(lambda _: (200, EMPTY, {}))
    calls, purse = reached(remote)
    bare = len(OrgHttp(LoggedIn(), purse).address("/queryAll", {"q": ""}))
    soql = "x" * (QUERY_ADDRESS_MAX_BYTES - bare + beside)
    await calls.ask(soql)
    assert remote.inside == ([1] if beside > 0 else [])
    assert [record async for record in calls.rows([soql] * several)] == []
    assert remote.queries == [soql] * (1 + several)
    assert purse.calls == 1 + -(-several // COMPOSITE_MAX_QUERIES)
    assert max(remote.sizes) <= URI_MAX_BYTES


@given(st.lists(names, max_size=800), st.lists(texts, max_size=300), st.integers(1, 400))
def test_lists_of_any_values_become_queries_that_soql_takes(
    fields: list[str], values: list[str], most: int
) -> None:
    literals = [text_literal(value) for value in values]
    begin = f"SELECT {', '.join(['Id', *fields])} FROM Wide__c WHERE Name IN "
    queries = list(queries_in(begin, literals, most))
    assert all(len(soql) <= SOQL_MAX_CHARACTERS for soql in queries)
    assert all(soql.startswith(f"{begin}(") and soql.endswith(")") for soql in queries)
    assert ",".join(soql[len(begin) + 1 : -1] for soql in queries) == ",".join(literals)
    assert len(queries) >= -(-len(literals) // most)


def test_a_list_is_divided_only_when_it_must_be() -> None:
    begin = f"SELECT {'x' * 49_000} FROM Wide__c WHERE Id IN "
    ids = [text_literal(f"a0W{number:015d}") for number in range(2_000)]
    assert [query.count(",") + 1 for query in queries_in(begin, ids, 400)] == [400] * 5
    longest = [text_literal("é" * 255)] * 400
    assert [query.count(",") + 1 for query in queries_in(begin, longest, 400)] == [197, 197, 6]


ERRORS: list[tuple[int, str, str, type[TidegateError], RefusalKind | None]] = [
    (400, "INVALID_FIELD", "No such column 'Gone__c' on entity 'Wide__c'", SchemaChangedError, None),
    (400, "QUERY_TIMEOUT", "Your query request was running for too long", CallTooSlowError, None),
    (400, "OPERATION_TOO_LARGE", "exceeded 100000 distinct who/what's", CallTooSlowError, None),
    (400, "MALFORMED_QUERY", "unexpected token", CallRefusedError, None),
    (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", RateLimitedError, RefusalKind.QUOTA),
    (
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        RateLimitedError,
        RefusalKind.CONCURRENCY,
    ),
    (503, "SERVER_UNAVAILABLE", "Server Unavailable", RateLimitedError, RefusalKind.UNAVAILABLE),
    (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred", UnavailableError, None),
    (413, "REQUEST_TOO_LARGE", "too large", CallRefusedError, None),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "heard"), ERRORS)
async def test_a_query_that_fails_inside_a_call_fails_as_one_that_went_alone(
    status: int, code: str, message: str, kind: type[TidegateError], heard: RefusalKind | None
) -> None:
    told, waits = [], []
    for soql in ("SELECT Id FROM Wide__c", f"SELECT {'x' * 40_000} FROM Wide__c"):
        remote = Remote(lambda _: (status, [{"errorCode": code, "message": message}], {"Retry-After": "7"}))
        calls, purse = reached(remote)
        with pytest.raises(kind) as caught:
            await calls.ask(soql)
        assert type(caught.value) is kind
        told.append(str(caught.value))
        waits.append(getattr(caught.value, "retry_after", None))
        assert [refusal.kind for refusal in purse.refusals] == ([] if heard is None else [heard])
        assert purse.calls == 1
        assert remote.inside == ([1] if len(soql) > QUERY_ADDRESS_MAX_BYTES else [])
    assert told[0] == told[1]
    if heard is not None:
        assert waits == [timedelta(seconds=7)] * 2


@pytest.mark.parametrize("status", [414, 431])
async def test_an_address_that_is_refused_for_its_length_goes_inside_a_call_from_then_on(status: int) -> None:
    """Load balancers may take less than the org does (Salesforce Developer Limits, "API
    Requests").
    """
    remote = Remote(lambda _: (200, EMPTY, {}))

    class Narrow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if len(request.url.raw_path) > 2_000:
                return httpx.Response(status, html="<h1>Bad Message</h1>")
            return await remote.handle_async_request(request)

    purse = Purse()
    calls = SoqlCalls(OrgHttp(LoggedIn(), purse, transport=Narrow()), LeaseClass.POLLING)
    for _ in range(3):
        assert await calls.ask("x" * 3_000) == EMPTY
    assert purse.calls == 4
    assert await calls.ask("x" * 100) == EMPTY
    assert remote.inside == [1, 1, 1]


def test_no_other_module_puts_a_query_into_an_address() -> None:
    root = Path(__file__).parents[3]
    rooms = ("activities", "api", "cli", "clients", "transforms", "workers", "workflows")
    files = [path for room in rooms for path in sorted((root / room).rglob("*.py"))]
    asking = [path.name for path in files if re.search(r"(?<!jobs)/query(All)?\b", path.read_text("utf-8"))]
    assert asking == ["soql_requests.py"]


async def test_an_answer_that_lacks_a_query_is_no_answer() -> None:
    class Forgetful(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"compositeResponse": []})

    calls = SoqlCalls(OrgHttp(LoggedIn(), Purse(), transport=Forgetful()), LeaseClass.POLLING)
    with pytest.raises(UnavailableError, match="lacks subrequests"):
        await calls.ask("x" * 30_000)
