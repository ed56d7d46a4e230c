"""The engine's state: lanes, running work, freshness, quarantine, budgets. Read-only; no call to
Salesforce.
"""

import asyncio
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from cli.run_control import rows_of
from cli.runs import RunRow
from cli.status.quality import QualityView, quality_view
from cli.status.work import OtherWork, WritebackLine, other_work, writebacks
from clients.temporal.run_kinds import BACKFILL
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.sql import apply as sql
from schemas import names
from schemas.ids import READING_LANES, lane_workflow_id
from schemas.ingest.messages import LaneState
from workers.budget_words import Budgets, budgets_of
from workers.clients import connect_temporal
from workers.lanes import lane_handle
from workers.settings import Settings

RECENT_MINUTES = 10
"""Freshness and rates are those of the batches committed within this time."""


@dataclass(frozen=True)
class LaneLine:
    """A lane and how far it is."""

    lane: str
    state: str
    """following, paused, or not started."""
    channel: str
    because: str
    landed_position: str
    """End of the last batch in the ledger; "" when there is none."""
    last_received_at: datetime | None
    batches_under_way: int


@dataclass(frozen=True)
class ObjectLine:
    """An object's ledger: totals, and the slowest change of each recent batch."""

    object: str
    landed: int
    applied: int
    duplicate: int
    quarantined: int
    changes_per_minute: float
    freshness_p50_seconds: float | None
    """Commit to curated of a recent batch's slowest change, median over the batches of lanes; None
    without recent batches.
    """
    freshness_max_seconds: float | None
    newest_change_at: datetime | None


@dataclass(frozen=True)
class ReconciledView:
    """The last reconciliation of an object."""

    object: str
    depth: str
    as_of: datetime
    verdict: str
    found: int
    repaired: int
    altered: int
    calls: int
    isolated: int | None = None
    """Fields that were unknown at its end; None: a run of an older release."""


