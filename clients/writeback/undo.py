"""Undoing: new writebacks that bring back what others replaced. They are accepted like any other,
in one transaction, on record.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from clients.writeback.intake import INTAKE_LOCK
from clients.writeback.retry_discard import WritebackAct, is_among, not_chosen, record_act
from clients.writeback.store import FORMING, WritebackStore, lock
from clients.writeback.tables import WRITEBACK
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.writeback.control import LeftAlone, Undone, UndoResult, WritebackChoice
from schemas.writeback.messages import DEADLINE, Mode, WritebackState
from transforms.writeback.selection import ranges
from transforms.writeback.undo import Revert, Written, locked_by, revert

_MADE = "It made the record, which is not deleted. Delete it in Salesforce when it is not wanted."
_NOT_DONE = "It is {}: nothing of it is in Salesforce."
_MERGED = "Later ones of the same batch, sent together with it, wrote all of its fields."
_KEY_USED = "{} has used the key {} for another writeback. Have somebody else ask."


class Undoing:
    """Undoes writebacks of one store. Its methods block."""

    def __init__(self, store: WritebackStore, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def undo(self, chosen: WritebackChoice, *, by: str, reason: str) -> UndoResult:
        """Have the values brought back that writebacks replaced, the newest first. Asked again, it
        answers the same.

        A record that has other values by now than were written is left as it is: the undo is a
        dead letter then. A record that was made stays.

        Args:
            chosen: Numbers, or a batch.
            by: Who asks; the caller of the new writebacks.
            reason: Why.
        """
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            # What is on its way by now counts, and nothing is formed or accepted under the same
            # caller meanwhile.
            lock(connection, FORMING)
            connection.execute(INTAKE_LOCK)
            rows = _chosen(connection, chosen)
            plan = _Plan(self._catalogue, _of_records(connection, rows), by)
            plan.undone = _undone_before(connection, rows)
            plan.used = _used_keys(connection, by, rows)
            for row in rows:
                plan.take(row)
            made = _insert(connection, plan.new_rows(now))
            acted = [row for row, _ in plan.reverts]
            told = {name: plan.told(name, made) for name in {row.object for row in acted}}
            record_act(connection, WritebackAct("writeback.undo", by, reason, now), acted, told)
        return plan.result(made, not_chosen(chosen, (row.number for row in rows)))


class _Plan:
    """The writebacks to undo, and those that cannot be, with the reason."""

    def __init__(self, catalogue: Catalogue, of_records: defaultdict[str, list[Written]], by: str) -> None:
        self._catalogue = catalogue
        self._of_records = of_records
        self._by = by
        self.undone: Mapping[int, int] = {}
        """Number -> number of its undo, of those that were undone before."""
        self.used: frozenset[str] = frozenset()
        """Keys of the caller that are taken."""
        self.reverts: list[tuple[sa.Row[Any], Revert]] = []
        self._known: list[Undone] = []
        self._left: list[LeftAlone] = []

    def take(self, row: sa.Row[Any]) -> None:
        """One more, the newest first."""
        if row.number in self.undone:
            self._known.append(Undone(number=row.number, by=self.undone[row.number], is_new=False))
        elif row.state != WritebackState.DONE:
            self._leave(row, _NOT_DONE.format(row.state))
        elif row.replaced is None:
            self._leave(row, _MADE)
        elif _key(row.number) in self.used:
            self._leave(row, _KEY_USED.format(self._by, _key(row.number)))
        else:
            self._revert(row)

    def new_rows(self, now: datetime) -> list[dict[str, Any]]:
        """The undos as the store has them, in the order in which they are sent."""
        common = {
            "caller": self._by,
            "state": WritebackState.WAITING,
            "deadline": now + DEADLINE,
            "not_before": now,
            "accepted_at": now,
            "may_create": False,
            "mode": Mode.ORDERED,
        }
        return [common | _row(row, found, self._spec(row)) for row, found in self.reverts]

    def told(self, object_name: str, made: Mapping[int, int]) -> str:
        """Further detail of the act's record."""
        return f"by {ranges(made[row.number] for row, _ in self.reverts if row.object == object_name)}"

    def result(self, made: Mapping[int, int], missing: Sequence[LeftAlone]) -> UndoResult:
        """The answer; `made`: number -> number of its undo."""
        new = [
            Undone(number=row.number, by=made[row.number], is_new=True, without=tuple(found.kept))
            for row, found in self.reverts
        ]
        return UndoResult(
            undone=tuple(sorted((*new, *self._known), key=lambda each: each.number)),
            objects=tuple(sorted({row.object for row, _ in self.reverts})),
            left=tuple(sorted((*self._left, *missing), key=lambda each: each.number)),
        )

    def _spec(self, row: sa.Row[Any]) -> ObjectSpec:
        return self._catalogue.object(row.object)

    def _revert(self, row: sa.Row[Any]) -> None:
        of_record = self._of_records[row.record]
        found = revert(
            _written(row), [each for each in of_record if each.number > row.number], self._spec(row)
        )
        if found.fields:
            self.reverts.append((row, found))
            # What comes before it in the same request finds it undone; its number is not known yet,
            # but larger than all.
            number = max(each.number for each in of_record) + 1
            of_record.append(replace(_written(row), number=number, batch=None, undoes=row.number))
        if found.kept:
            self._leave(row, "; ".join(f"{name}: {why}" for name, why in found.kept.items()) + ".")
        elif not found.fields:
            self._leave(row, _MERGED)

    def _leave(self, row: sa.Row[Any], why: str) -> None:
        self._left.append(LeftAlone(number=row.number, why=why))


