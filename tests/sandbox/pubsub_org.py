"""An org in this process whose Pub/Sub API speaks TLS, and the engine's connection to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from activities.ingest.follow_lane import Stream
from clients.salesforce.session import SalesforceAddress, Session, SessionSource
from clients.salesforce.streaming.pubsub import open_pubsub_stream
from clients.salesforce.streaming.pubsub_address import PubsubAddress
from clients.salesforce.streaming.pubsub_connection import PubsubConnection
from clients.salesforce.streaming.stream import EventAllowance, StreamMessage
from sandbox.org.pubsub.server import PubSubAddress
from sandbox.org.server.app import build_app
from sandbox.org.server.tls import ensure_certificates
from sandbox.org.state.org import Org
from sandbox.ports import free_port
from schemas.catalogue import default_catalogue
from tests.sandbox.org_in_process import new_org


class OrgSessions(SessionSource):
    """Sessions of an org in this process: the token endpoint without HTTP."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(SalesforceAddress("http://org", "tests"))
        self._app = app
        self.logins = 0

    async def _log_in(self) -> Session:
        self.logins += 1
        org = self._app.state.org
        return Session(self._app.state.sessions.open(org.identity.user_id, "test").token, "http://org")


@dataclass
class PubsubOrg:
    """The org, and what the engine has of it."""

    org: Org
    app: Starlette
    sessions: OrgSessions
    connection: PubsubConnection

    def stream(self, channel: str, replay_id: int = -2, allowance: EventAllowance | None = None) -> Any:
        """An open subscription of the engine's."""
        return open_pubsub_stream(
            self.connection, lane="l", channel=channel, replay_id=replay_id, allowance=allowance
        )


@dataclass
class Counting:
    """An allowance that grants everything, or `most` at a time, and remembers what was asked of
    it.
    """

    most: int = 1_000
    asked: list[int] = field(default_factory=list)
    granted: int = 0

    async def take(self, count: int) -> int:
        self.asked.append(count)
        given = min(count, self.most)
        self.granted += given
        return given

    def came(self, count: int) -> None:
        pass


@asynccontextmanager
async def running_org(folder: Path) -> AsyncIterator[PubsubOrg]:
    """A new org with an empty bus."""
    org = new_org(folder)
    made = ensure_certificates(folder)
    port = free_port()
    app = build_app(org, pubsub=PubSubAddress("127.0.0.1", port, made.certificate, made.key))
    async with app.router.lifespan_context(app):
        sessions = OrgSessions(app)
        address = PubsubAddress(f"localhost:{port}", org.identity.org_id, made.ca_file)
        yield PubsubOrg(org, app, sessions, PubsubConnection(sessions, address, default_catalogue()))
        org.bus.close()


async def read_events(stream: Stream, count: int) -> list[StreamMessage]:
    """The next events, at least `count` of them."""
    found: list[StreamMessage] = []
    while len(found) < count:
        arrived = await stream.read(wait_seconds=5)
        assert arrived, f"{len(found)} events came, no more for 5 s"
        found += arrived
    return found


def record_ids(messages: list[StreamMessage]) -> list[str]:
    return [each for m in messages for each in m.data["payload"]["ChangeEventHeader"]["recordIds"]]
