"""A step that finds the org's fields to be others than the catalogue's asks for a check of the
schema, and is tried again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.common import WorkflowIDConflictPolicy

from clients.salesforce.describe import OrgSchema
from clients.salesforce.http import OrgHttp
from schemas import names
from schemas.catalogue import ObjectSpec
from schemas.drift import DriftEffect, DriftInput, DriftPolicy
from schemas.errors import SchemaChangedError
from schemas.governor import LeaseClass
from schemas.ids import drift_workflow_id
from transforms.drift.compare_schema import compare_schema

_SOON_TRIES = 20
"""With their waits some four minutes: by then a check has held the field back, and every process
has heard of it.
"""
_LATER = timedelta(minutes=10)
"""Between two tries from then on: what no check finds is for somebody to fix, and every try costs
calls.
"""


@asynccontextmanager
async def asking_for_a_check(org: str, object_name: str) -> AsyncIterator[None]:
    """Let `SchemaChangedError` pass after a check of the object's fields was started; one that runs
    already is enough.

    A step that goes on being refused is tried every ten minutes only.
    """
    try:
        yield
    except SchemaChangedError as error:
        await activity.client().start_workflow(
            names.DRIFT_WORKFLOW,
            DriftInput(org=org, objects=(object_name,), by="a call that was refused"),
            id=f"{drift_workflow_id(org)}/{object_name}",
            task_queue=names.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"looks at the fields of {object_name}",
        )
        if activity.info().attempt > _SOON_TRIES:
            error.retry_after = _LATER
        raise


async def check_before_repair(org: OrgHttp, spec: ObjectSpec, lease_class: LeaseClass) -> None:
    """Raise `SchemaChangedError` when a field should be held first; one call.

    What says that records must be read again may be the conversion of a field that has emptied
    it (Change Data Capture Developer Guide, "Gap Events"): a reading before the field is held
    would write that over what the warehouse has.
    """
    described = await OrgSchema(org, lease_class).fields(spec.name)
    found = compare_schema(spec, described, DriftPolicy(add=False), {})
    if held := [each.field for each in found if each.effect is DriftEffect.HELD]:
        raise SchemaChangedError(call=f"a repair of {spec.name}", detail=", ".join(held))
