"""Everything at once, on real parts: a surge, writebacks, a backfill and reconciliations, while
processes are killed, remotes freeze, a disk is full, nothing of the engine runs for a
while, and a release is rolled out. Then every record, event, version and writeback is looked for.

    python -m benchmarks.real_storm [--minutes 120] [--rate 120000] [--writebacks 10000]
        [--records 5000000] [--kill-every 60] [--report FILE] [--picture FILE]

Disk: 2.4 GB a minute at 120,000 changes a minute, 3.2 KB an old record; it gives up before the disk
is full. `--minutes 5 --rate 6000 --writebacks 300 --records 20000` is a small one. Needs root, for
the disk that is full.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks.backfills import SHARES, backfill_all, fill, spread
from benchmarks.real_storm.faults import Faults
from benchmarks.real_storm.picture import picture
from benchmarks.real_storm.proof import judge, prove, reconciled
from benchmarks.real_storm.timeline import Timeline
from benchmarks.writeback.__main__ import Submitting
from benchmarks.writeback.load import Load, wait_for_api
from cli.api import local_token
from cli.local import measurements
from cli.local.sandbox import answered, start_traffic, traffic_state
from cli.local.surge import org_state, wait_for_followers, wait_for_rereads
from cli.local.up import Running, running_all
from cli.state import settings_file
from sandbox.ports import free_port
from schemas.errors import TidegateError
from workers.clients import connect_temporal
from workers.settings import load_settings

_REST_SECONDS = 1_800.0
_LEAST_FREE = 3 * 2**30
"""Bytes of disk below which the traffic ends early."""
_RECONCILIATIONS = 2
"""Within a storm."""


def main() -> None:
    """Run, prove, print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="tidegate-storm-", dir=arguments.state) as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)  # the PostgreSQL server runs as another user
        with running_all(folder, fresh=True, api_port=port) as running:
            wait_for_followers(running.endpoints)
            wait_for_api(f"http://127.0.0.1:{port}")
            figures = Storm(running, folder, f"http://127.0.0.1:{port}", arguments).run()
    failures = judge(figures)
    figures["holds"] = not failures
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(figures, indent=2) + "\n")
    if arguments.picture is not None:
        arguments.picture.write_text(picture(figures["timeline"]))
    sys.stdout.write(json.dumps({k: v for k, v in figures.items() if k != "timeline"}, indent=2) + "\n")
    if failures:
        raise SystemExit("does not hold: " + "; ".join(failures))


@dataclass
class Storm:
    """One storm over a running engine."""

    running: Running
    folder: Path
    api: str
    arguments: argparse.Namespace

    def __post_init__(self) -> None:
        self.control = self.running.endpoints.salesforce.control_url
        self.seconds = self.arguments.minutes * 60
        self.timeline = Timeline(self.running)
        self.faults = Faults(
            self.running,
            self.folder,
            self.timeline,
            self.seconds,
            self.arguments.kill_every,
            self.arguments.seed,
        )

    def run(self) -> dict[str, Any]:
        """The figures."""
        for name, records in spread(self.arguments.records).items():
            _say(f"filling {records:,} records of {name}")
            fill(self.control, name, records)
        meter = measurements.ProcessMeter(self.running.roots())
        self.timeline.start()
        meter.start()
        found = self._storm()
        rest = self._rest()
        meter.stop()
        self.timeline.stop()
        wait_for_rereads(self.running.endpoints)
        _say("comparing every record, event, version and writeback")
        return {
            "minutes": self.arguments.minutes,
            "rate": self.arguments.rate,
            **found,
            "rest_seconds": rest,
            "faults": self.faults.counts,
            **prove(self.running, self.folder),
            "peak_memory_mb": round(meter.peak.pss / 1e6),
            "timeline": self.timeline.figures(),
        }

    def _storm(self) -> dict[str, Any]:
        start_traffic(self.control, rate=self.arguments.rate, seconds=self.seconds, seed=self.arguments.seed,
                      old_share=0.5)  # fmt: skip
        load = Load(round(self.arguments.minutes * self.arguments.writebacks), "w")
        submitting = Submitting(self.api, local_token(self.folder)[0], load, self.arguments.writebacks)
        time.sleep(2)  # so that the traffic knows none of the writebacks' records
        submitting.start()
        striking = threading.Thread(target=self.faults.run, daemon=True)
        striking.start()
        # In a thread of its own: the watch below must go on whatever they wait for.
        side = threading.Thread(target=lambda: sides.update(asyncio.run(self._sides())), daemon=True)
        sides: dict[str, Any] = {}
        side.start()
        self._watch()
        for thread in (striking, side):
            thread.join()
        submitting.join()
        return {**submitting.figures(), **sides, "traffic": traffic_state(self.control)}

    async def _sides(self) -> dict[str, Any]:
        """The backfill of every object, and reconciliations, beside the rest."""
        settings = load_settings(settings_file(self.folder))
        client = await connect_temporal(settings)
        states = await backfill_all(client, settings.salesforce.org_id, list(SHARES), at_once=2)
        verdicts = []
        for _ in range(_RECONCILIATIONS):
            verdicts.append(await reconciled(client, settings))
            await asyncio.sleep(self.seconds / 10)
        return {
            "backfills": {name: state.stage for name, state in states.items()},
            "rows_backfilled": sum(state.counts.rows for state in states.values()),
            "reconciliations": verdicts,
        }

    def _watch(self) -> None:
        """Tell how it goes, until the traffic has ended."""
        while True:
            time.sleep(10)
            with suppress(TidegateError, httpx.HTTPError):
                state = traffic_state(self.control)
                last = self.timeline.samples[-1] if self.timeline.samples else None
                _say(
                    f"{state['elapsed_seconds']:6.0f} s: {state['sent']:,} sent, {asdict(last) if last else ''}"
                )
                if not state["running"]:
                    return
            if shutil.disk_usage(self.folder).free < _LEAST_FREE:
                _say("hardly any disk is left: the traffic ends early")
                answered(lambda http: http.delete(f"{self.control}/traffic"))

    def _rest(self) -> float | None:
        """Seconds until all is applied and written back; None when that takes too long."""
        began, committed = time.monotonic(), org_state(self.running.endpoints)["changes_committed"]
        while time.monotonic() - began < _REST_SECONDS:
            with suppress(psycopg.Error):
                with psycopg.connect(self.running.endpoints.warehouse.dsn) as connection:
                    landed = measurements.ledger_sums(connection, followed=True).landed
                with psycopg.connect(self.running.endpoints.operational.dsn) as connection:
                    query = b"SELECT count(*) FROM writeback WHERE state IN ('waiting', 'open')"
                    left = connection.execute(query).fetchall()[0][0]
                if landed >= committed and not left:
                    return round(time.monotonic() - began, 1)
                _say(f"{committed - landed:,} changes and {left:,} writebacks left")
            time.sleep(5)
            # Writebacks are changes, too.
            with suppress(TidegateError, httpx.HTTPError):
                committed = org_state(self.running.endpoints)["changes_committed"]
        return None


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--rate", type=int, default=120_000, help="changes a minute")
    parser.add_argument("--writebacks", type=int, default=10_000, help="a minute")
    parser.add_argument("--records", type=int, default=5_000_000, help="old ones, which are backfilled")
    parser.add_argument("--kill-every", type=float, default=60, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, help="where the folder of all state is made, and removed")
    parser.add_argument("--report", type=Path, help="write the figures to this file as JSON")
    parser.add_argument("--picture", type=Path, help="write the course of it to this file as SVG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
