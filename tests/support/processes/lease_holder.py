"""A process that calls an org as fast as its leases allow, until it is killed: `python -m
tests.support.processes.lease_holder FILE CLASS`.

FILE holds JSON: where Temporal and the org are, and the governor's terms. Writes a line to
stdout for every refusal by the org (there must be none) and every hundredth call.
"""

import asyncio
import json
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from clients.governor.leases import Leases
from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from clients.salesforce.session import SalesforceAddress, SessionSource
from clients.temporal.governor import TemporalGovernor
from schemas.errors import BudgetSpentError, RateLimitedError, UnavailableError
from schemas.governor import LeaseClass, Terms


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def hold(where: dict[str, str], lease_class: LeaseClass) -> None:
    """Call, and call again."""
    client = await Client.connect(where["temporal"], data_converter=pydantic_data_converter)
    sessions = SessionSource(
        SalesforceAddress(
            login_url=where["org"], client_id=where["client_id"], client_secret=where["client_secret"]
        )
    )
    terms = Terms.model_validate_json(where["terms"])
    leases = Leases(TemporalGovernor(client, where["org_id"], terms))
    async with OrgHttp(sessions, leases) as http:
        made = 0
        while True:
            try:
                await http.read(Call("GET", f"{http.data_path}/sobjects", lease_class))
                made += 1
                if made % 100 == 0:
                    tell(f"made {made}")
            except (BudgetSpentError, UnavailableError) as error:
                tell(f"waits: {error}")
                await asyncio.sleep(0.5)
            except RateLimitedError as error:
                tell(f"REFUSED {error}")
                return


if __name__ == "__main__":
    asyncio.run(hold(json.loads(Path(sys.argv[1]).read_text()), LeaseClass(sys.argv[2])))
