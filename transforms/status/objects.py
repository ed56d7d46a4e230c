"""Each object's freshness: of what was applied, and of what waits."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from schemas.status import LaneStatus, ObjectStatus
from schemas.status_facts import LaneBacklog, LanePosition, LookFacts, ObjectLedger, WarehouseFacts


def object_statuses(facts: LookFacts) -> tuple[ObjectStatus, ...]:
    """Every object with rows in the ledger, landed changes that wait, or a hold; by name."""
    warehouse = facts.warehouse or WarehouseFacts()
    ledger = {row.object: row for row in warehouse.ledger or ()}
    holds = {hold.object: hold.reason for hold in warehouse.holds or ()}
    waiting = oldest_by_object(facts.backlog or ())
    names = sorted({*ledger, *holds, *waiting})
    return tuple(_status(name, ledger.get(name), waiting, holds.get(name, "")) for name in names)


def _status(
    name: str, ledger: ObjectLedger | None, waiting: Mapping[str, datetime], held: str
) -> ObjectStatus:
    return ObjectStatus.model_validate(
        {
            "object": name,
            "changes_per_minute": ledger.changes_per_minute if ledger else None,
            "freshness_p50": ledger.freshness_p50 if ledger else None,
            "freshness_p95": ledger.freshness_p95 if ledger else None,
            "freshness_p99": ledger.freshness_p99 if ledger else None,
            "freshness_max": ledger.freshness_max if ledger else None,
            "newest_change_at": ledger.newest_change_at if ledger else None,
            "oldest_unapplied_at": waiting.get(name),
            "held": held,
        }
    )


def oldest_by_object(backlog: Iterable[LaneBacklog]) -> dict[str, datetime]:
    """Object -> commit time of its oldest change that is landed and not applied."""
    found: dict[str, datetime] = {}
    for lane in backlog:
        for name, at in lane.objects.items():
            found[name] = min(at, found.get(name, at))
    return found


def with_backlog(
    lanes: Iterable[LaneStatus],
    backlog: tuple[LaneBacklog, ...] | None,
    positions: Iterable[LanePosition],
) -> tuple[LaneStatus, ...]:
    """The lanes with what is landed and not applied, and the ledger's position where the lane has
    none of its own.
    """
    waits = None if backlog is None else {each.lane: each for each in backlog}
    landed = {each.lane: each for each in positions}
    return tuple(_with_backlog(lane, waits, landed.get(lane.lane)) for lane in lanes)


def _with_backlog(
    lane: LaneStatus, waits: Mapping[str, LaneBacklog] | None, landed: LanePosition | None
) -> LaneStatus:
    changed: dict[str, object] = {}
    if waits is not None:
        found = waits.get(lane.lane)
        changed = {
            "unapplied_batches": found.batches if found else 0,
            "unapplied_changes": found.changes if found else 0,
            "oldest_unapplied_at": found.oldest_at if found else None,
        }
    if landed is not None:
        changed |= {
            "position": lane.position or landed.position,
            "position_at": lane.position_at or landed.changed_at,
            "received_at": max(filter(None, (lane.received_at, landed.received_at))),
        }
    return lane.model_copy(update=changed)
