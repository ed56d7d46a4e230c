"""The rules `parent` and `unique`: asked of the warehouse some seconds after changes have landed, a
slice of time at once.

A surge makes children some seconds before their parents. Asking in the transaction of each group
cost a tenth of the engine's processor time, and noted thousands of children whose parents were
on their way (decision 0029). A slice is looked at under its object's lock, so everything that
was applied before its end has committed. Looking twice changes nothing.
"""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa

from activities.quality.findings import settle
from activities.quality.record_quality import add_scores
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import quality, references as sql, slices
from clients.warehouse.sql.apply import RECORD_LIST, TOUCHED
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.quality import Rule
from schemas.salesforce.limits import CLOCK_SKEW_WRONG
from transforms.quality.references import (
    Pointing,
    asked_fields,
    children_of,
    is_parent,
    looks_at_others,
    note_table,
    pointers,
)
from transforms.quality.scorecard import RuleCount

DELAY = CLOCK_SKEW_WRONG
"""Delay between applying a change and checking its references. The parent has arrived by then, and
so has each change that a process with a slow clock stamped earlier: no look repeats another's
slice.
"""
EVERY = timedelta(seconds=45)
"""Least time between two looks at an object."""
BUDGET = timedelta(seconds=20)
"""No slice begins after this time; the next check goes on. Repairs wait for a look to end."""
SLICE = 100_000
"""Changes that are looked at in one transaction; those of the last group come whole."""
_AT_FIRST = timedelta(days=1)
"""How far back the first look at an object goes. Older records are looked at when they change."""

_NEVER = datetime.min.replace(tzinfo=UTC)

Notes = Mapping[str, Sequence[Pointing]]
"""Object -> findings about its records."""


class LookPace(NamedTuple):
    """When changes are looked at."""

    delay: timedelta = DELAY
    every: timedelta = EVERY
    slice: int = SLICE
    budget: timedelta = BUDGET


USUAL = LookPace()


@dataclass(frozen=True)
class ReferenceChecks:
    """Looks at what was applied since the last look. Its methods block."""

    warehouse: Warehouse
    catalogue: Catalogue
    pace: LookPace = USUAL

    def check(self) -> None:
        """Look at every object, the one that is furthest behind first, as far as its changes are
        older than the delay.
        """
        ends_at = time.monotonic() + self.pace.budget.total_seconds()
        with self.warehouse.transaction() as transaction:
            checked = dict(transaction.fetch(slices.read_checked()))
        now = datetime.now(UTC) - self.pace.delay
        due = {
            spec.name: self._since(checked.get(spec.name), now)
            for spec in self.catalogue.objects.values()
            if looks_at_others(spec, self.catalogue)
            and now - checked.get(spec.name, _NEVER) >= self.pace.every
        }
        behind = deque(sorted(due, key=lambda name: due[name]))
        while behind and time.monotonic() < ends_at:
            name = behind.popleft()
            last = self._check(self.catalogue.objects[name], due[name], now)
            if last is not None:
                due[name] = last
                behind.append(name)

    def _since(self, checked: datetime | None, now: datetime) -> datetime:
        """Processes' clocks differ by up to `CLOCK_SKEW_WRONG`. A delay that is shorter is made up
        for: the end of the slice before is looked at again.
        """
        if checked is None:
            return now - _AT_FIRST
        return checked - max(timedelta(0), CLOCK_SKEW_WRONG - self.pace.delay)

    def close_rules_that_are_off(self) -> None:
        """Close the findings about two records whose rule is asked no more: it is off, or its field
        or object is gone.
        """
        with self.warehouse.transaction() as transaction:
            is_open = transaction.fetch(sql.find_open_rules())
            for name, rule, field in is_open:
                if field not in asked_fields(self.catalogue, name, rule):
                    values = [datetime.now(UTC), "the rule is off", name, rule, field]
                    transaction.execute(sql.resolve_rule(), values)

    def _check(self, spec: ObjectSpec, since: datetime, now: datetime) -> datetime | None:
        """Look at the next slice; returns when its last change was applied, None when nothing is
        left.
        """
        with self.warehouse.transaction() as transaction:
            [(last,)] = transaction.fetch(slices.find_slice_end(spec, self.pace.slice), [since, now])
        if last is None:
            return None
        for name, notes in self._look(spec, since, last).items():
            self._note_children(self.catalogue.objects[name], notes)
        # Not later than what was seen, so that a clock that is ahead for once leaves nothing out.
        self._keep(spec, min(now, last + CLOCK_SKEW_WRONG))
        found: datetime = last
        return found

    def _keep(self, spec: ObjectSpec, until: datetime) -> None:
        """Keep how far the object was looked at. It never goes back: two processes may look."""
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            checked = dict(transaction.fetch(slices.read_checked())).get(spec.name)
            if checked is None or checked < until:
                transaction.execute(slices.forget_checked(), [spec.name])
                transaction.execute(slices.keep_checked(), [spec.name, until])

    def _look(self, spec: ObjectSpec, since: datetime, until: datetime) -> Notes:
        """Look at one slice; returns what is to be noted of other objects, whose parents were
        deleted in it.

        Other objects' tables are read before anything is written: on Redshift a table that is
        written is locked.
        """
        between = [since, until]
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            touched = _Touched(transaction, spec, between)
            left: Notes = {}
            if is_parent(spec, self.catalogue) and transaction.fetch(slices.find_departed(spec), between):
                left = _left_behind(transaction, spec, self.catalogue, between)
            absent = _find_absent(transaction, spec, self.catalogue, between)
            write_notes(transaction, spec, Rule.PARENT, absent)
            _note_shared(transaction, spec, between)
            _resolve(transaction, spec, touched)
        return left

    def _note_children(self, spec: ObjectSpec, notes: Sequence[Pointing]) -> None:
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            # No change of theirs broke the rule, so none is counted.
            write_notes(transaction, spec, Rule.PARENT, notes, are_counted=False)


