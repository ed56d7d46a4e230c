"""A step that the org refuses for a field asks for a check of the schema, and soon goes on; or,
when no check helps, comes rarely.
"""

import dataclasses
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.runtime.error_interceptor import as_application_error
from activities.runtime.schema_check import asking_for_a_check
from schemas.errors import SchemaChangedError
from schemas.ids import drift_workflow_id

pytestmark = pytest.mark.service


@pytest.mark.parametrize(("attempt", "wait"), [(1, None), (20, None), (21, timedelta(minutes=10))])
async def test_a_step_that_no_check_has_helped_is_tried_every_ten_minutes(
    client: Client, attempt: int, wait: timedelta | None
) -> None:
    environment = ActivityEnvironment(client=client)
    environment.info = dataclasses.replace(environment.info, attempt=attempt)

    async def refused() -> None:
        async with asking_for_a_check("o", "Account"):
            raise SchemaChangedError(call="GET /query", detail="no such column")

    with pytest.raises(SchemaChangedError) as caught:
        await environment.run(refused)
    error = as_application_error(caught.value)
    assert (error.next_retry_delay, error.non_retryable) == (wait, False)
    described = await client.get_workflow_handle(f"{drift_workflow_id('o')}/Account").describe()
    assert described.workflow_type == "drift"
