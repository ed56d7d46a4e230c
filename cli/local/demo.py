"""tidegate demo: the main job, from nothing to a proof."""

import json
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.table import Table

from cli.local import measurements
from cli.local.compare_records import Comparison, compare_all
from cli.local.demo_steps import judge_acts, run_acts
from cli.local.sandbox import MOST_CHANGES_A_MINUTE
from cli.local.sandbox_packages import require_sandbox_packages
from cli.local.surge import Surge, run_surge, wait_for_followers, wait_for_rereads
from cli.local.up import Running, WarehouseKind, redshift_port, running_all
from cli.output import EXIT_FAILED, OUT, progress_bar, say
from cli.state import settings_file
from sandbox.endpoints import Endpoints
from schemas.catalogue import Catalogue, load_catalogue
from workers.clients import open_clients
from workers.settings import load_settings

_ACTS = {
    "backfill": "reading every case again, beside the stream",
    "writebacks": "writing back to two thousand cases",
    "reconciliation": "asking the org itself whether the warehouse equals it",
}
GOAL_SECONDS: dict[WarehouseKind, float] = {"postgres": 60.0, "redshift": 90.0}
"""Freshness that the demo holds the engine to: p99 of commit to curated. The promise to users is
120 s. Redshift is written in turns of thirty seconds, so a change may wait for two.
"""


_Rate = Annotated[int, typer.Option("--rate", min=60, max=MOST_CHANGES_A_MINUTE, help="Changes a minute.")]
_Seconds = Annotated[float, typer.Option("--seconds", min=5, help="Length of the surge.")]
_Seed = Annotated[int, typer.Option("--seed", help="The same seed makes the same choices.")]
_Report = Annotated[Path | None, typer.Option("--report", help="Write the figures to this file as JSON.")]
_Home = Annotated[Path, typer.Option("--home", help="Folder for the demo's state, emptied first.")]
_CatalogueFile = Annotated[
    Path | None, typer.Option("--catalogue", help="The engine's catalogue. By default the one that ships.")
]


def demo(
    rate: _Rate = 122_000,
    seconds: _Seconds = 125,
    seed: _Seed = 1,
    report: _Report = None,
    home: _Home = Path("var/demo"),
    catalogue: _CatalogueFile = None,
    warehouse: WarehouseKind = "postgres",
) -> None:
    """Start everything, send a surge of changes, and prove the result. It also reads an object
    again, writes back, and ends by itself.

    Exits 0 only if every record is equal, every change is accounted for and the freshness goal
    is met.

    Example: tidegate demo --report report.json
    """
    require_sandbox_packages("tidegate demo")
    from sandbox.stack import Ports

    began = time.monotonic()
    say("starting Salesforce, S3, PostgreSQL, Temporal and the engine (all on this machine)")
    ports = Ports(redshift=redshift_port(warehouse))
    with running_all(home, fresh=True, ports=ports, catalogue=catalogue) as running:
        wait_for_followers(running.endpoints)
        say(f"Temporal's Web UI: {running.endpoints.temporal.ui_url}")
        surge, meter = _measured_surge(running, rate=rate, seconds=seconds, seed=seed)
        wait_for_rereads(running.endpoints)
        say("comparing every record of the org with its curated row")
        compared = _compare(running.endpoints, home)
        settings = load_settings(settings_file(home.resolve()))
        figures = _figures(running.endpoints, load_catalogue(settings.catalogue), surge, compared, meter)
        figures |= run_acts(settings, lambda name: say(_ACTS[name]))
    figures["wall_seconds"] = round(time.monotonic() - began, 1)
    figures["freshness_goal"] = GOAL_SECONDS[warehouse]
    failures = judge(figures)
    figures["holds"] = not failures
    if report is not None:
        report.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures, compared, failures)
    if failures:
        sys.exit(EXIT_FAILED)
    shutil.rmtree(home, ignore_errors=True)


def _measured_surge(
    running: Running, *, rate: int, seconds: float, seed: int
) -> tuple[Surge, measurements.ProcessMeter]:
    """Send the surge: `rate` changes a minute for `seconds`; processor time and memory are measured
    meanwhile.
    """
    meter = measurements.ProcessMeter(running.roots(), own="demo")
    meter.start()
    with progress_bar(f"{rate:,} changes a minute", seconds) as bar:
        surge = run_surge(
            running.endpoints,
            rate=rate,
            seconds=seconds,
            seed=seed,
            show=lambda done, text: bar.update(completed=done, detail=text),
        )
    meter.stop()
    return surge, meter


