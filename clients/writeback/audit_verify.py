"""Verify the record of every attempt against its seal: each batch that is closed has an act in the
audit log with the digest of its attempts, and that log is chained by hash and anchored (law 9).

Batches, seals and attempts are read side by side in one order, so that years of them take no more
memory than a day.
"""

import heapq
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from clients.database.audit_log import AUDIT_LOG
from clients.writeback.audit_seal import ACT, SEALED, attempts_digest, sealed_digest, sealed_target
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

    def sealed(self, target: str, digest: str) -> None:
        """An act seals its attempts."""
        self.seals.append((target, digest))

    def attempted(self, digest: str) -> None:
        """It has attempts."""
        self.digest = digest


def broken_seals(dsn: str) -> list[str]:
    """Breaks in the record of attempts, a sentence each; empty when every batch's are as they were
    sealed. Blocks.

    Attempts of a batch that is still open are not sealed yet. `dsn`: of the operational store.
    Raises `UnavailableError` when it does not answer.
    """
    with closing(WritebackStore(dsn)) as store, store.begin() as connection:
        connection.execute(_SNAPSHOT)
        return [sentence for batch in _batches(connection) for sentence in _breaks(batch)]


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


def _batches(connection: sa.Connection) -> Iterator[_Batch]:
    """Every batch that any of the tables names, in order."""
    streams = (_listed(connection), _seals(connection), _digests(connection))
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
    query = sa.select(name.label("batch"), AUDIT_LOG.c.target, AUDIT_LOG.c.detail)
    ordered = query.where(AUDIT_LOG.c.act == ACT).order_by(name.collate("C"), AUDIT_LOG.c.number)
    for row in _streamed(connection, ordered):
        yield row.batch, partial(_Batch.sealed, target=row.target, digest=sealed_digest(row.detail))


def _digests(connection: sa.Connection) -> Iterator[Fact]:
    """The digest of each batch's attempts as they are now."""
    table = WRITEBACK_ATTEMPT.c
    query = sa.select(*(table[name] for name in SEALED))
    rows = _streamed(connection, query.order_by(table.batch.collate("C"), table.number, table.attempt))
    for name, some in groupby(rows, key=lambda row: str(row.batch)):
        yield name, partial(_Batch.attempted, digest=attempts_digest(some))


def _streamed(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    yield from connection.execute(query.execution_options(yield_per=_AT_A_TIME))
