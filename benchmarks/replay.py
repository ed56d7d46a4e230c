"""How fast landed batches are re-driven: a surge is landed and applied, then all of it replayed
twice by the running engine.

Nothing may change: the tables' checksums before and after are compared. Then once into a shadow,
where every change is applied again, and again and again beside another surge. Prints one JSON
object.

    python -m benchmarks.replay [--rate 120000] [--seconds 150] [--beside 60000]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from cli.local import measurements
from cli.local.engine_processes import settings_of
from cli.local.surge import run_surge, wait_for_followers
from cli.local.up import Running, running_all
from clients.temporal.run_kinds import REPLAY
from clients.temporal.runs import run_handle, start_run
from clients.warehouse.shadow.compare import compare_shadow
from schemas.catalogue import load_catalogue
from schemas.replay import ReplayInput, ReplaySelection, ReplayState
from workers.clients import connect_temporal, open_warehouse
from workers.settings import Settings


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=120_000, help="changes a minute of the surge")
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--beside", type=int, default=60_000, help="changes a minute while it replays")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_all(Path(folder), fresh=True) as running:
            wait_for_followers(running.endpoints)
            run_surge(running.endpoints, rate=arguments.rate, seconds=arguments.seconds, seed=1, show=_quiet)
            figures = measure(running) | beside(running, arguments.beside)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


def _quiet(elapsed: float, text: str) -> None:
    """The surge's progress is not shown."""


def measure(running: Running) -> dict[str, Any]:
    """Two replays of everything, and one into a shadow."""
    settings = Settings.model_validate(settings_of(running.endpoints))
    dsn = running.endpoints.warehouse.dsn
    before = checksums(dsn)
    replays = [_replay(running, settings, f"again-{number}") for number in (1, 2)]
    figures: dict[str, Any] = {"replays": replays, "equal_after": checksums(dsn) == before}
    figures["shadow"] = _replay(running, settings, "shadow", shadow="bench")
    began = time.monotonic()
    with closing(open_warehouse(settings)) as warehouse:
        compared = list(compare_shadow(warehouse, load_catalogue(settings.catalogue), "bench"))
    figures["comparison"] = {
        "seconds": round(time.monotonic() - began, 1),
        "rows": sum(each.both for each in compared),
        "different": [each.as_json() for each in compared if not each.is_equal],
    }
    return figures


def beside(running: Running, rate: int) -> dict[str, Any]:
    """How fresh a surge of a minute is by itself, and while everything is replayed again and
    again.
    """
    settings = Settings.model_validate(settings_of(running.endpoints))
    found: dict[str, Any] = {"rate_beside": rate, "fresh_alone": _surge(running, rate, seed=2)}
    ended = threading.Event()
    replayed: list[int] = []

    def again() -> None:
        while not ended.is_set():
            replayed.append(_replay(running, settings, f"beside-{len(replayed)}")["changes_per_second"])

    replaying = threading.Thread(target=again)
    replaying.start()
    found["fresh_beside"] = _surge(running, rate, seed=3)
    ended.set()
    replaying.join()
    return found | {"replayed_beside_per_second": replayed}


def _surge(running: Running, rate: int, *, seed: int) -> dict[str, float]:
    """Seconds from commit to curated of the slowest change of each batch of a surge."""
    dsn = running.endpoints.warehouse.dsn
    began = datetime.now(UTC)
    run_surge(running.endpoints, rate=rate, seconds=60, seed=seed, show=_quiet)
    query = (
        b"SELECT EXTRACT(EPOCH FROM committed_at - first_changed_at) FROM ops.ledger WHERE committed_at > %s"
    )
    with psycopg.connect(dsn) as connection:
        spans = sorted(float(span) for (span,) in connection.execute(query, (began,)) if span is not None)
    return {"median": round(spans[len(spans) // 2], 1), "worst": round(spans[-1], 1)}


def _replay(running: Running, settings: Settings, key: str, shadow: str | None = None) -> dict[str, Any]:
    meter = measurements.ProcessMeter(running.roots())
    meter.start()
    state = asyncio.run(_run(settings, key, shadow))
    meter.stop()
    if state.began_at is None or state.ended_at is None:
        raise RuntimeError(f"the replay {key} is {state.stage}: {state.paused_because}")
    seconds = (state.ended_at - state.began_at).total_seconds()
    used = {name: round(each / state.counts.changes * 1e6, 1) for name, each in meter.cpu_seconds().items()}
    return {
        "seconds": round(seconds, 1),
        "changes_per_second": round(state.counts.changes / seconds),
        "counts": state.counts.model_dump(),
        "cpu_microseconds_per_change": used,
    }


async def _run(settings: Settings, key: str, shadow: str | None) -> ReplayState:
    client = await connect_temporal(settings)
    org = settings.salesforce.org_id
    request = ReplayInput(selection=ReplaySelection(org=org), key=key, shadow=shadow, by="benchmark")
    state: ReplayState = await run_handle(client, REPLAY, await start_run(client, REPLAY, request)).result()
    return state


def checksums(dsn: str) -> dict[str, Any]:
    """Table -> count and digest of its rows, whatever their order, for every table of the curated,
    audit and ops schemas.
    """
    query = b"SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('curated', 'audit', 'ops')"
    found = {}
    with psycopg.connect(dsn) as connection:
        for (table,) in connection.execute(query).fetchall():
            # Half of each row's MD5 as a number: their sum does not depend on the order, and
            # sorting would take minutes.
            digest = (
                f"SELECT COUNT(*), SUM(('x' || LEFT(MD5(t::text), 15))::bit(60)::bigint) FROM {table} AS t"
            )
            found[table] = connection.execute(digest.encode()).fetchone()
    return found


if __name__ == "__main__":
    main()
