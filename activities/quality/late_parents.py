"""What waits for parents, looked at again: those that came are taken off, those that did not are asked for, and what the org lacks is an orphan.

A batch of children and one of their parents are applied in different transactions, and neither sees the other before it commits. Open
findings are therefore held against the parents' tables once more. The children of a deleted parent are looked for under their object's
lock: what was applied before the lock is seen, and what comes after it sees the deletion.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from activities.quality.references import write_notes
from activities.request_reread import ask
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import references as sql
from clients.warehouse.sql.apply import RECORD_LIST, TOUCHED
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.quality import Rule
from transforms.ingest.decode_events import moment_of
from transforms.quality.references import ORPHAN, Pointing, children_of, parents_of
from transforms.repair import NOT_IN_QUARANTINE, Asked, Cause

GRACE = timedelta(minutes=10)
"""How long a parent may be late before the org is asked for it."""


@dataclass(frozen=True)
class LateParents:
    """Its methods block."""

    warehouse: Warehouse
    catalogue: Catalogue
    grace: timedelta = GRACE

    def look(self) -> int:
        """Look at all that waits, an object a transaction; returns for how many records the org is to be asked. A small query when none waits."""
        with self.warehouse.transaction() as transaction:
            departed = transaction.fetch(sql.find_departed())
            waiting = {name for name, _ in transaction.fetch(sql.count_waiting())}
        by_parent: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, record_id, batch in departed:
            by_parent[name].append((record_id, batch))
        for name, rows in by_parent.items():
            waiting |= self._find_children(name, rows)
        return sum(
            self._decide(self.catalogue.objects[name])
            for name in sorted(waiting & self.catalogue.objects.keys())
        )

    def _find_children(self, name: str, departed: Sequence[tuple[str, str]]) -> set[str]:
        """Note who points to deleted records of an object; returns the objects of those."""
        parent = self.catalogue.objects.get(name)
        ids = pa.table({"record_id": pa.array(sorted({row[0] for row in departed}), pa.large_string())})
        # An object that the catalogue lost has nobody who points to it.
        noted = set() if parent is None else self._note_children(parent, ids)
        batches = sorted({row[1] for row in departed})
        with self.warehouse.transaction() as transaction:
            transaction.stage(TOUCHED, RECORD_LIST, ids)
            transaction.execute(sql.forget_departed(len(batches)), [name, *batches])
        return noted

    def _note_children(self, parent: ObjectSpec, ids: pa.Table) -> set[str]:
        noted = set()
        for spec, pointer in children_of(parent, self.catalogue):
            with self.warehouse.transaction() as transaction:
                transaction.lock_object(spec.table)
                transaction.stage(TOUCHED, RECORD_LIST, ids)
                rows = transaction.fetch(sql.find_children(spec, pointer.column, parent))
                notes = [
                    Pointing(record_id, pointer.field, target, order, batch)
                    for record_id, order, batch, target in rows
                ]
                write_notes(transaction, spec, Rule.PARENT, notes)
            if notes:
                noted.add(spec.name)
        return noted

    def _decide(self, spec: ObjectSpec) -> int:
        now = datetime.now(UTC)
        due = now - self.grace
        asked: list[Asked] = []
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table)
            for parent in parents_of(spec, self.catalogue):
                transaction.execute(sql.resolve_found(spec, parent), [now])
                transaction.execute(sql.mark_orphans(spec, parent), [ORPHAN])
                asked += _questions(transaction, spec, parent, due)
                transaction.execute(sql.mark_asked(spec, parent), [due])
            return ask(transaction, asked)


def _questions(transaction: Transaction, spec: ObjectSpec, parent: ObjectSpec, due: datetime) -> list[Asked]:
    """The parents that were never seen, and the children of deleted ones: the org may have emptied their reference, which no event tells."""
    missing = transaction.fetch(sql.find_missing(spec, parent), [due])
    left = transaction.fetch(sql.find_left_behind(spec, parent), [due])
    return [
        *(_question(parent.name, *row) for row in missing),
        *(_question(spec.name, *row) for row in left),
    ]


def _question(name: str, record_id: str, batch: str, order: str) -> Asked:
    return Asked(batch, name, NOT_IN_QUARANTINE, record_id, Cause.PARENT, order, None, moment_of(order))
