"""Reconciliations: whether the warehouse equals the org, by object, and how it was found out."""

from dataclasses import dataclass
from datetime import datetime

from api.console.live import View, Visit
from api.console.parts_asked import ask_thread
from api.dependencies import Dependencies
from clients.warehouse.sql import reconcile as sql

_SHOWN = 60


@dataclass(frozen=True)
class Compared:
    """One reconciliation, as `ops.reconciliation` has it."""

    object: str
    window: str
    depth: str
    as_of: datetime
    verdict: str
    org_records: int | None
    warehouse_records: int | None
    found: int
    repaired: int
    altered: int
    calls: int
    began_at: datetime
    ended_at: datetime
    isolated: int | None


async def reconciliation(visit: Visit) -> View:
    """The newest of each object first, then all of them."""
    object_name = visit.word("object")
    rows = await ask_thread("reconciliations", _rows, visit.parts, object_name)
    newest: dict[str, Compared] = {}
    for row in rows.value or []:
        newest.setdefault(row.object, row)
    objects = list(visit.parts.catalogue.objects)
    values = {
        "rows": rows,
        "newest": newest,
        "never": [name for name in objects if name not in newest] if not object_name else [],
        "schedule": visit.parts.settings.reconciliation,
    }
    command = f"tidegate reconcile list --object {object_name}" if object_name else "tidegate reconcile list"
    return View("Reconciliation", "reconciliation.html", command, values, section="Reconciliation")


def _rows(parts: Dependencies, object_name: str) -> list[Compared]:
    with parts.warehouse.transaction() as transaction:
        found = transaction.fetch(sql.list_reconciliations(_SHOWN), [object_name, object_name])
    return [Compared(*row) for row in found]
