"""Samples of the stores and the governor, from a look."""

from datetime import datetime

from schemas.governor import Forecast, LeaseClass
from schemas.status_facts import LookFacts, WarehouseFacts, WritebackFacts
from workers.metrics import families as of
from workers.metrics.families import Sheet

DAY_SECONDS = 86_400.0
"""Shown for what does not happen within the 24 hours of a forecast."""


def put_facts(sheet: Sheet, facts: LookFacts) -> None:
    """Add every number of a look beside its status."""
    if facts.warehouse is not None:
        _put_warehouse(sheet, facts.warehouse)
    if facts.writebacks is not None:
        _put_writebacks(sheet, facts.writebacks)
    for each in facts.forecasts:
        if each.maximum is not None:
            _put_budget(sheet, each, each.maximum, facts.at)
    if facts.reconcile_period is not None:
        sheet.put(of.RECONCILIATION_PERIOD, facts.reconcile_period.total_seconds())


def _put_warehouse(sheet: Sheet, facts: WarehouseFacts) -> None:
    for refused in facts.quarantine or ():
        sheet.put(of.QUARANTINE, refused.changes, refused.reason)
    for name, count in (facts.rereads or {}).items():
        sheet.put(of.REREADS, count, name)
    if facts.ledger is not None:
        sheet.put(of.LEDGER_IMBALANCE, sum(each.imbalance for each in facts.ledger))
    for each in facts.reconciled or ():
        sheet.put(of.RECONCILED_AT, each.ended_at, each.object, each.depth)
        kinds = {"found": each.found, "unrepaired": each.found - each.repaired, "altered": each.altered}
        for kind, count in kinds.items():
            sheet.put(of.DIFFERENCES, max(0, count), each.object, kind)
    sheet.put(of.DRIFT_FIELDS, facts.drift)


def _put_writebacks(sheet: Sheet, facts: WritebackFacts) -> None:
    for each in facts.standings:
        states = {"waiting": each.waiting, "open": each.open, "held": each.held, "dead": each.dead}
        for state, count in states.items():
            sheet.put(of.WRITEBACKS, count, each.object, state)
        sheet.put(of.WRITEBACK_OLDEST_AT, each.oldest_waiting_at, each.object)
    for unknown in facts.unknown:
        sheet.put(of.WRITEBACKS, unknown.writebacks, unknown.object, "unknown")
        sheet.put(of.WRITEBACK_UNKNOWN_AT, unknown.oldest_sent_at, unknown.object)
    for pause in facts.pauses:
        sheet.put(of.WRITEBACK_PAUSED, 1, pause.object)


def _put_budget(sheet: Sheet, each: Forecast, maximum: int, at: datetime) -> None:
    name = str(each.budget)
    sheet.put(of.BUDGET_LIMIT, maximum, name)
    sheet.put(of.BUDGET_USED, each.used, name)
    sheet.put(of.BUDGET_GRANTED, each.granted, name)
    sheet.put(of.BUDGET_READ_AT, each.read_at, name)
    sheet.put(of.BUDGET_PAUSED, each.paused_until is not None, name)
    if each.budget.is_concurrency:
        return
    sheet.put(of.BUDGET_LEFT, each.left, name)
    for spender in each.spenders:
        sheet.put(of.BUDGET_SPENT, spender.last_day, name, spender.name)
    runs_out = each.first_runs_out_at
    seconds = DAY_SECONDS if runs_out is None else (runs_out - at).total_seconds()
    sheet.put(of.BUDGET_EXHAUSTION, min(DAY_SECONDS, max(0.0, seconds)), name)
    slowed: dict[LeaseClass, float] = {}
    for one in each.slowed:
        if one.spends:
            slowed.setdefault(one.lease_class, max(0.0, (one.at - at).total_seconds()))
    for lease_class, left in slowed.items():
        sheet.put(of.BUDGET_SLOWED, left, name, str(lease_class))
