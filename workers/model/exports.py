"""The schedule of exports of curated tables."""

from temporalio.client import Client

from clients.temporal.schedules import Scheduled, keep_schedule
from schemas import names
from schemas.ids import export_workflow_id, schedule_id
from schemas.model.export import ExportInput
from workers.settings import Settings


async def ensure_exports(client: Client, settings: Settings) -> None:
    """Have curated tables exported every so often; or not, as the settings say."""
    await keep_schedule(client, exports(settings), on=settings.export.on)


def exports(settings: Settings) -> Scheduled:
    """The schedule of the exports."""
    org = settings.salesforce.org_id
    return Scheduled(
        schedule=schedule_id(org, "export"),
        workflow=names.EXPORT_WORKFLOW,
        workflow_id=export_workflow_id(org),
        task_queue=names.WORKFLOW_QUEUE,
        request=ExportInput(org=org),
        every=settings.export.interval,
        note="exports curated tables as Parquet",
    )
