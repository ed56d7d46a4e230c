"""The schedules of reconciliations: a cheap one and a thorough one for each object."""

from collections.abc import Iterator
from datetime import timedelta

from temporalio.client import Client

from clients.temporal.schedules import Scheduled, keep_schedule
from schemas import names
from schemas.catalogue import load_catalogue
from schemas.ids import reconcile_workflow_id, schedule_id
from schemas.reconcile import Depth, ReconcileInput
from workers.settings import Settings
from workflows.reconcile import SCHEDULE


async def ensure_reconciliations(client: Client, settings: Settings) -> None:
    """Keep the schedules of every object, or remove them, as the settings say."""
    for wanted in scheduled(settings):
        await keep_schedule(client, wanted, on=settings.reconciliation.on)


def scheduled(settings: Settings) -> Iterator[Scheduled]:
    """A cheap schedule and a thorough one for each object, spread over their intervals."""
    terms, org = settings.reconciliation, settings.salesforce.org_id
    objects = list(load_catalogue(settings.catalogue).objects)
    for depth, every in ((Depth.BUCKETS, terms.buckets_interval), (Depth.IDS, terms.ids_interval)):
        for place, name in enumerate(objects):
            request = ReconcileInput(
                org=org,
                object=name,
                window=depth,
                depth=depth,
                checks_log=depth is not Depth.BUCKETS,
                settle=terms.comparison_delay,
                by=SCHEDULE,
                reason=f"every {every}",
            )
            yield Scheduled(
                schedule=schedule_id(org, f"reconcile/{name}/{depth}"),
                workflow=names.RECONCILE_WORKFLOW,
                workflow_id=reconcile_workflow_id(org, name, depth),
                task_queue=names.WORKFLOW_QUEUE,
                request=request,
                every=every,
                offset=timedelta(seconds=round(every.total_seconds() * place / len(objects))),
                note=f"holds {name} against the org",
            )
