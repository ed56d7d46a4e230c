"""The rules `parent` and `unique`: asked of the warehouse some seconds after changes have landed, a slice of time at once.

A surge makes children some seconds before their parents. Asking in the transaction of each group cost a tenth of the engine's processor
time, and noted thousands of children whose parents were on their way (decision 0029). A slice is looked at under its object's lock, so
everything that was applied before its end has committed. Looking twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from activities.quality.record_quality import add_scores
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import quality, references as sql
from clients.warehouse.sql.apply import RECORD_LIST, TOUCHED
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.quality import Rule
from schemas.salesforce.limits import CLOCK_SKEW_WRONG
from schemas.tables import arrow_schema
from transforms.quality.references import (
    Pointing,
    children_of,
    is_parent,
    looks_at_others,
    note_table,
    pointers,
)
from transforms.quality.scorecard import Score

DELAY = timedelta(seconds=10)
"""Delay between applying a change and checking its references: the parent has usually arrived by then."""
SLICE = timedelta(minutes=5)
"""Most of an object's time that is looked at in one transaction: some hundred thousand changes in a surge."""
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)

Notes = Mapping[str, Sequence[Pointing]]
"""Object -> findings about its records."""


@dataclass(frozen=True)
class ReferenceChecks:
    """Looks at what was applied since the last look. Its methods block."""

    warehouse: Warehouse
    catalogue: Catalogue
    delay: timedelta = DELAY

    def check(self) -> None:
        """Look at every object, as far as its changes are older than the delay."""
        with self.warehouse.transaction() as transaction:
            checked = dict(transaction.fetch(sql.read_checked()))
        for spec in list(self.catalogue.objects.values()):
            if looks_at_others(spec, self.catalogue):
                since = checked.get(spec.name)
                while (until := self._check(spec, since)) is not None:
                    since = until

    def _check(self, spec: ObjectSpec, checked: datetime | None) -> datetime | None:
        """Look at the next slice; returns its end, None when nothing is left.

        Processes' clocks differ by up to `CLOCK_SKEW_WRONG`, so what was applied shortly before the last look is looked at again.
        """
        since = _BEGIN if checked is None else checked - CLOCK_SKEW_WRONG
        with self.warehouse.transaction() as transaction:
            [(first,)] = transaction.fetch(sql.find_first_applied(spec), [since])
        now = datetime.now(UTC) - self.delay
        if first is None or first >= now:
            return None
        until = min(now, max(first, checked or first) + SLICE)
        for name, notes in self._look(spec, first, until).items():
            self._note_children(self.catalogue.objects[name], notes)
        with self.warehouse.transaction() as transaction:
            transaction.execute(sql.forget_checked(), [spec.name])
            transaction.execute(sql.keep_checked(), [spec.name, until])
        return until if until < now else None

    def _look(self, spec: ObjectSpec, since: datetime, until: datetime) -> Notes:
        """Look at one slice; returns what is to be noted of other objects, whose parents were deleted in it."""
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            between = [since, until]
            _note_absent(transaction, spec, self.catalogue, between)
            _note_shared(transaction, spec, between)
            is_open = {row[0] for row in transaction.fetch(sql.find_open(spec))}
            is_awaited = bool(transaction.fetch(sql.find_awaited(spec)))
            has_departed = is_parent(spec, self.catalogue) and transaction.fetch(
                sql.find_departed(spec), between
            )
            if is_open or is_awaited or has_departed:
                transaction.stage(TOUCHED, RECORD_LIST, _records([]))
                transaction.execute(sql.touch_applied(spec), between)
                _resolve(transaction, spec, is_open, is_awaited=is_awaited)
                return _left_behind(transaction, spec, self.catalogue) if has_departed else {}
        return {}

    def _note_children(self, spec: ObjectSpec, notes: Sequence[Pointing]) -> None:
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            write_notes(transaction, spec, Rule.PARENT, notes)


