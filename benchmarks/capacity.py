"""The highest rate at which the engine keeps up, and where the processor time goes.

Each step is a surge of three minutes at one rate on a fresh sandbox. The engine keeps up when
what is under way does not grow over the surge's second half and every change is accounted for at
the end. Rates rise until it does not keep up, or the org itself cannot send what was asked. The
capacity is the highest rate that was really sent and kept up with. Prints one JSON object.

With `--records` each rate is tried once a number: so many old records are backfilled before, and
half of the changes hit them. What a change costs then shows what large tables cost.

A surge of ten minutes or more also shows whether memory and descriptors are flat, by process:
`--rates 120000 --seconds 1800` is a soak, and takes 2.4 GB of disk a minute.

    python -m benchmarks.capacity [--rates 150000,180000,210000] [--seconds 180]
        [--records 100000,5000000]
"""

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.backfills import LANE, SHARES, backfill_all, fill, spread
from cli.local import measurements
from cli.local.surge import Surge, run_surge, wait_for_followers
from cli.local.up import Running, running_all
from cli.state import settings_file
from schemas.catalogue import load_catalogue
from workers.clients import connect_temporal
from workers.settings import load_settings

DEFAULT_RATES = (120_000, 150_000, 180_000, 210_000, 240_000)
MOST_GROWTH = 0.02
"""The backlog may grow by this share of the rate over the surge's second half; more is a growing
lag.
"""


@dataclass
class Backlog:
    """Changes under way, second by second."""

    seconds: list[float]
    changes: list[int]

    def growth_per_second(self) -> float:
        """Slope over the second half of the surge, in changes a second."""
        half = len(self.seconds) // 2
        if len(self.seconds) - half < 5:
            return 0.0
        slope, _ = np.polyfit(self.seconds[half:], self.changes[half:], 1)
        return float(slope)


def main() -> None:
    """Try the rates in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default=",".join(map(str, DEFAULT_RATES)))
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--records", default="0", help="old ones, 3.2 KB of disk each")
    arguments = parser.parse_args()
    steps: list[dict[str, Any]] = []
    wanted = product(map(int, arguments.rates.split(",")), map(int, arguments.records.split(",")))
    for rate, records in wanted:
        steps.append(step(rate, arguments.seconds, records))
        sys.stderr.write(json.dumps(steps[-1]) + "\n")
        if not (steps[-1]["keeps_up"] and steps[-1]["sent_as_asked"]):
            break
    held = [found["rate_per_minute"] for found in steps if found["keeps_up"]]
    sys.stdout.write(
        json.dumps({"capacity_per_minute": max(held, default=0), "steps": steps}, indent=2) + "\n"
    )


def step(rate: int, seconds: float, records: int = 0) -> dict[str, Any]:
    """One surge at `rate` changes a minute on a fresh sandbox and engine; half of the changes hit
    `records` old ones, where there are any.
    """
    backlog = Backlog([], [])

    def watch(elapsed: float, text: str) -> None:
        _, _, rest = text.partition(" sent, ")
        if rest:
            backlog.seconds.append(elapsed)
            backlog.changes.append(int(rest.split()[0].replace(",", "")))

    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_all(Path(folder), fresh=True) as running:
            wait_for_followers(running.endpoints)
            if records:
                asyncio.run(_grow(running, Path(folder), records))
            meter = measurements.ProcessMeter(running.roots())
            meter.start()
            share = 0.5 if records else 0
            surge = run_surge(
                running.endpoints, rate=rate, seconds=seconds, seed=1, show=watch, old_share=share
            )
            meter.stop()
            with psycopg.connect(running.endpoints.warehouse.dsn) as connection:
                fresh = measurements.freshness(connection, load_catalogue(), lane=LANE)
    return {"old_records": records} | _figures(rate, surge, backlog, meter, fresh)


async def _grow(running: Running, folder: Path, records: int) -> None:
    """Backfill old records of every object."""
    for name, count in spread(records).items():
        await asyncio.to_thread(fill, running.endpoints.salesforce.control_url, name, count)
    settings = load_settings(settings_file(folder))
    client = await connect_temporal(settings)
    await backfill_all(client, settings.salesforce.org_id, list(SHARES), at_once=len(SHARES))


def _figures(
    rate: int,
    surge: Surge,
    backlog: Backlog,
    meter: measurements.ProcessMeter,
    fresh: dict[str, dict[str, float]],
) -> dict[str, Any]:
    growth = backlog.growth_per_second()
    ledger = surge.ledger
    keeps_up = (
        growth <= MOST_GROWTH * surge.rate_per_minute / 60
        and ledger.landed == ledger.applied + ledger.duplicate + ledger.quarantined
        and surge.lag_at_end_seconds < 60
    )
    cpu = meter.cpu_seconds()
    return {
        "rate_asked": rate,
        "rate_per_minute": surge.rate_per_minute,
        "sent_as_asked": surge.rate_per_minute >= 0.97 * rate,
        "keeps_up": keeps_up,
        "backlog_growth_per_second": round(growth, 1),
        "lag_at_end_seconds": round(surge.lag_at_end_seconds, 2),
        "freshness_seconds": fresh["total"],
        "cpu_cores": round(sum(cpu.values()) / surge.seconds, 2),
        "cpu_microseconds_per_change": {name: round(used / surge.sent * 1e6) for name, used in cpu.items()},
        "peak_memory_mb": round(meter.peak.pss / 1e6),
        "memory": meter.memory(),
    }


if __name__ == "__main__":
    main()
