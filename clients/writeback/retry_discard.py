"""Writebacks that were not sent, in an operator's hands: tried again, or let go. Each act is on
record with what it did (law 9).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from clients.database.audit_log import append_act
from clients.writeback.store import FORMING, WritebackStore, lock
from clients.writeback.tables import WRITEBACK
from schemas.ingest.messages import Act
from schemas.writeback.control import Handled, LeftAlone, WritebackChoice
from schemas.writeback.messages import DEADLINE, WritebackState
from transforms.writeback.selection import ranges

UNSENT = (WritebackState.DEAD, WritebackState.HELD, WritebackState.SUPERSEDED)
"""Retry or discard writebacks that wait for an operator, or were decided without one."""
_LATER = sa.text("""
    SELECT w.number, min(l.number)
    FROM writeback AS w JOIN writeback AS l ON l.record = w.record AND l.number > w.number AND l.state IN ('done', 'open')
    WHERE w.number = ANY (CAST(:numbers AS bigint[]))
      AND EXISTS (SELECT 1 FROM jsonb_object_keys(w.fields) AS name WHERE l.fields ? name)
    GROUP BY w.number
""")
"""Of some writebacks the first later one of the same record and a field of theirs that is in
Salesforce, or on its way.
"""


class Unsent:
    """The writebacks of one store that were not sent. Its methods block."""

    def __init__(self, store: WritebackStore) -> None:
        self._store = store

    def retry(self, chosen: WritebackChoice, *, by: str, reason: str, force: bool = False) -> Handled:
        """Have them sent once more, as if they had just been accepted: no attempts, and five
        minutes at least.

        One that was held or superseded, or whose outcome is unknown, is sent although the record
        was changed in Salesforce before now; a change after now counts as newer again.
        Preconditions stay.

        Args:
            chosen: Which ones; without a state, every one that was not sent.
            by: Who asks.
            reason: Why.
            force: Also those with a later writeback of the same record and field that is done or
                on its way.
        """
        with self._store.begin() as connection:
            # No batch is formed meanwhile, so what is found later than these stays the last.
            lock(connection, FORMING)
            rows = _chosen(connection, chosen)
            left = _not_there(chosen, rows) + _wrong_state(rows)
            going = [row for row in rows if row.state in UNSENT]
            later = {} if force else _later(connection, [row.number for row in going])
            left += [LeftAlone(number=number, why=_told_later(other)) for number, other in later.items()]
            going = [row for row in going if row.number not in later]
            now = datetime.now(UTC)
            _wait_again(connection, [row.number for row in going], now)
            record_act(connection, WritebackAct("writeback.retry", by, reason, now), going)
        return _handled(going, left)

    def discard(self, chosen: WritebackChoice, *, by: str, reason: str) -> Handled:
        """Let them go: they are never sent. Arguments as of `retry`."""
        with self._store.begin() as connection:
            lock(connection, FORMING)
            rows = _chosen(connection, chosen)
            going = [row for row in rows if row.state in UNSENT]
            connection.execute(
                WRITEBACK.update()
                .where(is_among([row.number for row in going]))
                .values(state=WritebackState.DISCARDED)
            )
            act = WritebackAct("writeback.discard", by, reason, datetime.now(UTC))
            record_act(connection, act, going)
        return _handled(going, _not_there(chosen, rows) + _wrong_state(rows))


def is_among(numbers: Sequence[int]) -> sa.ColumnElement[bool]:
    """True for the writebacks with these numbers, however many."""
    return WRITEBACK.c.number == sa.func.any(sa.literal(list(numbers), sa.ARRAY(sa.BigInteger)))


class WritebackAct(NamedTuple):
    """An operator's act on writebacks."""

    name: str
    """Stored: `writeback.retry`, `writeback.discard` or `writeback.undo`."""
    by: str
    reason: str
    at: datetime


def record_act(
    connection: sa.Connection,
    act: WritebackAct,
    rows: Iterable[sa.Row[Any]],
    told: Mapping[str, str] | None = None,
) -> None:
    """Put an act on record, once an object, with the numbers of its writebacks.

    `told` maps an object to a sentence beside the numbers. None = no sentences.
    """
    of_object: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        of_object[row.object].append(row.number)
    for name, numbers in sorted(of_object.items()):
        parts = (ranges(numbers), (told or {}).get(name, ""), act.reason)
        detail = "; ".join(filter(None, parts))
        target = f"writebacks/{name}"
        append_act(connection, Act(act=act.name, by=act.by, target=target, detail=detail, at=act.at))


def not_chosen(chosen: WritebackChoice, found: Iterable[int]) -> list[LeftAlone]:
    """The numbers that were named and are no writebacks."""
    missing = sorted(set(chosen.numbers) - set(found))
    why = "There is no such writeback. `tidegate writeback list` shows those that there are."
    return [LeftAlone(number=number, why=why) for number in missing]


def _chosen(connection: sa.Connection, chosen: WritebackChoice) -> list[sa.Row[Any]]:
    query = sa.select(WRITEBACK.c.number, WRITEBACK.c.object, WRITEBACK.c.state, WRITEBACK.c.code)
    if chosen.numbers:
        query = query.where(is_among(chosen.numbers))
    else:
        parts = chosen.model_dump(include={"object", "code", "state", "batch"}, exclude_none=True)
        query = query.where(*(WRITEBACK.c[name] == value for name, value in parts.items()))
        query = query.where(WRITEBACK.c.state.in_(UNSENT))
    return list(connection.execute(query.order_by(WRITEBACK.c.number).with_for_update()))


def _not_there(chosen: WritebackChoice, rows: Sequence[sa.Row[Any]]) -> list[LeftAlone]:
    return not_chosen(chosen, (row.number for row in rows))


def _wrong_state(rows: Sequence[sa.Row[Any]]) -> list[LeftAlone]:
    why = "It is {}. Only what is dead, held or superseded waits for an operator."
    return [
        LeftAlone(number=row.number, why=why.format(row.state)) for row in rows if row.state not in UNSENT
    ]


def _later(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, int]:
    rows = connection.execute(_LATER, {"numbers": list(numbers)})
    return {int(number): int(other) for number, other in rows}


def _told_later(other: int) -> str:
    return (
        f"Writeback {other} of the same record and field came later and is in Salesforce, or on its way: it would be overwritten. "
        "Discard this one, or retry it with --force."
    )


def _wait_again(connection: sa.Connection, numbers: Sequence[int], now: datetime) -> None:
    table = WRITEBACK.c
    time = table.deadline.type
    is_decided = table.state.in_([WritebackState.HELD, WritebackState.SUPERSEDED]) | (
        table.code == "unknown_outcome"
    )
    connection.execute(
        WRITEBACK.update()
        .where(is_among(numbers))
        .values(
            state=WritebackState.WAITING,
            attempts=0,
            not_before=now,
            deadline=sa.func.greatest(table.deadline, sa.literal(now + DEADLINE, time)),
            guarded_from=sa.case((is_decided, sa.literal(now, time)), else_=table.guarded_from),
            retried_at=now,
            # What an earlier try found may be gone.
            replaced=sa.null(),
            record_id=None,
            sent_at=None,
        )
    )


def _handled(going: Sequence[sa.Row[Any]], left: Sequence[LeftAlone]) -> Handled:
    return Handled(
        numbers=tuple(row.number for row in going),
        objects=tuple(sorted({row.object for row in going})),
        left=tuple(sorted(left, key=lambda each: each.number)),
    )
