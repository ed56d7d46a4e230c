"""The ledger by batch: a lane, the list of what was applied, and one batch."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from api.console.live import View, Visit
from api.console.parts_asked import Asked, ask, ask_thread
from api.dependencies import Dependencies
from api.problems import not_found
from api.routes.ledger import LedgerRow
from clients.temporal.lanes import find_lane
from clients.temporal.run_views import look
from clients.warehouse.sql import ledger as sql, replay as quarantine_sql
from schemas.ids import batch_workflow_id, lane_workflow_id
from schemas.status import FRESHNESS_TARGET, LaneStatus

_SHOWN = 60


async def ledger(visit: Visit) -> View:
    """The newest rows, of a lane or an object when the query names one."""
    lane, object_name = visit.word("lane"), visit.word("object")
    rows = await ask_thread("the ledger", _rows, visit.parts, lane, object_name)
    values = {"rows": rows, "target": FRESHNESS_TARGET, "lags": lags}
    return View("Ledger", "ledger.html", "tidegate status", values, form="ledger.html", section="Ledger")


async def lane(visit: Visit) -> View:
    """One lane: its state, where the time goes, and its batches."""
    parts, name = visit.parts, visit.part("lane")
    status, workflow, rows = await asyncio.gather(
        ask("the lane's status", parts.look.recent()),
        ask("the lane's workflow", find_lane(parts.client, parts.org, name)),
        ask_thread("the ledger", _rows, parts, name, ""),
    )
    found = _lane_of(status.value.status.lanes if status.value else (), name)
    if found is None and status.is_known and workflow.is_known and workflow.value is None and not rows.value:
        raise not_found("lane", "/console")
    values = {
        "lane": name,
        "status": status,
        "found": found,
        "problems": [
            each for each in (status.value.status.problems if status.value else ()) if each.subject == name
        ],
        "workflow": workflow,
        "web_ui": parts.web_ui(lane_workflow_id(parts.org, name)),
        "rows": rows,
        "lag": _lag(rows, found),
        "target": FRESHNESS_TARGET,
        "lags": lags,
        "chart": _chart(rows),
    }
    return View(f"Lane {name}", "lane.html", f"tidegate lane show {name}", values, section="Overview")


async def batch(visit: Visit) -> View:
    """One batch: each object's counts, where the time went, and what was refused."""
    parts, name = visit.parts, visit.part("batch")
    rows, refused = await asyncio.gather(
        ask_thread("the ledger", _of_batch, parts, name),
        ask_thread("its refused changes", _refused, parts, name),
    )
    if rows.is_known and not rows.value and not refused.value:
        raise not_found("batch", "/console/ledger")
    lane_name, _, start = name.rpartition("/")
    workflow_id = batch_workflow_id(parts.org, lane_name, start)
    values = {
        "batch": name,
        "lane": lane_name,
        "rows": rows,
        "refused": refused,
        "workflow_id": workflow_id,
        "run": await ask("the batch's workflow", look(parts.client, workflow_id)),
        "web_ui": parts.web_ui(workflow_id),
        "target": FRESHNESS_TARGET,
        "lags": lags,
    }
    command = f"tidegate quarantine list --batch {name}"
    return View(f"Batch {name}", "batch.html", command, values, section="Ledger")


def lags(row: LedgerRow) -> tuple[timedelta | None, timedelta]:
    """Of the batch's last change: theirs (commit to received), and ours (received to curated)."""
    theirs = None if row.last_changed_at is None else row.last_received_at - row.last_changed_at
    return theirs, row.committed_at - row.last_received_at


def _rows(parts: Dependencies, lane_name: str, object_name: str) -> list[LedgerRow]:
    chosen = [part for each in (lane_name, object_name) for part in (each, each)]
    with parts.warehouse.transaction() as transaction:
        found = transaction.fetch(sql.list_ledger(_SHOWN), chosen)
    return [LedgerRow(**dict(zip(LedgerRow.model_fields, row, strict=True))) for row in found]


def _of_batch(parts: Dependencies, name: str) -> list[tuple[LedgerRow, str, datetime]]:
    with parts.warehouse.transaction() as transaction:
        found = transaction.fetch(sql.find_batch(), [name])
    return [
        (LedgerRow(**dict(zip(LedgerRow.model_fields, row[:-2], strict=True))), row[-2], row[-1])
        for row in found
    ]


def _refused(parts: Dependencies, name: str) -> list[tuple[Any, ...]]:
    chosen = ["", "", "", "", name, name]
    with parts.warehouse.transaction() as transaction:
        return transaction.fetch(quarantine_sql.list_quarantine(_SHOWN, acknowledged=True), chosen)


def _lane_of(lanes: tuple[LaneStatus, ...], name: str) -> LaneStatus | None:
    return next((each for each in lanes if each.lane == name), None)


def _lag(rows: Asked[list[LedgerRow]], found: LaneStatus | None) -> dict[str, Any] | None:
    """Of the newest batch: theirs, ours; and since when the lane has been idle."""
    if not rows.value:
        return None
    newest = rows.value[0]
    theirs, ours = lags(newest)
    received = newest.last_received_at
    if found is not None and found.received_at is not None:
        received = max(received, found.received_at)
    return {"theirs": theirs, "ours": ours, "received_at": received, "row": newest}


def _chart(rows: Asked[list[LedgerRow]]) -> dict[str, Any] | None:
    """Seconds of the slowest object of each batch, the oldest first, for the script."""
    by_batch: dict[str, tuple[datetime, float | None, float]] = {}
    for row in reversed(rows.value or []):
        theirs, ours = lags(row)
        at, slowest, longest = by_batch.get(row.batch, (row.committed_at, None, 0.0))
        seconds = None if theirs is None else round(theirs.total_seconds(), 3)
        known = [each for each in (slowest, seconds) if each is not None]
        longest = max(longest, round(ours.total_seconds(), 3))
        by_batch[row.batch] = (max(at, row.committed_at), max(known, default=None), longest)
    points = sorted(by_batch.values(), key=lambda each: each[0])
    if len(by_batch) < 2:
        return None
    return {
        "x": [at.timestamp() for at, _, _ in points],
        "series": [[each[1] for each in points], [each[2] for each in points]],
        "names": ["theirs: commit to received", "ours: received to curated"],
        "dashes": [1, 0],
        "unit": " s",
    }
