"""One file a resource. What can be run is in `RUNS`: a row a kind."""

from fastapi import APIRouter

from api.routes import (
    audit,
    backfills,
    budgets,
    catalogue,
    codec,
    erasures,
    health,
    keys,
    lanes,
    leases,
    ledger,
    plan,
    quality,
    quarantine,
    reconciliations,
    replays,
    retention,
    status,
)
from api.routes.records import changes, point as record_point, search as record_search
from api.routes.webhooks import routes as webhooks
from api.routes.writeback import control as writeback_control, files as writeback_files, writebacks
from api.runs.kinds import RunResource
from api.runs.routes import run_router

RUNS: tuple[RunResource, ...] = (
    backfills.RESOURCE,
    replays.RESOURCE,
    reconciliations.RESOURCE,
    erasures.RESOURCE,
    keys.RESOURCE,
    retention.RESOURCE,
)

ROUTERS: tuple[APIRouter, ...] = (
    status.router,
    record_search.router,  # its /by would else be taken for a part of an id
    record_point.router,
    changes.router,
    webhooks.router,
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
    erasures.router,
    catalogue.router,
    keys.router,
    plan.router,
    codec.router,
    health.router,
)
