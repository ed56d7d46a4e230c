"""A step that finds a field missing in the org asks for a check of the schema, and is tried again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from schemas import names
from schemas.drift import DriftInput
from schemas.errors import FieldMissingError
from schemas.ids import drift_workflow_id


@asynccontextmanager
async def asking_for_a_check(client: Client, org: str, object_name: str) -> AsyncIterator[None]:
    """Let `FieldMissingError` pass after a check of the object's fields was started; one that runs already is enough."""
    try:
        yield
    except FieldMissingError:
        await client.start_workflow(
            names.DRIFT_WORKFLOW,
            DriftInput(org=org, objects=(object_name,), by="a call that was refused"),
            id=f"{drift_workflow_id(org)}/{object_name}",
            task_queue=names.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"looks at the fields of {object_name}",
        )
        raise
