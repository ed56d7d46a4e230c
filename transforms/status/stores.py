"""Problems that the warehouse, the operational store and the list of runs tell."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from schemas.status import Problem, Severity
from schemas.status_facts import LookFacts, Reconciled, WarehouseFacts
from transforms.status.problem import problem

_WRITEBACK_AGE: Final = timedelta(minutes=4)
"""The target is five minutes."""
_LOOKED_UP: Final = timedelta(minutes=10)
"""A lost answer is found within a minute or two: by the record, then by the change log."""
_REREAD: Final = timedelta(minutes=15)
"""Requested records are read within a minute or so; a hole of hours takes some minutes."""
_PERIODS: Final = 2
"""An object that was not compared for so many periods is worth a ticket."""


def store_problems(facts: LookFacts) -> Iterator[Problem]:
    """Those of the ledger, quarantine, reconciliations, quality, drift, writebacks and
    backfills.
    """
    warehouse = facts.warehouse or WarehouseFacts()
    yield from _ledger(warehouse)
    yield from _reconciliations(warehouse, facts)
    yield from _writebacks(facts)
    yield from _unknown_writebacks(facts)
    yield from _rereads(warehouse, facts)
    for each in warehouse.quarantine or ():
        text = f"{each.changes:,} changes wait: {each.reason}"
        remedy = f"tidegate quarantine list --because {each.reason}"
        yield problem("quarantine.waiting", text, remedy, subject=each.reason, since=each.oldest_at)
    if warehouse.drift:
        text = f"{warehouse.drift:,} fields need somebody"
        yield problem("drift.needs_somebody", text, "tidegate drift")
    yield from _quality(warehouse)
    for run in facts.failed_runs or ():
        text, remedy = f"{run.name} failed", f"tidegate backfill show {run.object}"
        yield problem("backfill.failed", text, remedy, subject=run.object, since=run.at)
    yield from _hung(facts)


def _ledger(warehouse: WarehouseFacts) -> Iterator[Problem]:
    wrong = [row for row in warehouse.ledger or () if row.imbalance]
    if wrong:
        count = sum(row.imbalance for row in wrong)
        names = ", ".join(row.object or "(unreadable)" for row in wrong)
        text = f"{count:,} changes of {names} are neither applied, duplicate nor quarantined"
        yield problem(
            "ledger.imbalance",
            text,
            "report it, and keep the raw files: tidegate reconcile OBJECT --depth ids",
        )


def _reconciliations(warehouse: WarehouseFacts, facts: LookFacts) -> Iterator[Problem]:
    found = {row.object: row for row in warehouse.reconciled or ()}
    for row in found.values():
        if row.verdict == "differs":
            text = f"{row.found - row.repaired:,} differences are not repaired ({row.depth})"
            remedy = f"tidegate reconcile {row.object}"
            yield problem("reconcile.differs", text, remedy, subject=row.object, since=row.ended_at)
    if facts.reconcile_period is None or warehouse.reconciled is None:
        return
    for name in facts.objects:
        yield from _old(name, found.get(name), facts, _PERIODS * facts.reconcile_period)


def _old(name: str, row: Reconciled | None, facts: LookFacts, most: timedelta) -> Iterator[Problem]:
    if row is not None and facts.at - row.ended_at <= most:
        return
    told = "never, or more than 30 days ago" if row is None else f"{row.ended_at:%Y-%m-%d %H:%M}"
    since = None if row is None else row.ended_at
    text = f"last compared with the org: {told}"
    yield problem("reconcile.old", text, f"tidegate reconcile {name}", subject=name, since=since)


def _writebacks(facts: LookFacts) -> Iterator[Problem]:
    if facts.writebacks is None:
        return
    pauses = {pause.object: pause for pause in facts.writebacks.pauses}
    for pause in pauses.values():
        name = "" if pause.object == "*" else pause.object
        text = f"{name or 'all'} paused by {pause.by}: {pause.reason or 'no reason given'}"
        remedy = f"tidegate writeback resume {name or '--all'}"
        yield problem("writeback.paused", text, remedy, subject=name, since=pause.since)
    for each in facts.writebacks.standings:
        name, oldest = each.object, each.oldest_waiting_at
        if each.dead:
            text = f"{each.dead:,} failed for good"
            yield problem("writeback.dead", text, "tidegate writeback list --state dead", subject=name)
        if each.held:
            text = f"{each.held:,} wait for an operator"
            yield problem("writeback.held", text, "tidegate writeback list --state held", subject=name)
        is_paused = name in pauses or "*" in pauses
        if oldest is not None and facts.at - oldest > _WRITEBACK_AGE and not is_paused:
            text = f"the oldest of {each.waiting + each.open:,} waits since {oldest:%H:%M:%S}"
            remedy = "tidegate writeback latency; see the writebacks role and Salesforce"
            yield problem("writeback.late", text, remedy, subject=name, since=oldest)


def _unknown_writebacks(facts: LookFacts) -> Iterator[Problem]:
    for each in facts.writebacks.unknown if facts.writebacks else ():
        if facts.at - each.oldest_sent_at > _LOOKED_UP:
            text = f"{each.writebacks:,} were sent without an answer, and are looked up in the org"
            remedy = f"tidegate writeback batches --object {each.object} --state open"
            yield problem("writeback.unknown", text, remedy, subject=each.object, since=each.oldest_sent_at)


def _rereads(warehouse: WarehouseFacts, facts: LookFacts) -> Iterator[Problem]:
    """Holes that are read explain what is missing meanwhile; single records are said when they
    wait.
    """
    for each in warehouse.rereads or ():
        is_late = facts.at - each.oldest_at > _REREAD
        if not (is_late or each.windows):
            continue
        hole = f", {each.windows:,} stretches of time among them" if each.windows else ""
        text = f"{each.changes:,} changes that events could not tell are read from the org{hole}"
        severity = None if is_late else Severity.NOTICE
        remedy = f"tidegate backfill list --object {each.object}"
        yield problem(
            "reread.waiting", text, remedy, subject=each.object, severity=severity, since=each.oldest_at
        )


def _hung(facts: LookFacts) -> Iterator[Problem]:
    for each in facts.backfills or ():
        if each.progress_at is not None and facts.at - each.progress_at > facts.hung_after:
            text = f"{each.name} makes no step forward: the org's query job waits, or a budget is spent"
            remedy = f"tidegate backfill show {each.object} --name {each.name}"
            yield problem("backfill.hung", text, remedy, subject=each.object, since=each.progress_at)


def _quality(warehouse: WarehouseFacts) -> Iterator[Problem]:
    for each in warehouse.quality or ():
        remedy = f"tidegate quality list {each.object}"
        if each.isolated:
            text = f"{each.isolated:,} values of {each.isolated_fields:,} fields did not fit"
            yield problem("quality.isolated", text, remedy, subject=each.object, severity=Severity.NOTICE)
        if each.orphans:
            text = f"{each.orphans:,} records name parents that are not there"
            yield problem("quality.orphans", text, remedy, subject=each.object)
