"""Verify the record of every attempt against its seal: each batch that is closed has an act in the
audit log with the digest of its attempts, and that log is chained by hash (law 9).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import groupby

import sqlalchemy as sa

from clients.database.address import Database
from clients.database.audit_log import AUDIT_LOG
from clients.writeback.audit_seal import ACT, SEALED, attempts_digest, sealed_digest, sealed_target
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
        digests = dict(_digests(connection))
    return sorted(
        [
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
    """Target -> the digests that were sealed for it."""
    found = defaultdict(list)
    query = sa.select(AUDIT_LOG.c.target, AUDIT_LOG.c.detail).where(AUDIT_LOG.c.act == ACT)
    for row in connection.execute(query.order_by(AUDIT_LOG.c.number)):
        found[row.target].append(sealed_digest(row.detail))
    return found


def _digests(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    """Batch, and the digest of its attempts as they are now."""
    table = WRITEBACK_ATTEMPT.c
    query = sa.select(*(table[name] for name in SEALED)).order_by(table.batch, table.number, table.attempt)
    rows = connection.execution_options(yield_per=_AT_A_TIME).execute(query)
    for batch, some in groupby(rows, key=lambda row: str(row.batch)):
        yield batch, attempts_digest(some)
