"""Measure the cost of a lease: 50 consumers that take 500 tokens a second together, from one
process, through a real Temporal.

Reports how long a take waited, separately for those that found their token in the cache, and how
many updates reached the governor workflow. Prints one JSON object.

    python -m benchmarks.leases [--consumers 50] [--rate 500] [--seconds 30]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from clients.governor.leases import Leases
from clients.temporal.governor import TemporalGovernor
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from sandbox.temporal import start_temporal
from schemas import names
from schemas.governor import (
    Budget,
    Exchange,
    LeaseAnswer,
    LeaseClass,
    Reading,
    ReadLimitsInput,
    ReadLimitsResult,
)
from workers.roles import sandboxed_runner
from workflows import GovernorWorkflow

ORG = "00DTg0000000001MAA"
_PLENTY = 1_000_000_000


class Counting:
    """The governor, with its updates counted and timed."""

    def __init__(self, inner: TemporalGovernor) -> None:
        self._inner = inner
        self.seconds: list[float] = []

    async def exchange(self, exchange: Exchange) -> LeaseAnswer:
        """Pass on."""
        began = time.perf_counter()
        try:
            return await self._inner.exchange(exchange)
        finally:
            self.seconds.append(time.perf_counter() - began)


@activity.defn(name=names.READ_LIMITS)
async def plenty(request: ReadLimitsInput) -> ReadLimitsResult:  # noqa: ARG001
    """An org without an end."""
    reading = Reading(
        budget=Budget.API_CALLS, maximum=_PLENTY, used=0, at=datetime.now(UTC), lag=timedelta(0)
    )
    return ReadLimitsResult(readings=(reading,))


async def consume(leases: Leases, every: float, until: float, waits: list[float]) -> None:
    """Take a token at each beat; beats that were missed are made up for."""
    beat = time.perf_counter()
    while beat < until:
        await asyncio.sleep(max(0.0, beat - time.perf_counter()))
        began = time.perf_counter()
        await leases.take(Budget.API_CALLS, LeaseClass.POLLING)
        waits.append(time.perf_counter() - began)
        beat += every


async def measure(address: str, consumers: int, rate: float, seconds: float) -> dict[str, object]:
    """One run against the Temporal at `address`."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    governor = Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=[GovernorWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    async with governor, Worker(client, task_queue=names.ORG_QUEUE, activities=[plenty]):
        counting = Counting(TemporalGovernor(client, ORG))
        leases = Leases(counting)
        await leases.take(Budget.API_CALLS, LeaseClass.POLLING)
        counting.seconds.clear()
        waits: list[float] = []
        began = time.perf_counter()
        each = consumers / rate
        await asyncio.gather(*(consume(leases, each, began + seconds, waits) for _ in range(consumers)))
        took = time.perf_counter() - began
        await leases.close()
    ranked = sorted(waits)
    return {
        "consumers": consumers,
        "takes_per_second": round(len(waits) / took, 1),
        "acquire_ms": {
            f"p{share}": round(ranked[int(len(ranked) * share / 100)] * 1_000, 3) for share in (50, 95, 99)
        }
        | {"max": round(ranked[-1] * 1_000, 3)},
        "waited_over_1_ms": sum(wait > 0.001 for wait in waits),
        "updates_per_second": round(len(counting.seconds) / took, 2),
        "update_ms_median": round(sorted(counting.seconds)[len(counting.seconds) // 2] * 1_000, 1),
    }


def main() -> None:
    """Start a Temporal, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consumers", type=int, default=50)
    parser.add_argument("--rate", type=float, default=500, help="takes a second, over all consumers")
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        group = ProcessGroup(Path(folder) / "logs")
        port, ui_port = free_port(), free_port()
        try:
            start_temporal(group, Path(folder) / "temporal", port=port, ui_port=ui_port)
            found = asyncio.run(
                measure(f"127.0.0.1:{port}", arguments.consumers, arguments.rate, arguments.seconds)
            )
        finally:
            group.stop()
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