@dataclass(frozen=True)
class Overview:
    """Everything `tidegate status` shows."""

    at: datetime
    org: str
    lanes: list[LaneLine]
    objects: list[ObjectLine]
    quarantine: dict[str, int]
    """Reason -> changes."""
    balanced: bool
    """Law 8 over the whole ledger."""
    budgets: Budgets
    backfills: list[RunRow] = field(default_factory=list)
    """Running ones, repairs among them."""
    reconciled: list[ReconciledView] = field(default_factory=list)
    writebacks: WritebackLine = field(default_factory=lambda: WritebackLine([], [], []))
    other: OtherWork = field(default_factory=lambda: OtherWork({}, {}, 0))
    quality: QualityView | None = None
    """None: it could not be asked."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        return asdict(self) | {
            "backfills": [asdict(each) | {"window": each.name} for each in self.backfills],
            "budgets": self.budgets.as_json(),
            "writebacks": self.writebacks.as_json(),
            "quality": "unknown" if self.quality is None else self.quality.as_json(),
        }


async def overview(settings: Settings) -> Overview:
    """Ask Temporal and the warehouse."""
    client = await connect_temporal(settings)
    with (
        translated_psycopg("the warehouse"),
        psycopg.connect(settings.warehouse.dsn.get_secret_value(), connect_timeout=5) as connection,
    ):
        objects = _objects(connection)
        quarantine = _quarantine(connection)
        positions = _positions(connection)
        reconciled = _reconciled(connection)
        other = await other_work(client, connection, settings.salesforce.org_id)
        quality = quality_view(connection)
    written = await asyncio.to_thread(writebacks, settings)
    org = settings.salesforce.org_id
    lanes = [await _lane(client, org, name, positions) for name in await _lane_names(client, settings)]
    balanced = all(view.landed == view.applied + view.duplicate + view.quarantined for view in objects)
    budgets = await budgets_of(client, org)
    backfills = await rows_of(client, settings, BACKFILL, status="running")
    return Overview(
        datetime.now(UTC),
        org,
        lanes,
        objects,
        quarantine,
        balanced,
        budgets,
        backfills,
        reconciled,
        written,
        other,
        quality,
    )


async def _lane_names(client: Client, settings: Settings) -> list[str]:
    """The lanes that are configured, or those that the planner has started."""
    if not settings.planner.on:
        return [lane.name for lane in settings.lanes]
    prefix = lane_workflow_id(settings.salesforce.org_id, "")
    running = f'WorkflowType = "{names.LANE_WORKFLOW}" AND ExecutionStatus = "Running"'
    found = [each.id async for each in client.list_workflows(running)]
    return sorted(each.removeprefix(prefix) for each in found if each.startswith(prefix))


async def _lane(client: Client, org: str, lane: str, positions: dict[str, tuple[str, datetime]]) -> LaneLine:
    position, received_at = positions.get(lane, ("", None))
    state = await _lane_state(client, org, lane)
    running = f'WorkflowType = "{names.CHANGE_BATCH_WORKFLOW}" AND ExecutionStatus = "Running" AND SfLane = "{lane}"'
    return LaneLine(
        lane=lane,
        state="not started" if state is None else "paused" if state.paused else "following",
        channel=(state.channel or state.object) if state else "",
        because=state.paused_because if state else "start a worker: tidegate worker",
        landed_position=position,
        last_received_at=received_at,
        batches_under_way=(await client.count_workflows(running)).count,
    )


async def _lane_state(client: Client, org: str, lane: str) -> LaneState | None:
    handle = lane_handle(client, org, lane)
    try:
        description = await handle.describe()
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return None
        state: LaneState = await handle.query(names.LANE_STATE, result_type=LaneState)
        return state
    except RPCError:
        return None


def _objects(connection: psycopg.Connection) -> list[ObjectLine]:
    # What a backfill reads is old; it says nothing of how fresh the lanes keep the object.
    followed = " AND ".join(f"lane NOT LIKE '{prefix}%'" for prefix in READING_LANES)
    recent = f"committed_at > NOW() - INTERVAL '{RECENT_MINUTES} minutes' AND {followed}"
    slowest = "EXTRACT(EPOCH FROM committed_at - first_changed_at)"
    query = f"""
        SELECT object, SUM(landed), SUM(applied), SUM(duplicate), SUM(quarantined),
               COALESCE(SUM(CASE WHEN {recent} THEN landed END), 0) / {float(RECENT_MINUTES)},
               PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY CASE WHEN {recent} THEN {slowest} END),
               MAX(CASE WHEN {recent} THEN {slowest} END),
               MAX(last_changed_at)
        FROM {sql.LEDGER} GROUP BY object ORDER BY object
    """
    views = []
    for name, landed, applied, duplicate, quarantined, rate, median, worst, newest in connection.execute(
        query.encode()
    ):
        views.append(
            ObjectLine(
                object=name or "(unreadable)",
                landed=int(landed),
                applied=int(applied),
                duplicate=int(duplicate),
                quarantined=int(quarantined),
                changes_per_minute=round(float(rate), 1),
                freshness_p50_seconds=None if median is None else round(float(median), 1),
                freshness_max_seconds=None if worst is None else round(float(worst), 1),
                newest_change_at=newest,
            )
        )
    return views


def _quarantine(connection: psycopg.Connection) -> dict[str, int]:
    query = f"SELECT reason, COUNT(*) FROM {sql.QUARANTINE} WHERE resolved_at IS NULL AND acknowledged_at IS NULL GROUP BY reason ORDER BY reason"
    return {reason: int(count) for reason, count in connection.execute(query.encode())}


def _positions(connection: psycopg.Connection) -> dict[str, tuple[str, datetime]]:
    query = f"""
        SELECT l.lane, l.end_position, l.last_received_at FROM {sql.LEDGER} AS l
        JOIN (SELECT lane, MAX(last_received_at) AS newest FROM {sql.LEDGER} GROUP BY lane) AS n
          ON n.lane = l.lane AND n.newest = l.last_received_at
    """
    return {lane: (position, received) for lane, position, received in connection.execute(query.encode())}


def _reconciled(connection: psycopg.Connection) -> list[ReconciledView]:
    query = f"""
        SELECT r.object, r.depth, r.as_of, r.verdict, r.found, r.repaired, r.altered, r.calls, r.isolated FROM {sql.RECONCILIATION} AS r
        JOIN (SELECT object, MAX(ended_at) AS newest FROM {sql.RECONCILIATION} GROUP BY object) AS n
          ON n.object = r.object AND n.newest = r.ended_at
        ORDER BY r.object
    """
    return [ReconciledView(*row) for row in connection.execute(query.encode())]
