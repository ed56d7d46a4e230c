"""Looks at an engine that is well, but for what a test changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.status import EngineStatus, Health, RemoteStatus, RoleStatus
from schemas.status_facts import ArchiveFacts, LookFacts, WarehouseFacts
from schemas.writeback.status_facts import WritebackFacts
from transforms.status.engine import engine_status

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
NAMES = ("salesforce", "temporal", "warehouse", "operational", "s3", "kms")
ROLES = ("lanes", "batches", "writebacks", "backfill", "any")
NOTHING = WarehouseFacts(
    ledger=(),
    positions=(),
    holds=(),
    quarantine=(),
    reconciled=(),
    rereads=(),
    drift=0,
    quality=(),
    archive=ArchiveFacts(sources=(), since=None),
)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def remotes(**health: Health) -> tuple[RemoteStatus, ...]:
    return tuple(RemoteStatus(name=name, health=health.get(name, Health.UP)) for name in NAMES)


def roles(*down: str) -> tuple[RoleStatus, ...]:
    return tuple(RoleStatus(role=role, health=Health.DOWN if role in down else Health.UP) for role in ROLES)


def look(**changed: Any) -> EngineStatus:
    """A look at an engine that is well, but for what is changed."""
    well: dict[str, Any] = {
        "at": NOW,
        "org": "o",
        "remotes": remotes(),
        "roles": roles(),
        "lanes": (),
        "backlog": (),
        "warehouse": NOTHING,
        "writebacks": WritebackFacts(standings=(), pauses=()),
        "governor": "running",
        "failed_runs": (),
        "stuck_erasures": (),
        "backfills": (),
    }
    return engine_status(LookFacts(**well | changed), timedelta(0))


def codes(found: EngineStatus) -> list[tuple[str, str, str]]:
    return [(str(each.severity), each.code, each.subject) for each in found.problems]


def in_warehouse(**changed: Any) -> EngineStatus:
    return look(warehouse=NOTHING.model_copy(update=changed))
