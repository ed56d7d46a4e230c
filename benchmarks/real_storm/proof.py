"""The proof after a storm: records, events, versions, writebacks, calls and acts."""

import asyncio
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from temporalio.client import Client

from benchmarks.backfills import LANE
from benchmarks.proofs import broken_history, missing_events
from benchmarks.writeback.proof import one_effect
from benchmarks.writeback.senders import log_in
from cli.local.compare_records import compare_all
from cli.local.measurements import freshness, ledger_sums
from cli.local.up import Running
from cli.state import settings_file
from clients.temporal.run_kinds import RECONCILE
from clients.temporal.runs import run_handle, start_run
from sandbox.org.data.store import DATABASE_FILE
from schemas.catalogue import load_catalogue
from schemas.reconcile import Depth, ReconcileInput, ReconcileState
from workers.clients import open_clients
from workers.settings import Settings, load_settings

_SETTLE = timedelta(minutes=2)
"""How far behind the stream may be before a difference counts."""


async def reconciled(client: Client, settings: Settings) -> dict[str, str]:
    """Every object's verdict, by its buckets."""

    async def one(name: str) -> tuple[str, str]:
        request = ReconcileInput(
            org=settings.salesforce.org_id,
            object=name,
            depth=Depth.BUCKETS,
            settle=_SETTLE,
            by="storm",
            reason="storm",
        )
        started = await start_run(client, RECONCILE, request)
        state: ReconcileState = await run_handle(client, RECONCILE, started).result()
        return name, str(state.verdict)

    return dict(await asyncio.gather(*map(one, load_catalogue(settings.catalogue).objects)))


def prove(running: Running, folder: Path) -> dict[str, Any]:
    """The figures of the proof, by record, event, version, writeback, call and act."""
    settings = load_settings(settings_file(folder))
    org_file = folder / "salesforce" / DATABASE_FILE
    with closing(_Parts(settings)) as parts:
        compared = compare_all(
            running.endpoints.salesforce.control_url,
            running.endpoints.warehouse.dsn,
            parts.clients.catalogue,
            parts.clients.protector,
        )
        broken_links = parts.clients.audit.verify()
    catalogue = load_catalogue()
    with psycopg.connect(running.endpoints.warehouse.dsn) as connection:
        found = {
            "records_compared": compared.records,
            "records_different": compared.different,
            "differences": compared.shown,
            "stream": asdict(ledger_sums(connection, lane=LANE)),
            "quarantined": ledger_sums(connection).quarantined,
            "freshness_seconds": freshness(connection, catalogue, lane=LANE)["total"],
            "events_missing": missing_events(connection, catalogue, org_file, LANE),
            "history_faults": {
                spec.name: broken_history(connection, spec)
                for spec in catalogue.objects.values()
                if spec.history
            },
        }
    user = log_in(running.endpoints.salesforce)["id"].rpartition("/")[2]
    return {
        **found,
        "one_effect": one_effect(org_file, running.endpoints.operational.dsn, user),
        "refused_by_quota": _refused(running.endpoints.salesforce.control_url),
        "audit": str(broken_links),
    }


def judge(figures: dict[str, Any]) -> list[str]:
    """Assertions that do not hold, a sentence each."""
    stream, effects = figures["stream"], figures["one_effect"]
    accounted = stream["applied"] + stream["duplicate"] + stream["quarantined"]
    twice_or_never = {
        name: effects[name]
        for name in ("events_missing", "events_beyond", "records_twice", "last_value_lost")
        if effects[name]
    }
    faults = {name: kinds for name, kinds in figures["history_faults"].items() if any(kinds.values())}
    checks = {
        f"{figures['records_different']} records differ from the org": figures["records_different"] == 0,
        "it never came to rest": figures["rest_seconds"] is not None,
        "landed changes are unaccounted for": stream["landed"] == accounted,
        f"{figures['quarantined']} changes are in quarantine": figures["quarantined"] == 0,
        f"events are not in the change log: {figures['events_missing']}": not figures["events_missing"],
        f"the history is not the change log's: {faults}": not faults,
        f"writebacks without exactly one effect: {twice_or_never}": not twice_or_never,
        f"the org refused calls: {figures['refused_by_quota']}": not any(
            figures["refused_by_quota"].values()
        ),
        f"a backfill did not end well: {figures['backfills']}": set(figures["backfills"].values())
        == {"done"},
    }
    return [sentence for sentence, holds in checks.items() if not holds]


class _Parts:
    """The engine's clients, to be closed."""

    def __init__(self, settings: Settings) -> None:
        self.clients = open_clients(settings)

    def close(self) -> None:
        self.clients.warehouse.close()
        self.clients.audit.close()


def _refused(control_url: str) -> dict[str, int]:
    """Meter -> times that the org has refused something for it."""
    told = httpx.get(f"{control_url}/meters", timeout=60, trust_env=False).raise_for_status().json()
    return {name: int(meter["refused"]) for name, meter in told.items() if meter["refused"]}