def write_notes(transaction: Transaction, spec: ObjectSpec, rule: Rule, notes: Sequence[Pointing]) -> None:
    """Write findings about two records, and count them. A finding that is open about the same two stays as it is."""
    if not notes:
        return
    table = note_table(spec, rule, notes, datetime.now(UTC))
    transaction.stage(sql.NOTED, sql.NOTED_COLUMNS, table)
    opened = transaction.fetch(sql.count_new_notes())
    transaction.execute(sql.open_notes_again())
    transaction.execute(sql.insert_notes())
    add_scores(transaction, spec, [Score(field, str(rule), 0, count) for field, count in opened])


def _resolve(transaction: Transaction, spec: ObjectSpec, is_open: Set[str], *, is_awaited: bool) -> None:
    """Close what the touched records answer: as children that point elsewhere or are deleted, as parents that came, and as holders of a value."""
    now = datetime.now(UTC)
    if Rule.PARENT in is_open:
        transaction.execute(sql.resolve_left(spec), [now])
    if is_awaited:
        transaction.execute(sql.resolve_arrived(spec), [now])
    if Rule.UNIQUE in is_open:
        _resolve_shared(transaction, spec)


def _note_absent(
    transaction: Transaction, spec: ObjectSpec, catalogue: Catalogue, between: Sequence[datetime]
) -> None:
    notes = [
        Pointing(record_id, pointer.field, target, order, batch)
        for pointer in pointers(spec, catalogue)
        for parent in pointer.parents.values()
        for record_id, order, batch, target in transaction.fetch(
            sql.find_pointing_nowhere(spec, pointer.column, parent), between
        )
    ]
    write_notes(transaction, spec, Rule.PARENT, notes)


def _left_behind(transaction: Transaction, parent: ObjectSpec, catalogue: Catalogue) -> Notes:
    """Records of any object that point to a touched and deleted one."""
    found: defaultdict[str, list[Pointing]] = defaultdict(list)
    for spec, pointer in children_of(parent, catalogue):
        rows = transaction.fetch(sql.find_children(spec, pointer.column, parent))
        found[spec.name] += [
            Pointing(record_id, pointer.field, target, order, batch)
            for record_id, order, batch, target in rows
        ]
    return found


def _note_shared(transaction: Transaction, spec: ObjectSpec, between: Sequence[datetime]) -> None:
    """Note records that share a value of a unique field with another one."""
    for field in spec.unique_fields:
        rows = transaction.fetch(sql.find_newly_shared(spec, spec.columns[field]), between)
        notes = [Pointing(record_id, field, other, order, batch) for record_id, other, order, batch in rows]
        write_notes(transaction, spec, Rule.UNIQUE, notes)


def _resolve_shared(transaction: Transaction, spec: ObjectSpec) -> None:
    """Close the findings about touched records whose value is theirs alone by now."""
    is_open: defaultdict[str, set[str]] = defaultdict(set)
    for record_id, field in transaction.fetch(sql.find_open_shared(spec)):
        is_open[field].add(record_id)
    for field, record_ids in is_open.items():
        still = []
        # Of a field that is no longer unique nothing is wrong.
        if field in spec.unique_fields:
            transaction.stage(quality.LATE, RECORD_LIST, _records(record_ids))
            still = transaction.fetch(sql.find_shared(spec, spec.columns[field]))
        _settle(transaction, spec, field, record_ids - {row[0] for row in still})


def _settle(transaction: Transaction, spec: ObjectSpec, field: str, record_ids: set[str]) -> None:
    if record_ids:
        rows = [
            {"record_id": each, "field": field, "rule": str(Rule.UNIQUE), "batch": "unique again"}
            for each in record_ids
        ]
        table = pa.Table.from_pylist(rows, schema=arrow_schema(quality.SETTLED_COLUMNS))
        transaction.stage(quality.SETTLED, quality.SETTLED_COLUMNS, table)
        transaction.execute(quality.settle_findings(), [datetime.now(UTC), spec.name])


def _records(record_ids: Iterable[str]) -> pa.Table:
    return pa.table({"record_id": pa.array(sorted(record_ids), pa.large_string())})