def _key(number: int) -> str:
    return f"undo:{number}"


def _row(row: sa.Row[Any], found: Revert, spec: ObjectSpec) -> dict[str, Any]:
    return {
        "key": _key(row.number),
        "fingerprint": hashlib.sha256(f"undo of {row.number}".encode()).hexdigest(),
        "object": row.object,
        "key_field": row.key_field,
        "external_id": row.external_id,
        "fields": found.fields,
        "priority": row.priority,
        "only_if": found.only_if,
        "parents": sorted({*row.parents, *locked_by(found.fields, spec)}),
        "undoes": row.number,
        # What anybody else wrote to these fields after the undone one was sent is newer than what
        # it replaced.
        "guarded_from": row.sent_at,
    }


def _chosen(connection: sa.Connection, chosen: WritebackChoice) -> list[sa.Row[Any]]:
    is_chosen = is_among(chosen.numbers) if chosen.numbers else WRITEBACK.c.batch == chosen.batch
    query = sa.select(WRITEBACK).where(is_chosen).order_by(WRITEBACK.c.number.desc())
    return list(connection.execute(query))


def _of_records(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> defaultdict[str, list[Written]]:
    """Record -> its writebacks that are done or on their way."""
    records = sa.literal(sorted({row.record for row in rows}), sa.ARRAY(sa.Text))
    counts = [WritebackState.DONE, WritebackState.WAITING, WritebackState.OPEN]
    query = sa.select(WRITEBACK).where(
        WRITEBACK.c.record == sa.func.any(records), WRITEBACK.c.state.in_(counts)
    )
    found: defaultdict[str, list[Written]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.record].append(_written(row))
    return found


def _written(row: sa.Row[Any]) -> Written:
    return Written(row.number, row.batch, row.fields, row.replaced, row.undoes)


def _undone_before(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[int, int]:
    undoes = WRITEBACK.c.undoes
    numbers = sa.literal([row.number for row in rows], sa.ARRAY(sa.BigInteger))
    query = sa.select(undoes, WRITEBACK.c.number).where(undoes.is_not(None), undoes == sa.func.any(numbers))
    return {int(undone): int(number) for undone, number in connection.execute(query)}


def _used_keys(connection: sa.Connection, caller: str, rows: Sequence[sa.Row[Any]]) -> frozenset[str]:
    keys = sa.literal([_key(row.number) for row in rows], sa.ARRAY(sa.Text))
    query = sa.select(WRITEBACK.c.key).where(
        WRITEBACK.c.caller == caller, WRITEBACK.c.key == sa.func.any(keys)
    )
    return frozenset(connection.execute(query).scalars())


def _insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Accept them in this order; returns number -> number of its undo."""
    if not rows:
        return {}
    statement = WRITEBACK.insert().returning(
        WRITEBACK.c.undoes, WRITEBACK.c.number, sort_by_parameter_order=True
    )
    return {int(undone): int(number) for undone, number in connection.execute(statement, rows)}
