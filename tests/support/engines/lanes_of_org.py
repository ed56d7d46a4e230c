"""Lanes of a served org on a real Temporal: the lane and governor workflows, and followers whose
every event and call is leased.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities import audit, governor, ingest, planner
from activities.ingest.landing_buffer import BatchLimits
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from clients.dependencies import Clients
from clients.temporal.lanes import FollowerView, SeenLane, find_lane, follower_view, start_lane
from sandbox.org.pubsub.server import PubSubAddress
from sandbox.org.server.tls import ensure_certificates
from sandbox.ports import free_port
from schemas import names
from schemas.governor import GovernorConfig
from schemas.ingest.messages import LaneInput
from schemas.planner import Way
from schemas.settings.ingest import LaneSettings
from schemas.settings.salesforce import SalesforceSettings
from tests.support.engines.bounded import bounded
from tests.support.engines.served_org import ServedOrg, served_org
from tests.support.engines.wiring import by_queue
from workers.roles import sandboxed_runner
from workers.salesforce import Org, open_org, paid_streams, source_opener
from workers.settings import Settings
from workflows import WORKFLOWS

CHANNEL = "/data/AccountChangeEvent"
LANES = {
    "old": LaneInput(org="", lane="old", channel=CHANNEL),
    "new": LaneInput(org="", lane="new", channel=CHANNEL),
    "accounts": LaneInput(
        org="", lane="accounts", way=Way.POLL, object="Account", every=timedelta(seconds=1)
    ),
}
"""Over CometD, over Pub/Sub, polled."""


@dataclass
class OrgLanes:
    """The parts, and what tests ask of them."""

    client: Client
    served: ServedOrg
    org: Org
    settings: Settings
    tag: str

    async def follow(self, lane: str) -> None:
        """Start one of `LANES`."""
        where = {"org": self.org.org_id, "lane": self.name(lane)}
        await start_lane(self.client, LANES[lane].model_copy(update=where))

    def name(self, lane: str) -> str:
        """Of a lane of this test: its chain is empty when the test begins."""
        return f"{lane}-{self.tag}"

    async def lane(self, lane: str) -> SeenLane:
        """The lane as its workflow says."""
        found = await find_lane(self.client, self.org.org_id, self.name(lane))
        assert found is not None
        return found

    async def is_paused(self, lane: str) -> bool:
        """True when it says so."""
        state = (await self.lane(lane)).state
        return state is not None and state.paused

    async def follower(self, lane: str) -> FollowerView | None:
        """The lane's activity."""
        name = names.POLL_LANE if LANES[lane].way is Way.POLL else names.FOLLOW_LANE
        return await follower_view(self.client, self.org.org_id, self.name(lane), name)

    async def has_come(self, lane: str, position: str) -> bool:
        """True when the follower has landed through another position than `position`."""
        view = await self.follower(lane)
        return view is not None and bool(view.details) and view.details[0] != position

    def seen(self, path: str) -> int:
        """Calls to paths that hold `path`, of those that the org has met."""
        return sum(path in call.path for call in self.served.app.state.outermost.calls)

    def block_app(self, is_blocked: bool) -> None:
        """As an administrator does who blocks the connected app, or lets it in again."""
        self.served.org.dials.auth.is_app_blocked = is_blocked
        if is_blocked:
            self.served.app.state.sessions.close_all()


@asynccontextmanager
async def serving_lanes(clients: Clients, folder: Path, **budgets: Any) -> AsyncIterator[OrgLanes]:
    """Serve an org and its lanes until left. `budgets`: the governor's terms."""
    made, port = ensure_certificates(folder), free_port()
    pubsub = PubSubAddress("127.0.0.1", port, made.certificate, made.key)
    async with served_org(folder, pubsub=pubsub) as served, AsyncExitStack() as stack:
        tag = uuid.uuid4().hex[:8]
        settings = _settings(served, port, made.ca_file, GovernorConfig(**budgets), tag)
        workflows = Worker(
            clients.temporal,
            task_queue=names.WORKFLOW_QUEUE,
            workflows=WORKFLOWS,
            workflow_runner=sandboxed_runner(),
        )
        owner = Worker(
            clients.temporal,
            task_queue=names.GOVERNOR_QUEUE,
            workflows=WORKFLOWS,
            workflow_runner=sandboxed_runner(),
        )
        await stack.enter_async_context(workflows)
        await stack.enter_async_context(owner)
        org = await stack.enter_async_context(open_org(clients.temporal, settings))
        for queue, steps in by_queue(_steps(clients, settings, org)).items():
            worker = Worker(
                clients.temporal,
                task_queue=queue,
                activities=steps,
                interceptors=[ErrorTranslationInterceptor()],
                max_heartbeat_throttle_interval=timedelta(seconds=0.1),
            )
            await stack.enter_async_context(bounded(worker))
        yield OrgLanes(clients.temporal, served, org, settings, tag)


def _steps(clients: Clients, settings: Settings, org: Org) -> list[Any]:
    rule = BatchLimits(max_age=timedelta(seconds=0.2))
    return [
        *ingest.stream_activities(clients, org, paid_streams(settings, clients.catalogue, org), rule),
        *ingest.poll_activities(clients, org, source_opener(settings, clients.catalogue, org), rule),
        *governor.activities(org),
        *audit.activities(clients),
        *planner.activities(clients, settings.budgets, frozenset()),
    ]


def _settings(served: ServedOrg, port: int, ca_file: Path, budgets: GovernorConfig, tag: str) -> Settings:
    who = served.org.identity
    return Settings(
        salesforce=SalesforceSettings(
            org_id=who.org_id,
            login_url=served.url,
            client_id=who.client_id,
            client_secret=who.client_secret,
            pubsub_endpoint=f"localhost:{port}",
            ca_file=ca_file,
        ),
        s3={"bucket": "b", "kms_key_id": "alias/k"},
        warehouse={"dsn": "postgresql://w"},
        operational={"dsn": "postgresql://o"},
        budgets=budgets,
        lanes=(
            LaneSettings(name=f"old-{tag}", channel=CHANNEL, transport="cometd"),
            LaneSettings(name=f"new-{tag}", channel=CHANNEL, transport="pubsub"),
        ),
    )
