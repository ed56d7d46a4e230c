"""Law 5: every call to Salesforce is paid for by a lease; when the governor cannot be asked, calls
stop.
"""

import ast
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.governor.leases import Leases
from clients.governor.prepaid import PrepaidTokens
from clients.salesforce.http import OrgHttp
from clients.salesforce.limits import read_limits
from clients.salesforce.request import Call
from clients.salesforce.session import SalesforceAddress, SessionSource
from schemas.errors import BudgetSpentError, CallRefusedError, RateLimitedError, UnavailableError
from schemas.governor import Budget, LeaseClass, Reading
from tests.sandbox.conftest import OrgProcess
from tests.support.engines.local_governor import GREEDY, LocalGovernor

ROOT = Path(__file__).parents[2]
ENGINE = ("schemas", "transforms", "clients", "activities", "workflows", "workers")
TRANSPORTS = {
    "httpx",
    "requests",
    "aiohttp",
    "urllib",
    "http",
    "grpc",
    "aiosfstream_ng",
    "aiocometd_ng",
    "socket",
    "websockets",
}
PAID = {
    "clients/salesforce/http.py": "takes a token before each call",
    "clients/salesforce/session.py": "logs in, and reads the list of versions: neither is an API call (Salesforce Developer Limits, API Requests)",
    "clients/salesforce/streaming/cometd.py": "takes an allowance for what it is sent",
    "clients/salesforce/streaming/counted_calls.py": "counts the requests of clients/salesforce/streaming/cometd.py",
    "clients/salesforce/streaming/cometd_errors.py": "reads the errors of clients/salesforce/streaming/cometd.py",
    "clients/salesforce/streaming/pubsub.py": "takes an allowance before it asks for events",
    "clients/salesforce/streaming/pubsub_connection.py": "the one gRPC connection, for clients/salesforce/streaming/pubsub.py",
    "clients/salesforce/streaming/pubsub_errors.py": "reads the errors of calls that others made",
    "clients/doctor/org_pubsub.py": "reads the errors of GetTopic, which is no API call and brings no event",
    "clients/salesforce/http_errors.py": "reads the answers of calls that OrgHttp made",
    "clients/salesforce/request.py": "the form of a call that OrgHttp makes",
    "clients/salesforce/bulk/query_answers.py": "reads the pages of calls that OrgHttp made",
    "clients/salesforce/bulk/query.py": "reads the status of calls that OrgHttp made",
    "clients/metrics/calls.py": "counts calls that OrgHttp made",
    "clients/fleet.py": "asks the HTTP API of other Tidegates, never Salesforce",
    "clients/oidc.py": "asks the identity provider of the console, never Salesforce",
    "clients/webhook/sender.py": "posts changes to the receivers of webhooks, with a client of its own and no session of Salesforce's",
    "transforms/webhook/answers.py": "reads the status of answers that clients/webhook/sender.py got",
    "workers/health.py": "answers /livez and /readyz, and asks nobody",
    "clients/warehouse/status_look.py": "shuts the socket of a connection to the warehouse",
}
"""The modules that can open a connection, and why each may."""


HARMLESS = {"urllib.parse"}
"""Modules of a transport's package that open nothing."""


def transports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        yield from (name for name in modules if name.partition(".")[0] in TRANSPORTS and name not in HARMLESS)


def test_no_other_module_of_the_engine_can_open_a_connection() -> None:
    able = {
        str(file.relative_to(ROOT))
        for room in ENGINE
        for file in (ROOT / room).rglob("*.py")
        if list(transports(file)) and "eventbus" not in file.parts
    }
    assert able <= PAID.keys()


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrgProcess]:
    process = OrgProcess(tmp_path_factory.mktemp("org"))
    process.start()
    yield process
    process.end()


@pytest.fixture(autouse=True)
def _no_trouble_left(org: OrgProcess) -> Iterator[None]:
    yield
    org.control("DELETE", "/faults")


def calls(org: OrgProcess) -> int:
    """The org's counts."""
    counted: int = org.control("GET", "/meters")["api_calls"]["used"]
    return counted


def sessions(org: OrgProcess) -> SessionSource:
    who = org.identity
    return SessionSource(
        SalesforceAddress(login_url=org.url, client_id=who["client_id"], client_secret=who["client_secret"])
    )


@asynccontextmanager
async def paid_org(
    org: OrgProcess, *, left: int = 1_000, patience: float = 0.5
) -> AsyncIterator[tuple[OrgHttp, LocalGovernor]]:
    """The engine's way to the org, with a governor that knows of `left` calls and a margin."""
    governor = LocalGovernor(GREEDY)
    maximum = int(left / (1 - GREEDY.margin))
    reading = Reading(
        budget=Budget.API_CALLS, maximum=maximum, used=0, at=datetime.now(UTC) + timedelta(hours=1)
    )
    governor.books.take_in((reading,), ())
    leases = Leases(governor, patience=timedelta(seconds=patience))
    try:
        async with OrgHttp(sessions(org), leases) as http:
            yield http, governor
    finally:
        await leases.close()


async def ask(http: OrgHttp, lease_class: LeaseClass = LeaseClass.POLLING) -> None:
    await http.read(Call("GET", f"{http.data_path}/sobjects", lease_class))


