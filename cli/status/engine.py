"""The engine's state for the terminal: one look, and the runs that are under way.

Nothing that does not answer hides the rest: it is null, and `unknown` names it.
"""

import asyncio
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from cli.run_control import rows_of
from cli.runs import RunRow
from cli.status.quality import ObjectQuality, QualityView
from cli.status.work import OtherWork, WritebackLine, running_replays, writebacks
from clients.temporal.run_kinds import BACKFILL
from clients.warehouse.sql.status import RECENT_MINUTES
from schemas.status import EngineStatus, LaneState, LaneStatus, ObjectStatus
from schemas.status_facts import LookFacts, ObjectLedger, Reconciled, WarehouseFacts
from workers.budget_summary import Budgets
from workers.clients import connect_temporal
from workers.settings import Settings
from workers.status import Look, StatusLook
from workers.status.asking import answered

__all__ = ["RECENT_MINUTES", "Overview", "overview"]


@dataclass(frozen=True)
class Overview:
    """Everything `tidegate status` shows."""

    look: Look
    backfills: list[RunRow] | None
    """Running ones, repairs among them; None: Temporal did not say."""
    replays: dict[str, str] | None
    """Key -> stage of running ones; None: Temporal did not say."""

    @property
    def status(self) -> EngineStatus:
        """States and problems."""
        return self.look.status

    @property
    def facts(self) -> LookFacts:
        """The answers that they follow from."""
        return self.look.facts

    @property
    def warehouse(self) -> WarehouseFacts:
        """The warehouse's answers; all of them None when it gave none."""
        return self.facts.warehouse or WarehouseFacts()

    @property
    def budgets(self) -> Budgets | None:
        """None: the governor could not be asked."""
        return self.look.budgets

    @property
    def is_balanced(self) -> bool | None:
        """Law 8 over the last 24 hours; None: not known."""
        rows = self.warehouse.ledger
        return None if rows is None else not any(row.imbalance for row in rows)

    @property
    def quality(self) -> QualityView | None:
        """None: it could not be asked."""
        found, holds = self.warehouse.quality, self.warehouse.holds
        if found is None or holds is None:
            return None
        objects = [ObjectQuality(**each.model_dump()) for each in found]
        return QualityView(objects, {hold.object: hold.reason for hold in holds})

    @property
    def other(self) -> OtherWork:
        """Replays, changes to be read again, drift."""
        warehouse = self.warehouse
        rereads = {each.object: each.changes for each in warehouse.rereads or ()}
        return OtherWork(self.replays or {}, rereads, warehouse.drift or 0)

    @property
    def writebacks(self) -> WritebackLine | None:
        """None: the operational store did not answer."""
        return None if self.facts.writebacks is None else writebacks(self.facts.writebacks)

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        status, warehouse = self.status, self.warehouse
        refused, rows = warehouse.quarantine, warehouse.reconciled
        ledger = {row.object: row for row in warehouse.ledger or ()}
        backfills = self.backfills
        return {
            "at": status.at,
            "org": status.org,
            "took": status.took.total_seconds(),
            "problems": [each.model_dump(mode="json") for each in status.problems],
            "unknown": list(status.unknown),
            "remotes": [each.model_dump(mode="json") for each in status.remotes],
            "roles": [each.model_dump(mode="json") for each in status.roles],
            "deployment": None
            if self.facts.deployment is None
            else self.facts.deployment.model_dump(mode="json"),
            "lanes": [_lane_json(each) for each in status.lanes],
            "objects": [_object_json(each, ledger.get(each.object)) for each in status.objects],
            "quarantine": None if refused is None else {each.reason: each.changes for each in refused},
            "balanced": self.is_balanced,
            "budgets": "unknown" if self.budgets is None else self.budgets.as_json(),
            "backfills": None
            if backfills is None
            else [asdict(each) | {"window": each.name} for each in backfills],
            "reconciled": None if rows is None else [_reconciled_json(each) for each in rows],
            "writebacks": None if self.writebacks is None else self.writebacks.as_json(),
            "other": asdict(self.other),
            "quality": "unknown" if self.quality is None else self.quality.as_json(),
        }


async def overview(look: StatusLook, settings: Settings) -> Overview:
    """One look; what runs is asked at the same time."""
    if look.client is None:
        look.client = await connect_temporal(settings, lazy=True)
    client, org = look.client, settings.salesforce.org_id
    found, backfills, replays = await asyncio.gather(
        look.look(),
        answered(lambda: rows_of(client, settings, BACKFILL, status="running")),
        answered(lambda: running_replays(client, org)),
    )
    return Overview(found, backfills.value, replays.value)


def is_at_rest(lane: LaneStatus) -> bool:
    """True for a lane that the planner paused because its object goes by another way."""
    return lane.state is LaneState.PAUSED and lane.by == "planner"


def _lane_json(lane: LaneStatus) -> dict[str, Any]:
    # The names of the release before come first.
    return {
        "lane": lane.lane,
        "state": str(lane.state),
        "channel": lane.channel,
        "because": lane.because,
        "landed_position": lane.position,
        "last_received_at": lane.received_at,
        "batches_under_way": lane.unapplied_batches,
        **lane.model_dump(mode="json", exclude={"lane", "state", "channel", "because"}),
    }


def _object_json(found: ObjectStatus, ledger: ObjectLedger | None) -> dict[str, Any]:
    counts = ("landed", "applied", "duplicate", "quarantined")
    return {
        "object": found.object,
        **{name: getattr(ledger, name) if ledger else 0 for name in counts},
        "changes_per_minute": found.changes_per_minute or 0.0,
        "freshness_p50_seconds": _seconds(found.freshness_p50),
        "freshness_max_seconds": _seconds(found.freshness_max),
        "newest_change_at": found.newest_change_at,
        "oldest_unapplied_at": found.oldest_unapplied_at,
        "held": found.held,
    }


def _reconciled_json(row: Reconciled) -> dict[str, Any]:
    return row.model_dump(mode="json", exclude={"ended_at"})


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds(), 1)
