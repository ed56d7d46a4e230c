"""The way to one org: one session, one account of leases and one connection pool for a process, and
the sources that lanes follow.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from temporalio.client import Client

from activities.ingest.follow_lane import OpenStream, Stream
from clients.dependencies import OrgClients
from clients.governor.event_lease import EventLease
from clients.governor.leases import Leases
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import PolledSource
from clients.salesforce.session import SessionSource
from clients.salesforce.streaming.stream import EventAllowance, EventTokens
from clients.temporal.governor import TemporalGovernor
from clients.warehouse.live_catalogue import LiveCatalogue
from schemas.catalogue import Catalogue
from schemas.errors import BudgetSpentError, RateLimitedError
from schemas.governor import Budget, LeaseClass, Refusal, RefusalKind
from schemas.governor.recheck import ASK_AGAIN
from schemas.ingest.messages import FollowInput
from workers.addresses import pubsub_address, salesforce_sessions
from workers.settings import Settings

if TYPE_CHECKING:  # imported when the first lane of its protocol is opened
    from clients.salesforce.streaming.pubsub_connection import PubsubConnection


@dataclass(frozen=True)
class Org(OrgClients):
    """The way to one org: one session, one account of leases and one connection pool for a
    process.
    """

    sessions: SessionSource
    leases: Leases


@asynccontextmanager
async def open_org(client: Client, settings: Settings) -> AsyncIterator[Org]:
    """The org's clients; what was leased and not used goes back when left."""
    sessions = salesforce_sessions(settings.salesforce)
    governor = TemporalGovernor(client, settings.salesforce.org_id, settings.budgets)
    await governor.start()
    leases = Leases(governor)
    try:
        async with OrgHttp(sessions, leases, api_version=settings.salesforce.api_version) as http:
            yield Org(org_id=settings.salesforce.org_id, sessions=sessions, http=http, leases=leases)
    finally:
        await leases.close()


def source_opener(settings: Settings, catalogue: Catalogue, org: Org) -> Callable[[str], PolledSource]:
    """Opens an object of the catalogue for polling."""
    delay = settings.polling.visibility_delay
    return lambda name: PolledSource(
        org.http,
        catalogue.object(name),
        visibility_delay=delay,
        current=lambda: catalogue.object(name),
    )


def stream_opener(
    settings: Settings, sessions: SessionSource, catalogue: Catalogue, allowance: EventAllowance | None = None
) -> OpenStream:
    """Opens a lane's channel by the lane's transport, with the process's one session and one
    Pub/Sub connection.

    `allowance` pays for every event before it can come; None: nothing is paid.
    """
    version = settings.salesforce.api_version
    held: defaultdict[str, EventTokens] = defaultdict(lambda: EventTokens(allowance))
    transports = {lane.name: lane.transport for lane in settings.lanes}
    connection = cache(lambda: _pubsub_connection(settings, sessions, catalogue))

    def opened(request: FollowInput, replay_id: int) -> AbstractAsyncContextManager[Stream]:
        lane, channel, tokens = request.lane, request.channel, held[request.lane]
        # The packages of a protocol cost a quarter of a second; mostly one of the two is used.
        if transports.get(lane, settings.planner.transport) == "pubsub":
            from clients.salesforce.streaming import pubsub

            return pubsub.open_pubsub_stream(
                connection(), lane=lane, channel=channel, replay_id=replay_id, allowance=tokens
            )
        from clients.salesforce.streaming import cometd

        return cometd.open_cometd_stream(
            sessions,
            lane=lane,
            channel=channel,
            replay_id=replay_id,
            api_version=version,
            allowance=tokens,
        )

    return opened


def _pubsub_connection(
    settings: Settings, sessions: SessionSource, catalogue: Catalogue
) -> "PubsubConnection":
    """A connection that follows a catalogue that lives."""
    from clients.salesforce.streaming.pubsub_connection import PubsubConnection

    connection = PubsubConnection(sessions, pubsub_address(settings.salesforce), catalogue)
    if isinstance(catalogue, LiveCatalogue):
        catalogue.when_changed(lambda _: connection.forget_decoders())
    return connection


def paid_streams(settings: Settings, catalogue: Catalogue, org: Org) -> OpenStream:
    """As `stream_opener`, every stream and every event of it paid for by the process's leases."""
    opener = stream_opener(settings, org.sessions, catalogue, EventLease(org.leases))
    return lambda request, replay_id: _leased(opener(request, replay_id), org.leases)


@asynccontextmanager
async def _leased(stream: AbstractAsyncContextManager[Stream], leases: Leases) -> AsyncIterator[Stream]:
    """The stream as one of the org's streaming clients; when the org delivers no more, the governor
    hears of it.

    While it refuses, the governor is asked first: nothing is sent until it says otherwise.
    """
    if leases.is_paused(Budget.DELIVERED_EVENTS, LeaseClass.POLLING):
        await leases.wait_for(Budget.DELIVERED_EVENTS, LeaseClass.POLLING)
    async with leases.hold(Budget.STREAMING_CLIENTS, LeaseClass.POLLING):
        try:
            async with stream as opened:
                yield opened
        except BudgetSpentError:
            raise
        except RateLimitedError as error:
            refusal = Refusal(
                budget=Budget.DELIVERED_EVENTS,
                kind=RefusalKind.QUOTA,
                at=datetime.now(UTC),
                retry_after=error.retry_after,
            )
            leases.refuse(refusal)
            error.retry_after = min(error.retry_after, ASK_AGAIN)
            raise
