"""Activities of the role `lanes`."""

from activities import governor, ingest
from activities.ingest.landing_buffer import BatchLimits
from workers.queues import Activities, Process
from workers.salesforce import paid_streams, source_opener


def lane_activities(process: Process) -> Activities:
    """Follow and poll lanes."""
    parts, settings, org = process.parts, process.parts.settings, process.org
    rule = BatchLimits(settings.cut.max_changes, settings.cut.max_bytes, settings.cut.max_age)
    polled = ingest.poll_activities(
        process.clients,
        org,
        source_opener(settings, parts.catalogue, org),
        rule,
        overlap=settings.polling.overlap,
        deletions_every=settings.polling.deletions_interval,
    )
    streams = paid_streams(settings, parts.catalogue, org)
    return [*ingest.stream_activities(process.clients, org, streams, rule), *polled]


def limit_activities(process: Process) -> Activities:
    """Read the org's limits for the governor."""
    return governor.activities(process.org)
