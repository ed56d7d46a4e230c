"""Verify the record of every attempt against its seal: each batch that is closed has an act in the
audit log with the digest of its attempts, and that log is chained by hash (law 9).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from clients.database.address import Database
from clients.database.audit_log import AUDIT_LOG
from clients.writeback.attempt_values import erased_list_digest, is_as_sealed
from clients.writeback.audit_seal import ACT, READ, RESEALED, attempts_digest, sealed_digest, sealed_target
from clients.writeback.erasure import ATTEMPTS_ACT, attempts_target
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK_ATTEMPT, WRITEBACK_BATCH
from schemas.writeback.messages import BatchState

_AT_A_TIME = 2_000
_SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def broken_seals(dsn: Database) -> list[str]:
    """Breaks in the record of attempts, a sentence each; empty when every batch's are as they were
    sealed. Blocks.

    Attempts of a batch that is still open are not sealed yet. `dsn`: of the operational store.
    Raises `UnavailableError` when it does not answer.
    """
    with closing(WritebackStore(dsn)) as store, store.begin() as connection:
        connection.execute(_SNAPSHOT)
        batches = {
            row.batch: row
            for row in connection.execute(
                sa.select(WRITEBACK_BATCH.c.batch, WRITEBACK_BATCH.c.object, WRITEBACK_BATCH.c.state)
            )
        }
        closed = {
            sealed_target(row.object, row.batch): row.batch
            for row in batches.values()
            if row.state == BatchState.CLOSED
        }
        seals = _seals(connection)
        found = _Attempts()
        digests = dict(found.digests(connection))
        listed = _erased_lists(connection)
    return sorted(
        [
            *found.altered,
            *_unlisted(found.erased, listed),
            *(
                f"batch {batch} has attempts, and is not in the list of batches"
                for batch in digests.keys() - batches
            ),
            *(
                f"{target} was sealed, and is not among the batches that are closed"
                for target in seals.keys() - closed
            ),
            *_compared(closed, seals, digests),
        ]
    )


def _compared(
    closed: Mapping[str, str], seals: Mapping[str, list[str]], digests: Mapping[str, str]
) -> Iterator[str]:
    nothing = attempts_digest([])
    for target, batch in closed.items():
        found = seals.get(target, [])
        if not found:
            yield f"batch {batch} is closed, and no act seals its attempts"
        elif len(found) > 1:
            yield f"batch {batch} was sealed {len(found)} times"
        elif found[0] != digests.get(batch, nothing):
            yield f"the attempts of batch {batch} are not those that were sealed: a row was altered, removed, added or moved"


def _seals(connection: sa.Connection) -> dict[str, list[str]]:
    """Target -> the digests that were sealed for it. An erasure's seal stands for those before."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    acts = [ACT, RESEALED]
    query = sa.select(AUDIT_LOG.c.act, AUDIT_LOG.c.target, AUDIT_LOG.c.detail).where(
        AUDIT_LOG.c.act.in_(acts)
    )
    for row in connection.execute(query.order_by(AUDIT_LOG.c.number)):
        if row.act == RESEALED:
            found[row.target].clear()
        found[row.target].append(sealed_digest(row.detail))
    return found


class _Attempts:
    """One pass over all attempts."""

    def __init__(self) -> None:
        self.altered: list[str] = []
        """A sentence for each whose values are not those of its digest."""
        self.erased: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
        """Erasure -> the attempts that say it took their values."""

    def digests(self, connection: sa.Connection) -> Iterator[tuple[str, str]]:
        """Batch, and the digest of its attempts as they are now."""
        table = WRITEBACK_ATTEMPT.c
        query = sa.select(*(table[name] for name in READ)).order_by(table.batch, table.number, table.attempt)
        rows = connection.execution_options(yield_per=_AT_A_TIME).execute(query)
        for batch, some in groupby(rows, key=lambda row: str(row.batch)):
            yield batch, attempts_digest(map(self._looked_at, some))

    def _looked_at(self, row: sa.Row[Any]) -> sa.Row[Any]:
        if not is_as_sealed(row):
            self.altered.append(
                f"attempt {row.attempt} of writeback {row.number} in batch {row.batch} has other values than were sealed"
            )
        if row.erased_by is not None:
            self.erased[row.erased_by].append((row.number, row.attempt, row.values_digest or ""))
        return row


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
