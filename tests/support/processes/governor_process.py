"""The governor's worker as a process of its own, to be killed: `python -m
tests.support.processes.governor_process FILE`.
"""

import asyncio
import json
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from activities.governor import Limits
from clients.salesforce.session import SalesforceAddress, SessionSource
from schemas import names
from schemas.salesforce.limits import API_VERSION
from workers.roles import sandboxed_runner
from workflows import GovernorWorkflow


async def serve(where: dict[str, str]) -> None:
    """Serve the governor and its question about the limits, forever."""
    client = await Client.connect(where["temporal"], data_converter=pydantic_data_converter)
    address = SalesforceAddress(
        login_url=where["org"], client_id=where["client_id"], client_secret=where["client_secret"]
    )
    limits = Limits(SessionSource(address), API_VERSION)
    governor = Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=[GovernorWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    async with governor, Worker(client, task_queue=names.ORG_QUEUE, activities=[limits.read_limits]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
