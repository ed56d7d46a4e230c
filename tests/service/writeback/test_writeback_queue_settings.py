"""The settings of writebacks reach the queues that are started."""

import json
import uuid

import pytest
from temporalio.client import Client

from schemas.ids import writeback_queue_id
from tests.unit.test_settings import whole
from workers.intake import writeback_queues
from workers.settings import Settings

pytestmark = pytest.mark.service


async def test_a_new_queue_opens_as_many_batches_as_the_settings_say(client: Client) -> None:
    values = whole() | {"writeback": {"max_open_batches": 7}}
    values["salesforce"]["org_id"] = org = uuid.uuid4().hex[:18]
    async with writeback_queues(client, Settings(**values)) as queues:
        await queues.wake("Case")
    history = await client.get_workflow_handle(writeback_queue_id(org, "Case")).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    assert json.loads(started.input.payloads[0].data)["most_open"] == 7
