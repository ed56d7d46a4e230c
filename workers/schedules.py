"""What runs by the clock: checks of the org's schema, and refreshes of calculated fields."""

from temporalio.client import Client

from clients.schedules import ensure_schedule
from schemas import names
from schemas.catalogue import load_catalogue
from schemas.drift import DriftInput
from schemas.ids import drift_workflow_id, refresh_workflow_id
from schemas.refreshes import RefreshInput
from workers.settings import Settings


async def ensure_watches(client: Client, settings: Settings) -> None:
    """Have the schema checked, and each object's calculated fields refreshed, every so often."""
    org, drift = settings.salesforce.org_id, settings.drift
    if not drift.on:
        return
    check = DriftInput(org=org, redrive=drift.redrive)
    await ensure_schedule(client, drift_workflow_id(org), names.DRIFT_WORKFLOW, check, drift.every)
    for name, spec in load_catalogue(settings.catalogue).objects.items():
        if any(field.calculated for field in spec.fields.values()):
            request = RefreshInput(org=org, object=name)
            await ensure_schedule(
                client, refresh_workflow_id(org, name), names.REFRESH_WORKFLOW, request, drift.refresh_every
            )
