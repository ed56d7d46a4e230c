"""Verify the record of every attempt against its seal: each batch that is closed has an act in the
audit log with the digest of its attempts, and that log is chained by hash and anchored (law 9).

Batches, seals and attempts are read side by side in one order, so that years of them take no more
memory than a day.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from clients.database.address import Database
from clients.database.audit_log import AUDIT_LOG
from clients.writeback.attempts.seal import ACT, READ, RESEALED, attempts_digest, sealed_digest, sealed_target
from clients.writeback.attempts.values import erased_list_digest, is_as_sealed
from clients.writeback.erasure import ATTEMPTS_ACT, attempts_target
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK_ATTEMPT, WRITEBACK_BATCH
from schemas.writeback.messages import BatchState

_AT_A_TIME = 2_000
_SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_NOTHING = attempts_digest([])


@dataclass
class _Batch:
    """One batch, as the three tables have it."""

    name: str
    object: str = ""
    state: str = ""
    is_listed: bool = False
    seals: list[tuple[str, str]] = field(default_factory=list)
    """Target and digest."""
    digest: str | None = None
    """Of its attempts as they are now; None = it has none."""

    def enlist(self, object_name: str, state: str) -> None:
        """It is in the list of batches."""
        self.object, self.state, self.is_listed = object_name, state, True

    def attempted(self, digest: str) -> None:
        """It has attempts."""
        self.digest = digest

    def seal(self, act: str, target: str, digest: str) -> None:
        """It was sealed. An erasure's seal stands for those before."""
        if act == RESEALED:
            self.seals.clear()
        self.seals.append((target, digest))


class _Attempts:
    """One pass over all attempts."""

    def __init__(self) -> None:
        self.altered: list[str] = []
        """A sentence for each whose values are not those of its digest."""
        self.erased: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
        """Erasure -> the attempts that say it took their values."""

    def looked_at(self, row: sa.Row[Any]) -> sa.Row[Any]:
        """The row, whose values are held against their digest."""
        if not is_as_sealed(row):
            self.altered.append(
                f"attempt {row.attempt} of writeback {row.number} in batch {row.batch} has other values than were sealed"
            )
        if row.erased_by is not None:
            self.erased[row.erased_by].append((row.number, row.attempt, row.values_digest or ""))
        return row


def broken_seals(dsn: Database) -> list[str]:
    """Breaks in the record of attempts, a sentence each; empty when every batch's are as they were
    sealed. Blocks.

    Attempts of a batch that is still open are not sealed yet. `dsn`: of the operational store.
    Raises `UnavailableError` when it does not answer.
    """
    with closing(WritebackStore(dsn)) as store, store.begin() as connection:
        connection.execute(_SNAPSHOT)
        attempts = _Attempts()
        broken = [sentence for batch in _batches(connection, attempts) for sentence in _breaks(batch)]
        return [*broken, *attempts.altered, *_unlisted(attempts.erased, _erased_lists(connection))]


def _breaks(batch: _Batch) -> Iterator[str]:
    if not batch.is_listed and batch.digest is not None:
        yield f"batch {batch.name} has attempts, and is not in the list of batches"
    target = sealed_target(batch.object, batch.name)
    is_closed = batch.is_listed and batch.state == BatchState.CLOSED
    for sealed, _ in batch.seals:
        if not is_closed or sealed != target:
            yield f"{sealed} was sealed, and is not among the batches that are closed"
    if not is_closed:
        return
    digests = [digest for sealed, digest in batch.seals if sealed == target]
    if not digests:
        yield f"batch {batch.name} is closed, and no act seals its attempts"
    elif len(digests) > 1:
        yield f"batch {batch.name} was sealed {len(digests)} times"
    elif digests[0] != (batch.digest or _NOTHING):
        yield f"the attempts of batch {batch.name} are not those that were sealed: a row was altered, removed, added or moved"


def _batches(connection: sa.Connection, attempts: _Attempts) -> Iterator[_Batch]:
    """Every batch that any of the tables names, in order."""
    streams = (_listed(connection), _seals(connection), _digests(connection, attempts))
    for name, facts in groupby(heapq.merge(*streams, key=_name), key=_name):
        batch = _Batch(name)
        for _, add in facts:
            add(batch)
        yield batch


Fact = tuple[str, Callable[[_Batch], None]]
"""A batch's name, and what a row of a table adds to what is known of it."""


def _name(fact: Fact) -> str:
    return fact[0]


def _listed(connection: sa.Connection) -> Iterator[Fact]:
    table = WRITEBACK_BATCH.c
    name = table.batch.collate("C")
    for row in _streamed(connection, sa.select(table.batch, table.object, table.state).order_by(name)):
        yield row.batch, partial(_Batch.enlist, object_name=row.object, state=row.state)


def _seals(connection: sa.Connection) -> Iterator[Fact]:
    name = sa.func.split_part(AUDIT_LOG.c.target, "/", 3)
    query = sa.select(name.label("batch"), AUDIT_LOG.c.act, AUDIT_LOG.c.target, AUDIT_LOG.c.detail)
    ordered = query.where(AUDIT_LOG.c.act.in_([ACT, RESEALED])).order_by(
        name.collate("C"), AUDIT_LOG.c.number
    )
    for row in _streamed(connection, ordered):
        digest = sealed_digest(row.detail)
        yield row.batch, partial(_Batch.seal, act=row.act, target=row.target, digest=digest)


def _digests(connection: sa.Connection, attempts: _Attempts) -> Iterator[Fact]:
    """The digest of each batch's attempts as they are now."""
    table = WRITEBACK_ATTEMPT.c
    query = sa.select(*(table[name] for name in READ))
    rows = _streamed(connection, query.order_by(table.batch.collate("C"), table.number, table.attempt))
    for name, some in groupby(rows, key=lambda row: str(row.batch)):
        digest = attempts_digest(map(attempts.looked_at, some))
        yield name, partial(_Batch.attempted, digest=digest)


def _streamed(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    yield from connection.execute(query.execution_options(yield_per=_AT_A_TIME))


def _erased_lists(connection: sa.Connection) -> dict[str, str]:
    """Target -> the digest of the last list of attempts that the erasure put on record."""
    query = sa.select(AUDIT_LOG.c.target, AUDIT_LOG.c.detail).where(AUDIT_LOG.c.act == ATTEMPTS_ACT)
    rows = connection.execute(query.order_by(AUDIT_LOG.c.number))
    return {row.target: sealed_digest(row.detail) for row in rows}


def _unlisted(
    erased: Mapping[str, Sequence[tuple[int, int, str]]], listed: Mapping[str, str]
) -> Iterator[str]:
    """Who empties an attempt by hand cannot say that it was an erasure."""
    for erasure, rows in erased.items():
        if listed.get(attempts_target(erasure)) != erased_list_digest(rows):
            yield (
                f"{len(rows)} attempts say that erasure {erasure} took their values, "
                "and its record lists others"
            )
