"""Samples of the stores and the governor, from a look."""

from datetime import datetime

from schemas.governor import Forecast, LeaseClass
from schemas.status_facts import LookFacts, WarehouseFacts
from schemas.webhook.messages import WebhookState
from schemas.writeback.status_facts import WritebackFacts
from transforms.ingest.decode_events import REASONS
from workers.metrics import families as of
from workers.metrics.families import Sheet

DAY_SECONDS = 86_400.0
"""Shown for what does not happen within the 24 hours of a forecast."""
_STATES = ("waiting", "open", "held", "dead", "unknown")


def put_facts(sheet: Sheet, facts: LookFacts) -> None:
    """Add every number of a look beside its status."""
    if facts.warehouse is not None:
        _put_warehouse(sheet, facts.warehouse, facts.objects)
    if facts.writebacks is not None:
        _put_writebacks(sheet, facts.writebacks, facts.objects)
    for each in facts.forecasts:
        if each.maximum is not None:
            _put_budget(sheet, each, each.maximum, facts.at)
    if facts.reconcile_period is not None:
        sheet.put(of.RECONCILIATION_PERIOD, facts.reconcile_period.total_seconds())


def _put_warehouse(sheet: Sheet, facts: WarehouseFacts, objects: tuple[str, ...]) -> None:
    # Zeros are shown: of a series that begins with its first refused change, no rule sees the step.
    if facts.quarantine is not None:
        refused = dict.fromkeys(REASONS, 0) | {each.reason: each.changes for each in facts.quarantine}
        for reason, count in refused.items():
            sheet.put(of.QUARANTINE, count, reason)
    if facts.rereads is not None:
        waiting = {each.object: each.changes for each in facts.rereads}
        for name, count in (dict.fromkeys(objects, 0) | waiting).items():
            sheet.put(of.REREADS, count, name)
    if facts.ledger is not None:
        sheet.put(of.LEDGER_IMBALANCE, sum(each.imbalance for each in facts.ledger))
    for each in facts.reconciled or ():
        sheet.put(of.RECONCILED_AT, each.ended_at, each.object, each.depth)
        kinds = {"found": each.found, "unrepaired": each.found - each.repaired, "altered": each.altered}
        for kind, count in kinds.items():
            sheet.put(of.DIFFERENCES, max(0, count), each.object, kind)
    sheet.put(of.DRIFT_FIELDS, facts.drift)


def _put_writebacks(sheet: Sheet, facts: WritebackFacts, objects: tuple[str, ...]) -> None:
    counts = {(name, state): 0 for name in objects for state in _STATES}
    for each in facts.standings:
        counts |= {(each.object, state): getattr(each, state) for state in _STATES if state != "unknown"}
        sheet.put(of.WRITEBACK_OLDEST_AT, each.oldest_waiting_at, each.object)
    for unknown in facts.unknown:
        counts[unknown.object, "unknown"] = unknown.writebacks
        sheet.put(of.WRITEBACK_UNKNOWN_AT, unknown.oldest_sent_at, unknown.object)
    for labels, count in counts.items():
        sheet.put(of.WRITEBACKS, count, *labels)
    paused = {each.object for each in facts.pauses}
    for name in sorted({*objects, *paused}):
        sheet.put(of.WRITEBACK_PAUSED, name in paused, name)
    for hook in facts.webhooks:
        if hook.state is WebhookState.ACTIVE:
            sheet.put(of.WEBHOOK_THROUGH_AT, hook.through, hook.name)
        sheet.put(of.WEBHOOK_CHANGES, hook.held, hook.name, "held")
        sheet.put(of.WEBHOOK_CHANGES, hook.dead, hook.name, "dead")


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
    slowed = dict.fromkeys(LeaseClass, DAY_SECONDS)
    for one in each.slowed:
        if one.spends:
            left = max(0.0, (one.at - at).total_seconds())
            slowed[one.lease_class] = min(slowed[one.lease_class], left)
    for lease_class, left in slowed.items():
        sheet.put(of.BUDGET_SLOWED, left, name, str(lease_class))
