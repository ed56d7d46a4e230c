"""Activities of ingest: follow or poll a lane and land its batches."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from activities.ingest.follow_lane import FollowLane, OpenStream
from activities.ingest.landing_buffer import BatchLimits
from activities.ingest.poll_lane import PollLane
from activities.repair.retention_gap import RetentionGapReporter
from clients.dependencies import Clients, OrgClients
from clients.salesforce.polling import PolledSource
from schemas.settings.ingest import DELETIONS_INTERVAL, FIRST_POLL_OVERLAP


def stream_activities(
    clients: Clients, org: OrgClients, open_stream: OpenStream, rule: BatchLimits
) -> list[Callable[..., Any]]:
    """Of streamed lanes, for `names.LANE_QUEUE`.

    Args:
        clients: Of the process.
        org: The way to the org.
        open_stream: Opens a lane's channel.
        rule: When a batch is cut.
    """
    holes = RetentionGapReporter(
        clients.temporal, clients.warehouse, clients.audit, clients.catalogue, org.http
    )
    follow = FollowLane(
        clients.temporal,
        clients.store,
        clients.protector,
        open_stream,
        rule=rule,
        holes=holes,
        allow_login=org.sessions.allow_login,
        refused_login=org.sessions.refused_login,
    )
    return [follow.follow_lane]


def poll_activities(
    clients: Clients,
    org: OrgClients,
    open_source: Callable[[str], PolledSource],
    rule: BatchLimits,
    *,
    overlap: timedelta = FIRST_POLL_OVERLAP,
    deletions_every: timedelta = DELETIONS_INTERVAL,
) -> list[Callable[..., Any]]:
    """Of polled lanes, for `names.LANE_QUEUE`.

    Args:
        clients: Of the process.
        org: The way to the org.
        open_source: Opens an object by its API name.
        rule: When a batch is cut.
        overlap: How long before its start a lane without a chain begins.
        deletions_every: Between two questions for deleted records.
    """
    poll = PollLane(
        clients.temporal,
        clients.store,
        clients.protector,
        open_source,
        rule=rule,
        overlap=overlap,
        deletions_every=deletions_every,
        allow_login=org.sessions.allow_login,
        refused_login=org.sessions.refused_login,
    )
    return [poll.poll_lane]
