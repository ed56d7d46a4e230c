"""Temporal schedules: checks of the org's schema, and refreshes of calculated fields."""

from collections.abc import Iterator

from temporalio.client import Client

from clients.temporal.schedules import Scheduled, keep_schedule
from schemas import names
from schemas.catalogue import load_catalogue
from schemas.drift import DriftInput, RefreshInput
from schemas.ids import drift_workflow_id, refresh_workflow_id, schedule_id
from workers.settings import Settings


async def ensure_watches(client: Client, settings: Settings) -> None:
    """Have the schema checked, and each object's calculated fields refreshed, every so often; or
    not, as the settings say.
    """
    for wanted in watches(settings):
        await keep_schedule(client, wanted, on=settings.drift.on)


def watches(settings: Settings) -> Iterator[Scheduled]:
    """The check's schedule, and one for each object that has calculated fields or may get some."""
    org, drift = settings.salesforce.org_id, settings.drift
    yield Scheduled(
        schedule=schedule_id(org, "drift"),
        workflow=names.DRIFT_WORKFLOW,
        workflow_id=drift_workflow_id(org),
        task_queue=names.WORKFLOW_QUEUE,
        request=DriftInput(org=org, redrive=drift.redrive),
        every=drift.interval,
        note="looks at the fields of the org",
    )
    for name, spec in load_catalogue(settings.catalogue).objects.items():
        if drift.add_calculated or any(field.calculated for field in spec.fields.values()):
            yield Scheduled(
                schedule=schedule_id(org, f"refresh/{name}"),
                workflow=names.REFRESH_WORKFLOW,
                workflow_id=refresh_workflow_id(org, name),
                task_queue=names.WORKFLOW_QUEUE,
                request=RefreshInput(org=org, object=name),
                every=drift.refresh_interval,
                note=f"reads calculated fields of {name}",
            )