async def ask_often(http: OrgHttp, times: int) -> None:
    for _ in range(times):
        await ask(http)


async def test_without_a_governor_nothing_reaches_the_org(org: OrgProcess) -> None:
    async with paid_org(org) as (http, governor):
        governor.silent = True
        before = calls(org)
        with pytest.raises(UnavailableError, match="no token, no call"):
            await ask(http)
        assert calls(org) == before


async def test_a_process_stops_when_what_was_granted_is_spent(org: OrgProcess) -> None:
    async with paid_org(org, left=20) as (http, _):
        before = calls(org)
        with pytest.raises(BudgetSpentError):
            await ask_often(http, 30)
        assert calls(org) - before <= 20


async def test_what_was_granted_may_be_spent_while_the_governor_is_silent_and_no_more(
    org: OrgProcess,
) -> None:
    async with paid_org(org) as (http, governor):
        await ask(http)
        governor.silent = True
        granted = governor.books.books[Budget.API_CALLS].alive()
        before = calls(org)
        with pytest.raises(UnavailableError):
            await ask_often(http, granted + 5)
        assert 0 < calls(org) - before <= granted


async def test_an_expired_session_is_renewed_and_both_calls_are_paid(org: OrgProcess) -> None:
    async with paid_org(org) as (http, governor):
        await ask(http)
        book = governor.books.books[Budget.API_CALLS]
        org.control(
            "POST", "/faults", {"point": "http", "kind": "expire_session", "match": "/sobjects", "times": 1}
        )
        before = calls(org)
        await ask(http)
        await http._tokens.close()  # type: ignore[attr-defined]
        assert calls(org) - before <= 2
        assert book.spent(LeaseClass.POLLING) == 3


MEANINGS = [
    ("TotalRequests Limit exceeded.", 403, Budget.API_CALLS),
    ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", 403, Budget.LONG_CALLS),
    ("ConcurrentPerOrgLongTxn Limit exceeded.", 403, Budget.API_CALLS),
]


@pytest.mark.parametrize(("message", "status", "budget"), MEANINGS)
async def test_each_meaning_of_request_limit_exceeded_stops_its_budget_for_everybody(
    org: OrgProcess, message: str, status: int, budget: Budget
) -> None:
    rule = {
        "point": "http",
        "kind": "status",
        "status": status,
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": message,
    }
    org.control("POST", "/faults", {**rule, "match": "/sobjects", "times": 1})
    async with paid_org(org) as (http, governor):
        with pytest.raises(RateLimitedError, match="REQUEST_LIMIT_EXCEEDED"):
            await ask(http)
        await http._tokens.close()  # type: ignore[attr-defined]
        other = Leases(governor, patience=timedelta(seconds=0.2))
        with pytest.raises(BudgetSpentError, match="the org refused"):
            await other.take(budget, LeaseClass.WRITEBACK)
        await other.close()


async def test_retry_after_is_kept(org: OrgProcess) -> None:
    rule = {
        "point": "http",
        "kind": "status",
        "status": 503,
        "retry_after": 77,
        "match": "/sobjects",
        "times": 1,
    }
    org.control("POST", "/faults", rule)
    async with paid_org(org) as (http, governor):
        with pytest.raises(RateLimitedError) as caught:
            await ask(http)
        assert caught.value.retry_after == timedelta(seconds=77)
        # The process asks the governor sooner; the governor waits as long as the org asked.
        with pytest.raises(BudgetSpentError):
            await ask(http)
        await http._tokens.close()  # type: ignore[attr-defined]
        paused_until = governor.books.books[Budget.API_CALLS].paused_until
        assert paused_until > time.time() + 60


async def test_a_call_that_asks_for_nonsense_costs_its_token_and_says_what_is_wrong(org: OrgProcess) -> None:
    async with paid_org(org) as (http, _):
        before = calls(org)
        params = {"q": "SELECT Id FROM Nothing"}
        nonsense = Call("GET", f"{http.data_path}/query", LeaseClass.POLLING, params=params)
        with pytest.raises(CallRefusedError, match="INVALID_TYPE"):
            await http.read(nonsense)
        assert calls(org) - before == 1


async def test_the_question_about_the_limits_takes_no_more_than_was_counted_for_it(org: OrgProcess) -> None:
    org.control("POST", "/faults", {"point": "http", "kind": "expire_session", "match": "/limits"})
    before = calls(org)
    async with OrgHttp(sessions(org), PrepaidTokens(1)) as http:
        with pytest.raises(BudgetSpentError, match="paid for in advance"):
            await read_limits(http, LeaseClass.WRITEBACK)
    assert calls(org) - before <= 1


async def test_the_orgs_own_count_reaches_the_books(org: OrgProcess) -> None:
    async with OrgHttp(sessions(org), purse := PrepaidTokens(2)) as http:
        readings = await read_limits(http, LeaseClass.WRITEBACK)
    told = {reading.budget: reading for reading in readings}
    assert told.keys() >= {
        Budget.API_CALLS,
        Budget.DELIVERED_EVENTS,
        Budget.BULK_QUERY_JOBS,
        Budget.INGEST_BATCHES,
    }
    assert purse.readings[-1].used == calls(org)
