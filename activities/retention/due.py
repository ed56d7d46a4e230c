"""The work that is due: objects by age, months to archive, to drop and to expire."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from clients.retention.archived_months import ArchivedMonth, archived_months, next_month
from clients.retention.parts import RetentionParts
from clients.retention.sources import Source, WarehouseSource
from clients.warehouse.sql import retention as sql
from schemas.security.retention import MonthState, RetentionPlan, RetentionPolicy, RetentionTask, Work
from transforms.retention.periods import Month, expires_at, leaves_at, sealed_at, sealed_months

_BEFORE_START = timedelta(days=1)
"""Changes are stamped before their batch is committed, so they may lie in the month before."""
_REFOLDS = 10_000
NEVER_LEAVES = "store."
"""Tables of the operational store are archived and stay: acts are verified as one chain."""


def plan_retention(parts: RetentionParts, now: datetime, *, counts: bool = False) -> RetentionPlan:
    """Everything that is due at a time. Blocks; changes nothing.

    `counts`: count the objects of each prefix, which lists them all.
    """
    tasks = [*_lifecycle(parts, now), *_removals(parts, now, counts=counts)]
    rows = archived_months(parts.warehouse)
    for source in parts.sources():
        if isinstance(source, WarehouseSource) and source.spec is not None:
            tasks += _refolds(parts, source, now)
        known = {row.month: row for row in rows if row.source == source.name}
        tasks += _months(source, known, parts.policy, now)
    return RetentionPlan(now=now, tasks=tuple(tasks))


def _lifecycle(parts: RetentionParts, now: datetime) -> Iterator[RetentionTask]:
    if missing := parts.lifecycle.missing():
        rule = "the bucket's lifecycle configuration names every prefix that ends by its age alone"
        yield RetentionTask(
            work=Work.LIFECYCLE, target="lifecycle", rule=rule, due_since=now, rows=len(missing)
        )


def _removals(parts: RetentionParts, now: datetime, *, counts: bool) -> Iterator[RetentionTask]:
    for rule in parts.rules():
        removal = parts.removal(rule.name)
        if (since := removal.oldest_due(now)) is None:
            continue
        months = f"{rule.keep_months} months" if rule.keep_months else f"{rule.keep_days} days"
        rows = sum(1 for _ in removal.due(now)) if counts else None
        yield RetentionTask(
            work=Work.REMOVE,
            target=rule.name,
            rule=f"{rule.name} {months}: {rule.why}",
            due_since=since,
            rows=rows,
        )


def _refolds(parts: RetentionParts, source: WarehouseSource, now: datetime) -> Iterator[RetentionTask]:
    assert source.spec is not None  # noqa: S101 -- of a change log
    rows = []
    for each in parts.warehouse.with_copy():
        with each.reading() as reading:
            rows += reading.fetch(sql.list_refolds(_REFOLDS), [source.spec.name])
    if rows:
        rule = "a change that is older than its record's base is folded in with what the archive has"
        since = min(row[1] for row in rows)
        yield RetentionTask(
            work=Work.REFOLD, target=source.name, rule=rule, due_since=min(now, since), rows=len(rows)
        )


def _months(
    source: Source, known: Mapping[str, ArchivedMonth], policy: RetentionPolicy, now: datetime
) -> Iterator[RetentionTask]:
    for name, row in sorted(known.items()):
        yield from _steps(source, Month.parse(name), row.state, policy, now)
    first = next_month(known.values(), source.name)
    if first is None:
        start = source.start()
        if start is None:
            return
        first = Month.of(start - _BEFORE_START)
    for month in sealed_months(first.begin, now, policy.seal_after):
        yield from _steps(source, month, "", policy, now)


def _steps(
    source: Source, month: Month, state: str, policy: RetentionPolicy, now: datetime
) -> Iterator[RetentionTask]:
    """The steps that a month has before it, as far as they are due."""
    sealed, ends = sealed_at(month, policy.seal_after), expires_at(month, policy.audit_years)
    leaves = leaves_at(month, policy.warehouse_months) if source.leaves_early else ends
    archived = f"sealed {policy.seal_after.days} days after its end; kept {policy.audit_years} years under Object Lock"
    way = (
        (Work.ARCHIVE, "", sealed, archived),
        (Work.VERIFY, MonthState.ARCHIVED, sealed, "an archived month is read back and compared"),
        (
            Work.DROP,
            MonthState.VERIFIED,
            leaves,
            f"{policy.warehouse_months} months in the warehouse"
            if source.leaves_early
            else f"{policy.audit_years} years in the warehouse",
        ),
        (Work.EXPIRE, MonthState.DROPPED, ends, f"{policy.audit_years} years of audit data are over"),
    )
    begun = [place for place, step in enumerate(way) if step[1] == state]
    if not begun:
        return  # it has expired
    for work, _, since, rule in way[begun[0] :]:
        if since > now or (work is Work.DROP and source.name.startswith(NEVER_LEAVES)):
            return
        yield RetentionTask(work=work, target=source.name, month=str(month), rule=rule, due_since=since)
