"""The schedule of the reporting model's builds."""

from temporalio.client import Client

from clients.temporal.schedules import Scheduled, keep_schedule
from schemas import names
from schemas.ids import model_workflow_id, schedule_id
from schemas.model import ModelBuildInput
from workers.settings import Settings


async def ensure_model_builds(client: Client, settings: Settings) -> None:
    """Have the reporting model built every so often; or not, as the settings say."""
    await keep_schedule(client, model_builds(settings), on=settings.model.on)


def model_builds(settings: Settings) -> Scheduled:
    """The schedule of the builds."""
    org = settings.salesforce.org_id
    return Scheduled(
        schedule=schedule_id(org, "model"),
        workflow=names.MODEL_WORKFLOW,
        workflow_id=model_workflow_id(org),
        task_queue=names.WORKFLOW_QUEUE,
        request=ModelBuildInput(org=org),
        every=settings.model.interval,
        note="builds the reporting model of what was applied",
    )
