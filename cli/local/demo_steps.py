"""Steps of the demo after the surge: read an object again, write records back, and prove that both
sides are equal.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from cli.stores import object_store
from clients.database.connect import connect_postgres
from clients.temporal.run_kinds import BACKFILL, RECONCILE
from clients.temporal.runs import run_handle, start_run
from schemas.backfill import BackfillInput
from schemas.catalogue import load_catalogue
from schemas.reconcile import Depth, ReconcileInput, ReconcileState, Verdict
from schemas.writeback.messages import WritebackState
from workers.addresses import operational_address
from workers.clients import connect_temporal, open_warehouse
from workers.intake import writeback_intake, writeback_queues
from workers.settings import Settings

WRITEBACKS = 2_000
"""Writebacks of the demo: two full batches and some change."""
_OBJECT = "Case"
_PATIENCE_SECONDS = 300.0
_SETTLE = timedelta(seconds=15)
"""The time that the stream may take to bring a change, after a surge that was applied within
seconds.
"""
_ON_THE_WAY = [WritebackState.WAITING, WritebackState.OPEN]
Show = Callable[[str], None]


@dataclass
class DemoSteps:
    """The acts on one engine."""

    settings: Settings
    show: Show
    """Told what is being done."""

    async def all(self) -> dict[str, Any]:
        """Do them one after the other; returns their figures."""
        client = await connect_temporal(self.settings)
        figures: dict[str, Any] = {}
        for name, act in (
            ("backfill", self._backfill),
            ("writebacks", self._write_back),
            ("reconciliation", self._reconcile),
        ):
            figures[name] = await self._timed(name, act, client)
        return figures

    async def _timed(
        self, name: str, act: Callable[[Client], Awaitable[dict[str, Any]]], client: Client
    ) -> dict[str, Any]:
        self.show(name)
        began = time.monotonic()
        found = await act(client)
        return {**found, "seconds": round(time.monotonic() - began, 1)}

    async def _backfill(self, client: Client) -> dict[str, Any]:
        request = BackfillInput(
            org=self.settings.salesforce.org_id, object=_OBJECT, window="demo", by="demo", reason="demo"
        )
        state = await run_handle(client, BACKFILL, await start_run(client, BACKFILL, request)).result()
        return {"object": _OBJECT, "rows": state.counts.rows, "stage": state.stage}

    async def _write_back(self, client: Client) -> dict[str, Any]:
        """Change a field of records that are there, and wait until each is in the org or somebody
        has to act.
        """
        accepted = await asyncio.to_thread(self._submit)
        async with writeback_queues(client, self.settings) as queues:
            await queues.wake(_OBJECT)
        ends = time.monotonic() + _PATIENCE_SECONDS
        while await asyncio.to_thread(self._under_way) and time.monotonic() < ends:  # noqa: ASYNC110 -- others do it
            await asyncio.sleep(0.5)
        return {"accepted": accepted, **await asyncio.to_thread(self._written)}

    def _submit(self) -> int:
        settings = self.settings
        catalogue = load_catalogue(settings.catalogue)
        warehouse = open_warehouse(settings)
        with closing(warehouse):
            with warehouse.reading() as reading:
                rows = reading.fetch(
                    "SELECT c.external_id FROM curated.case_current AS c WHERE c.external_id IS NOT NULL "
                    f"AND NOT c.is_deleted ORDER BY c.external_id LIMIT {WRITEBACKS}"
                )
            items = [
                {
                    "object": _OBJECT,
                    "external_id": external_id,
                    "key": f"demo-{external_id}",
                    "fields": {"DecisionText__c": f"Decided in the demo, record {external_id}."},
                }
                for (external_id,) in rows
            ]
            store = object_store(settings)
            with writeback_intake(settings, catalogue, store, warehouse) as intake:
                return len(intake.submit("demo", items).accepted)

    def _under_way(self) -> int:
        return int(self._ask("SELECT count(*) FROM writeback WHERE state = ANY(%s)", [_ON_THE_WAY])[0][0])

    def _written(self) -> dict[str, Any]:
        states = dict(self._ask("SELECT state, count(*) FROM writeback GROUP BY state"))
        (took,) = self._ask(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.99) WITHIN GROUP (ORDER BY took) "
            "FROM (SELECT extract(epoch FROM done_at - accepted_at) AS took FROM writeback WHERE done_at IS NOT NULL) AS done"
        )
        (calls,) = self._ask("SELECT coalesce(sum(calls), 0) FROM writeback_batch")[0]
        return {
            "done": states.pop(WritebackState.DONE, 0),
            "not_done": states,
            "seconds_to_done": {
                name: round(float(value or 0), 1) for name, value in zip(("p50", "p99"), took, strict=True)
            },
            "calls": int(calls),
        }

    def _ask(self, query: str, values: list[Any] | None = None) -> list[Any]:
        with connect_postgres(operational_address(self.settings.operational)) as connection:
            return connection.execute(query.encode(), values).fetchall()

    async def _reconcile(self, client: Client) -> dict[str, Any]:
        """Every object by its buckets, and the one that was written back record by record."""
        names = load_catalogue(self.settings.catalogue).objects
        states = await asyncio.gather(*(self._reconciled(client, name) for name in names))
        return {
            "verdicts": {state.object: str(state.verdict) for state in states},
            "differences": sum(state.found for state in states),
            "calls": sum(state.calls for state in states),
        }

    async def _reconciled(self, client: Client, name: str) -> ReconcileState:
        request = ReconcileInput(
            org=self.settings.salesforce.org_id,
            object=name,
            depth=Depth.IDS if name == _OBJECT else Depth.BUCKETS,
            settle=_SETTLE,
            by="demo",
            reason="demo",
        )
        started = await start_run(client, RECONCILE, request)
        state: ReconcileState = await run_handle(client, RECONCILE, started).result()
        return state


def run_acts(settings: Settings, show: Show) -> dict[str, Any]:
    """Do everything on the engine of these settings."""
    return asyncio.run(DemoSteps(settings, show).all())


def judge_acts(figures: dict[str, Any]) -> dict[str, bool]:
    """Sentence of what does not hold -> whether it holds."""
    written = figures["writebacks"]
    verdicts = figures["reconciliation"]["verdicts"]
    unequal = [name for name, verdict in verdicts.items() if verdict != Verdict.EQUAL]
    return {
        f"the backfill ended as {figures['backfill']['stage']}": figures["backfill"]["stage"] == "done",
        f"{written['accepted'] - written['done']} writebacks are not done: {written['not_done']}": written[
            "accepted"
        ]
        == written["done"],
        f"reconciliation found differences or isolated fields in {', '.join(unequal)}": not unequal,
    }
