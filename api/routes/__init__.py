"""One file a resource. What can be run is in `RUNS`: a row a kind."""

from fastapi import APIRouter

from api.routes import (
    audit,
    backfills,
    budgets,
    catalogue,
    health,
    lanes,
    leases,
    ledger,
    plan,
    quality,
    quarantine,
    reconciliations,
    replays,
    writeback_control,
    writeback_files,
    writebacks,
)
from api.run_routes import run_router
from api.runs import RunKind

RUNS: tuple[RunKind, ...] = (backfills.KIND, replays.KIND, reconciliations.KIND)

ROUTERS: tuple[APIRouter, ...] = (
    *map(run_router, RUNS),
    lanes.router,
    budgets.router,
    leases.router,
    writeback_control.router,  # its /pauses would else be taken for a number
    writebacks.router,
    writeback_files.router,
    quality.router,
    quarantine.router,
    ledger.router,
    audit.router,
    catalogue.router,
    plan.router,
    health.router,
)