def judge(figures: dict[str, Any]) -> list[str]:
    """Assertions that do not hold, a sentence each."""
    accounted = figures["changes_applied"] + figures["changes_duplicate"] + figures["changes_quarantined"]
    checks = {
        f"{figures['records_different']} records differ from the org": figures["records_different"] == 0,
        "changes were sent that were not landed": figures["changes_landed"] >= figures["changes_sent"],
        "landed changes are unaccounted for": figures["changes_landed"] == accounted,
        f"{figures['changes_quarantined']} changes are in quarantine": figures["changes_quarantined"] == 0,
        f"p99 freshness {figures['freshness_seconds']['p99']} s is over {figures['freshness_goal']} s": figures[
            "freshness_seconds"
        ]["p99"]
        <= figures["freshness_goal"],
        "the org could not send at the rate asked for": figures["rate_per_minute"]
        >= 0.97 * figures["rate_asked"],
    }
    return [sentence for sentence, holds in (checks | judge_acts(figures)).items() if not holds]


def _compare(endpoints: Endpoints, state: Path) -> Comparison:
    parts = open_clients(load_settings(settings_file(state.resolve())))
    try:
        return compare_all(
            endpoints.salesforce.control_url, endpoints.warehouse.dsn, parts.catalogue, parts.protector
        )
    finally:
        parts.warehouse.close()
        parts.audit.close()


def _figures(
    endpoints: Endpoints,
    catalogue: Catalogue,
    surge: Surge,
    compared: Comparison,
    meter: measurements.ProcessMeter,
) -> dict[str, Any]:
    with psycopg.connect(endpoints.warehouse.dsn) as connection:
        fresh = measurements.freshness(connection, catalogue)
        versions = measurements.history_versions(connection, catalogue)
    cpu = meter.cpu_seconds()
    ledger = asdict(surge.ledger)
    return {
        "changes_sent": surge.sent,
        **{f"changes_{name}": ledger[name] for name in ("landed", "applied", "duplicate", "quarantined")},
        "rate_asked": round(surge.planned_rate),
        "rate_per_minute": surge.rate_per_minute,
        "freshness_seconds": fresh["total"],
        "freshness_commit_to_received_seconds": fresh["received"],
        "freshness_received_to_curated_seconds": fresh["ours"],
        "lag_at_end_seconds": round(surge.lag_at_end_seconds, 2),
        "records_compared": compared.records,
        "records_different": compared.different,
        "records_rebuilt": ledger["rebuilt"],
        "batches": ledger["batches"],
        "history_versions": versions,
        "cpu_seconds": round(sum(cpu.values()), 1),
        "cpu_seconds_by_process": cpu,
        "cpu_microseconds_per_change": {
            name: round(used / max(1, surge.sent) * 1e6) for name, used in cpu.items()
        },
        "peak_memory_mb": round(meter.peak.pss / 1e6),
        "peak_rss_mb": round(meter.peak.rss / 1e6),
        "memory": meter.memory(),
    }


def _show(figures: dict[str, Any], compared: Comparison, failures: list[str]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    fresh, ours = figures["freshness_seconds"], figures["freshness_received_to_curated_seconds"]
    read, written, proved = (figures[name] for name in ("backfill", "writebacks", "reconciliation"))
    rows = {
        "changes sent": f"{figures['changes_sent']:,} at {figures['rate_per_minute']:,} a minute",
        "accounted for": f"{figures['changes_landed']:,} landed = {figures['changes_applied']:,} applied + "
        f"{figures['changes_duplicate']:,} duplicate + {figures['changes_quarantined']:,} quarantined",
        "freshness, commit to curated": f"p50 {fresh['p50']} s, p95 {fresh['p95']} s, p99 {fresh['p99']} s, max {fresh['max']} s",
        "of that ours, received to curated": f"p50 {ours['p50']} s, p95 {ours['p95']} s, p99 {ours['p99']} s, max {ours['max']} s",
        "rest after the last change": f"{figures['lag_at_end_seconds']} s",
        "records compared": f"{figures['records_compared']:,}, of which {figures['records_different']:,} differ",
        "history versions": f"{figures['history_versions']:,}",
        "backfill": f"{read['rows']:,} rows of {read['object']} in {read['seconds']} s",
        "writebacks": f"{written['done']:,} of {written['accepted']:,} in the org, p50 {written['seconds_to_done']['p50']} s, "
        f"p99 {written['seconds_to_done']['p99']} s, {written['calls']} API calls",
        "reconciliation": f"{len(proved['verdicts'])} objects, {proved['differences']:,} differences, {proved['calls']} API calls, "
        f"{proved['seconds']} s",
        "processor time": f"{figures['cpu_seconds']} s, {sum(figures['cpu_microseconds_per_change'].values())} µs a change",
        "peak memory": f"{figures['peak_memory_mb']:,} MB over all processes during the surge",
        "wall time": f"{figures['wall_seconds']} s",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    OUT.print(table)
    for sentence in compared.shown:
        OUT.print(f"  {sentence}")
    for sentence in failures:
        OUT.print(f"[red]does not hold:[/] {sentence}", markup=True)
    if not failures:
        OUT.print("[green]Everything holds: the warehouse equals the org.[/]", markup=True)
