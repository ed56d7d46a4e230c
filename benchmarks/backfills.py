"""Shared parts of the backfill benchmarks: old records, an engine over a running sandbox, and
backfills run to their end.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from temporalio.client import Client

from cli.local.engine_processes import EngineProcesses, write_settings
from cli.local.surge import wait_for_followers
from cli.local.up import Running
from cli.state import settings_file
from sandbox.stack import RunningSandbox
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.ids import backfill_workflow_id

SHARES = {
    "Account": 0.3,
    "Contact": 0.2,
    "Case": 0.2,
    "ServiceRequest__c": 0.15,
    "Payment__c": 0.1,
    "Opportunity": 0.05,
}
"""How records are spread over the objects."""
LANE = "changes"
"""The lane of the stream."""
_FILL_SECONDS = 7_200


def fill(
    control_url: str, object_name: str, records: int, *, long_texts: bool = False, days: float = 700
) -> None:
    """Old records of one object, without events; as of `sandbox.org.traffic.fill.FillPlan`."""
    plan = {"object": object_name, "records": records, "long_texts": long_texts, "days": days}
    answer = httpx.post(f"{control_url}/fill", json=plan, timeout=_FILL_SECONDS, trust_env=False)
    answer.raise_for_status()


def spread(records: int) -> Mapping[str, int]:
    """Records by object, an object with others' references before those that refer to it."""
    return {name: max(int(records * share), 1) for name, share in SHARES.items()}


@contextmanager
def engine_over(sandbox: RunningSandbox, folder: Path) -> Iterator[Running]:
    """The engine's processes over a running sandbox whose state is in `folder`, following the org
    when this yields.
    """
    write_settings(settings_file(folder), sandbox.endpoints)
    engine = EngineProcesses(folder / "logs" / "engine", settings_file(folder))
    engine.start()
    try:
        wait_for_followers(sandbox.endpoints)
        yield Running(sandbox.endpoints, sandbox.group, engine)
    finally:
        engine.stop()


async def backfill(client: Client, org: str, object_name: str, window: str = "all") -> BackfillState:
    """Run a backfill of an object to its end: the last batch applied."""
    request = BackfillInput(org=org, object=object_name, window=window, by="benchmark")
    state: BackfillState = await client.execute_workflow(
        names.BACKFILL_WORKFLOW,
        request,
        id=backfill_workflow_id(org, object_name, window),
        task_queue=names.WORKFLOW_QUEUE,
        result_type=BackfillState,
    )
    return state


async def backfill_all(
    client: Client, org: str, objects: list[str], *, at_once: int
) -> dict[str, BackfillState]:
    """Backfill the objects, so many at a time; returns each one's last state."""
    places = asyncio.Semaphore(at_once)

    async def one(name: str) -> tuple[str, BackfillState]:
        async with places:
            return name, await backfill(client, org, name)

    return dict(await asyncio.gather(*map(one, objects)))


def disk_bytes(folder: Path) -> dict[str, int]:
    """Bytes by part of the sandbox."""
    return {name: folder_bytes(folder / name) for name in ("salesforce", "s3", "postgres", "temporal")}


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below; they come and go meanwhile."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total
