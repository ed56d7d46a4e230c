"""keep_report: what a reconciliation has found goes into the bucket as JSON, and as a row into
`ops.reconciliation`.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
from temporalio import activity

from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.sql import apply as sql
from schemas import names
from schemas.ids import reconcile_key
from schemas.ops_tables import RECONCILIATION_COLUMNS
from schemas.reconcile import ReconcileState
from schemas.reconcile_steps import KeepReportInput


@dataclass
class Reports:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore

    @activity.defn(name=names.KEEP_REPORT)
    async def keep_report(self, request: KeepReportInput) -> str:
        """Keep the report; returns its key. Kept twice, it is kept once."""
        return await asyncio.to_thread(self._keep, request)

    def _keep(self, request: KeepReportInput) -> str:
        state = request.state
        key = reconcile_key(state.org, state.object, state.run, "report.json")
        report = state.model_copy(update={"report_key": key}).model_dump(mode="json") | {
            "sentence": state.sentence(),
            "calls": state.calls,
            "isolated_fields": self._isolated(state),
            "differences": [each for found in request.found_keys for each in self._list(found)],
            "left_differences": [each for left in request.left_keys for each in self._list(left)],
        }
        self.store.put(key, orjson.dumps(report, option=orjson.OPT_INDENT_2))
        with self.warehouse.transaction() as transaction:
            transaction.lock_object("reconciliation")
            known = transaction.fetch(sql.find_run(), [state.run, state.object])
            if not known:
                statement = sql.insert_row(sql.RECONCILIATION, RECONCILIATION_COLUMNS)
                transaction.execute(statement, _row(state, key))
        return key

    def _isolated(self, state: ReconcileState) -> list[Any]:
        key = None if state.isolated is None else state.isolated.key
        return [] if key is None else self._list(key)

    def _list(self, key: str) -> list[Any]:
        listed: list[Any] = orjson.loads(self.store.get(key))
        return listed


def _row(state: ReconcileState, key: str) -> list[Any]:
    altered = 0 if state.log is None else state.log.altered
    counts = (state.org_records, state.warehouse_records, state.found, state.repaired, altered, state.calls)
    named = (state.run, state.object, state.window, str(state.depth))
    isolated = None if state.isolated is None else state.isolated.fields
    return [*named, state.as_of, str(state.verdict), *counts, key, state.began_at, state.ended_at, isolated]
