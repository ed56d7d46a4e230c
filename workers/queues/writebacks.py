"""Activities of the role `writebacks`: what leaves for other systems."""

from activities import webhook, writeback
from activities.writeback.bulk import BulkJobConfig
from activities.writeback.config import WritebackConfig
from transforms.writeback.batching import BatchingConfig
from workers.queues import Activities, Process


def writeback_activities(process: Process) -> Activities:
    """Send writebacks."""
    settings = process.parts.settings.writeback
    return writeback.activities(
        process.clients,
        process.org,
        process.writebacks,
        batching=BatchingConfig(linger=settings.linger),
        sending=WritebackConfig(
            newer=settings.conflict_policy,
            settled_after=settings.abandoned_call_timeout,
            patience=settings.change_log_timeout,
        ),
        jobs=BulkJobConfig(patience=settings.job_stall_timeout),
    )


def webhook_activities(process: Process) -> Activities:
    """Deliver changes to webhooks."""
    return webhook.activities(process.webhooks)
