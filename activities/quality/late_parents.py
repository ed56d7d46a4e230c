"""Decide about children whose parents did not come: ask the org for a parent after the grace time;
a child whose parent the org lacks is an orphan.

What waits is noted by `activities.quality.references`, which also takes off the notes of parents
that came.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from activities.quality.references import USUAL, Pace, ReferenceChecks
from activities.request_reread import ask
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import references as sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.quality import LATE_PARENT_GRACE
from transforms.ingest.change_header import moment_of
from transforms.quality.references import ORPHAN, parents_of
from transforms.repair import NOT_IN_QUARANTINE, Asked, Cause


@dataclass(frozen=True)
class LateParents:
    """Its methods block."""

    warehouse: Warehouse
    catalogue: Catalogue
    grace: timedelta = LATE_PARENT_GRACE
    pace: Pace = USUAL

    def look(self) -> int:
        """Look at what was applied since the last look, then decide about all that waits; returns
        for how many records the org is to be asked.

        A few small queries when nothing was applied and none waits.
        """
        ReferenceChecks(self.warehouse, self.catalogue, self.pace).check()
        with self.warehouse.transaction() as transaction:
            waiting = {name for name, _ in transaction.fetch(sql.count_waiting())}
        return sum(
            self._decide(self.catalogue.objects[name])
            for name in sorted(waiting & self.catalogue.objects.keys())
        )

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
    """The parents that were never seen, and the children of deleted ones: the org may have emptied
    their reference, which no event tells.
    """
    missing = transaction.fetch(sql.find_missing(spec, parent), [due])
    left = transaction.fetch(sql.find_left_behind(spec, parent), [due])
    return [
        *(_question(parent.name, *row) for row in missing),
        *(_question(spec.name, *row) for row in left),
    ]


def _question(name: str, record_id: str, batch: str, order: str) -> Asked:
    return Asked(batch, name, NOT_IN_QUARANTINE, record_id, Cause.PARENT, order, None, moment_of(order))