@dataclass
class _Touched:
    """The records of a slice as the temporary table `TOUCHED`, made when they are first needed."""

    transaction: Transaction
    spec: ObjectSpec
    between: Sequence[datetime]
    is_staged: bool = False

    def stage(self) -> None:
        if not self.is_staged:
            self.transaction.stage(TOUCHED, RECORD_LIST, _records([]))
            self.transaction.execute(slices.touch_applied(self.spec), self.between)
            self.is_staged = True


def write_notes(
    transaction: Transaction,
    spec: ObjectSpec,
    rule: Rule,
    notes: Sequence[Pointing],
    *,
    are_counted: bool = True,
) -> None:
    """Write findings about two records. A finding that is open about the same two stays as it is.

    `are_counted`: whether those that were not open count as failed on the scorecard of the day.
    """
    if not notes:
        return
    table = note_table(spec, rule, notes, datetime.now(UTC))
    transaction.stage(sql.NOTED, sql.NOTED_COLUMNS, table)
    opened = transaction.fetch(sql.count_new_notes())
    transaction.execute(sql.open_notes_again())
    transaction.execute(sql.insert_notes())
    if are_counted:
        add_scores(transaction, spec, [RuleCount(field, str(rule), 0, count) for field, count in opened])


def _resolve(transaction: Transaction, spec: ObjectSpec, touched: _Touched) -> None:
    """Close what the touched records answer: as children that point elsewhere or are deleted, as
    parents that came, and as holders of a value.
    """
    now = datetime.now(UTC)
    if transaction.fetch(sql.find_open(spec, Rule.PARENT)):
        touched.stage()
        transaction.execute(sql.resolve_left(spec), [now])
    if transaction.fetch(sql.find_awaited(spec)):
        touched.stage()
        transaction.execute(sql.resolve_arrived(spec), [now])
    if transaction.fetch(sql.find_open(spec, Rule.UNIQUE)):
        touched.stage()
        _resolve_shared(transaction, spec)


def _find_absent(
    transaction: Transaction, spec: ObjectSpec, catalogue: Catalogue, between: Sequence[datetime]
) -> list[Pointing]:
    """References of the slice to records that are not there."""
    found: list[Pointing] = []
    for pointer in pointers(spec, catalogue):
        for parent in pointer.parents.values():
            absent = transaction.fetch(slices.find_absent_parents(spec, pointer.column, parent), between)
            if absent:
                transaction.stage(quality.LATE, RECORD_LIST, _records(target for (target,) in absent))
                rows = transaction.fetch(slices.find_pointing(spec, pointer.column), between)
                found += _pointing(pointer.field, rows)
    return found


def _left_behind(
    transaction: Transaction, parent: ObjectSpec, catalogue: Catalogue, between: Sequence[datetime]
) -> Notes:
    """Records of any object that point to one that was deleted in the slice."""
    found: defaultdict[str, list[Pointing]] = defaultdict(list)
    for spec, pointer in children_of(parent, catalogue):
        rows = transaction.fetch(slices.find_children(spec, pointer.column, parent), between)
        found[spec.name] += _pointing(pointer.field, rows)
    return found


def _note_shared(transaction: Transaction, spec: ObjectSpec, between: Sequence[datetime]) -> None:
    """Note the records that got a value of a unique field that another live record has, too."""
    for field in spec.unique_fields:
        column = spec.columns[field]
        # Mostly none, and then the records of the slice are not asked for.
        if transaction.fetch(slices.find_shared_values(spec, column), between):
            rows = transaction.fetch(slices.find_newly_shared(spec, column), [*between, *between])
            write_notes(transaction, spec, Rule.UNIQUE, _sharing(field, rows))


def _resolve_shared(transaction: Transaction, spec: ObjectSpec) -> None:
    """Close the findings about touched records whose value is theirs alone by now; the others name
    a record that still shares it.
    """
    is_open: defaultdict[str, set[str]] = defaultdict(set)
    for record_id, field in transaction.fetch(sql.find_open_shared(spec)):
        is_open[field].add(record_id)
    for field, record_ids in is_open.items():
        if field in spec.unique_fields:
            transaction.stage(quality.LATE, RECORD_LIST, _records(record_ids))
            still = transaction.fetch(slices.find_shared(spec, spec.columns[field]))
            write_notes(transaction, spec, Rule.UNIQUE, _sharing(field, still))
            alone = record_ids - {row[0] for row in still}
            settle(transaction, spec, [_unique_again(each, field) for each in alone])


def _sharing(field: str, rows: Sequence[Sequence[str]]) -> list[Pointing]:
    return [Pointing(record_id, field, other, order, batch) for record_id, other, order, batch in rows]


def _unique_again(record_id: str, field: str) -> dict[str, str]:
    return {"record_id": record_id, "field": field, "rule": str(Rule.UNIQUE), "batch": "a later change"}


def _pointing(field: str, rows: Sequence[Sequence[str]]) -> list[Pointing]:
    return [Pointing(record_id, field, target, order, batch) for record_id, order, batch, target in rows]


def _records(record_ids: Iterable[str]) -> pa.Table:
    return pa.table({"record_id": pa.array(sorted(record_ids), pa.large_string())})
