"""An org in this process that is served over a real socket, and a way to it that is paid for by a
governor in this process.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from clients.governor.leases import PATIENCE, Leases
from clients.salesforce.http import OrgHttp
from clients.salesforce.session import SalesforceAddress, SessionSource
from sandbox.org.pubsub.server import PubSubAddress
from sandbox.org.server.app import build_app
from sandbox.org.state.org import Org
from schemas.governor import Budget, Exchange, LeaseAnswer, Reading
from tests.sandbox.org_in_process import new_org
from transforms.governor.ledger import BudgetLedger


class BookGovernor:
    """The governor's arithmetic without its workflow."""

    def __init__(self, **maxima: int) -> None:
        self.books = BudgetLedger(org="o")
        now = datetime.now(UTC)
        told = dict.fromkeys(Budget, 1_000_000_000) | {Budget(name): most for name, most in maxima.items()}
        readings = (Reading(budget=name, maximum=most, used=0, at=now) for name, most in told.items())
        self.books.take_in(tuple(readings), ())

    async def exchange(self, exchange: Exchange) -> LeaseAnswer:
        await asyncio.sleep(0)  # a call that never waits would let nobody else go on
        return self.books.exchange(exchange, time.time())

    def spent(self, budget: Budget) -> int:
        """The reports so far."""
        return self.books.books[budget].used_at_most()


class QuietServer(uvicorn.Server):
    """Signals are pytest's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class ServedOrg:
    """The org, and how an engine reaches it."""

    org: Org
    app: Starlette
    http: OrgHttp
    sessions: SessionSource
    leases: Leases
    governor: BookGovernor
    url: str
    """Of its login."""

    def calls(self) -> list[str]:
        """Method and path of every API call since the last look, without the host and the API's own
        part.
        """
        seen = [
            f"{call.method} {call.path.removeprefix('/services/data/v67.0')}"
            for call in self.app.state.outermost.calls
            if "/services/data" in call.path
        ]
        self.app.state.outermost.calls.clear()
        return seen


@asynccontextmanager
async def served_org(
    folder: Path,
    catalogue: Path | None = None,
    behind: timedelta = timedelta(0),
    /,
    *,
    patience: timedelta = PATIENCE,
    pubsub: PubSubAddress | None = None,
    **maxima: int,
) -> AsyncIterator[ServedOrg]:
    """Serve a new org; a call waits for its token with that `patience`, and `maxima` are budgets of
    less than a thousand million. `catalogue`: of the org's objects; None: the one that ships.
    `behind`: how far its clock is behind ours, so that a test can let hours pass and nothing
    comes from the future. `pubsub`: where the Pub/Sub API is served; None: nowhere.
    """
    org = new_org(folder, catalogue=catalogue)
    if behind:
        org.advance_clock(-behind.total_seconds())
    app = build_app(org, pubsub=pubsub)
    config = uvicorn.Config(
        app.state.outermost,
        port=0,
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    server = QuietServer(config)
    async with app.router.lifespan_context(app):
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 -- uvicorn sets no event
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        address = SalesforceAddress(
            login_url=f"http://127.0.0.1:{port}",
            client_id=org.identity.client_id,
            client_secret=org.identity.client_secret,
        )
        governor = BookGovernor(**maxima)
        sessions, leases = SessionSource(address), Leases(governor, patience=patience)
        async with OrgHttp(sessions, leases) as http:
            yield ServedOrg(org, app, http, sessions, leases, governor, address.login_url)
        await leases.close()
        server.should_exit = True
        await serving
