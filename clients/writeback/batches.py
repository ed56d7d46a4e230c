"""One batch in the store: what it sends, that it is about to be sent, and what became of it.

A batch goes `formed` -> `sent` -> `closed`. The first step is taken before the call, under the
lock of the pauses; so a batch that is found `sent` was perhaps carried out, and a pause that is
acknowledged has no batch left to stop.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from clients.writeback.attempts.seal import seal
from clients.writeback.batch_queries import (
    FoundRecord,
    OwnWrite,
    StoredBatch,
    StoredWriteback,
    read_batch,
    read_own_writes,
)
from clients.writeback.pauses import pauses_of
from clients.writeback.record_outcomes import Seal, open_in, settle
from clients.writeback.store import PAUSING, WritebackStore, lock
from clients.writeback.tables import WRITEBACK, WRITEBACK_ATTEMPT, WRITEBACK_BATCH, WRITEBACK_CLAIM
from schemas.errors import UnavailableError
from schemas.writeback.messages import BatchCounts, BatchState, WritebackState
from transforms.writeback.facts import Outcome


class WritebackBatches:
    """The batches of one store. Its methods block."""

    def __init__(self, store: WritebackStore, seal: Seal = lambda _: None) -> None:
        """`seal` encrypts Salesforce's words about a row. Default: they are not kept."""
        self._store = store
        self._seal = seal

    def load(self, batch: str) -> tuple[StoredBatch, list[StoredWriteback]]:
        """A batch, and its writebacks that are still open, in the order of acceptance."""
        with self._store.begin() as connection:
            return read_batch(connection, batch)

    def own_writes(self, records: Sequence[str]) -> dict[str, OwnWrite]:
        """Record -> the last writeback of it that is done."""
        with self._store.begin() as connection:
            return read_own_writes(connection, records)

    def begin_sending(
        self,
        batch: str,
        *,
        sent_at: datetime,
        before: Mapping[str, FoundRecord],
        settled: Mapping[str, Outcome],
        job: str | None = None,
    ) -> bool:
        """Say that the batch is about to be sent, or find that it must not be.

        Args:
            batch: The batch.
            sent_at: The org's time.
            before: Record -> as it is now, of records that are there.
            settled: Record -> outcome, of those that are not sent.
            job: The ingest job that is about to be closed; None: another carrier.

        Returns False, and changes nothing, when it was paused; what it held then waits again.
        Raises `UnavailableError` when somebody else has begun: two that took the batch for
        unsent would send it twice.
        """
        with self._store.begin() as connection:
            lock(connection, PAUSING, shared=True)
            if not _is_formed(connection, batch):
                raise UnavailableError(system="the batch", detail=f"{batch} is being sent by another process")
            if _is_paused(connection, batch):
                return False
            _keep_before(connection, batch, before)
            settle(connection, batch, settled, self._seal, sent_at=None, now=sent_at)
            connection.execute(
                WRITEBACK_BATCH.update()
                .where(WRITEBACK_BATCH.c.batch == batch)
                .values(state=BatchState.SENT, sent_at=sent_at, job=job)
            )
            connection.execute(WRITEBACK.update().where(open_in(batch)).values(sent_at=sent_at))
        return True

    def may_go_on(self, batch: str) -> bool:
        """False when more of a batch that is being sent must not be sent, because it was paused."""
        with self._store.begin() as connection:
            lock(connection, PAUSING, shared=True)
            return not _is_paused(connection, batch)

    def keep_job(self, batch: str, job: str) -> bool:
        """The ingest job that is to carry the batch, as long as nothing was sent; False, and
        nothing is kept, when something was.
        """
        with self._store.begin() as connection:
            if not _is_formed(connection, batch):
                return False
            connection.execute(
                WRITEBACK_BATCH.update().where(WRITEBACK_BATCH.c.batch == batch).values(job=job)
            )
        return True

    def open_jobs(self) -> set[str]:
        """Ingest jobs of batches that are not closed."""
        query = sa.select(WRITEBACK_BATCH.c.job).where(
            WRITEBACK_BATCH.c.state != BatchState.CLOSED, WRITEBACK_BATCH.c.job.is_not(None)
        )
        with self._store.begin() as connection:
            return set(connection.execute(query).scalars())

    def settle(
        self,
        batch: str,
        outcomes: Mapping[str, Outcome],
        *,
        calls: int,
        state: BatchState = BatchState.SENT,
        now: datetime | None = None,
    ) -> None:
        """Record -> outcome, of some; the others stay open, and keep only what they claim
        themselves. A batch that is closed stays as it is. `now`: as of `close`.

        Raises `UnavailableError` as `close`.
        """
        with self._store.begin() as connection:
            row = _held(connection, batch)
            if _is_over(row, state):
                return
            connection.execute(
                WRITEBACK_BATCH.update()
                .where(WRITEBACK_BATCH.c.batch == batch)
                .values(calls=WRITEBACK_BATCH.c.calls + calls)
            )
            at = now or datetime.now(UTC)
            settle(connection, batch, outcomes, self._seal, sent_at=row.sent_at, now=at)
            _release(connection, batch)

    def close(
        self,
        batch: str,
        outcomes: Mapping[str, Outcome],
        *,
        calls: int,
        state: BatchState = BatchState.SENT,
        now: datetime | None = None,
    ) -> BatchCounts:
        """Record -> outcome, of all that is still open. Claims end, attempts are sealed in the
        audit log; all in one transaction.

        Args:
            batch: The batch.
            outcomes: Whatever is open needs one.
            calls: That were made since the last time.
            state: In which the outcomes were found. That nothing is to be sent is not true any
                more of a batch that was sent meanwhile.
            now: The time, by a clock that agrees with the org's: another process judges the next
                look at a record by it. None: this process's.

        A batch that is closed stays as it is, and says what became of it. Raises
        `UnavailableError` when it is in another state.
        """
        with self._store.begin() as connection:
            row = _held(connection, batch)
            if _is_over(row, state):
                return _counts(row)
            at = now or datetime.now(UTC)
            settle(connection, batch, outcomes, self._seal, sent_at=row.sent_at, now=at)
            rest = connection.execute(
                sa.select(sa.func.count()).select_from(WRITEBACK).where(open_in(batch))
            ).scalar_one()
            if rest:
                raise ValueError(f"{rest} writebacks of batch {batch} have no outcome")
            connection.execute(WRITEBACK_CLAIM.delete().where(WRITEBACK_CLAIM.c.batch == batch))
            counts = _counted(connection, batch, row.calls + calls)
            values = {**counts.model_dump(), "state": BatchState.CLOSED, "closed_at": at}
            connection.execute(
                WRITEBACK_BATCH.update().where(WRITEBACK_BATCH.c.batch == batch).values(**values)
            )
            seal(connection, batch, row.object, counts)
        return counts


def _is_paused(connection: sa.Connection, batch: str) -> bool:
    """True when a pause holds back something that is open in the batch."""
    row = connection.execute(
        sa.select(WRITEBACK_BATCH.c.object, sa.func.max(WRITEBACK.c.number).label("last"))
        .join(WRITEBACK, WRITEBACK.c.batch == WRITEBACK_BATCH.c.batch)
        .where(WRITEBACK_BATCH.c.batch == batch, WRITEBACK.c.state == WritebackState.OPEN)
        .group_by(WRITEBACK_BATCH.c.object)
    ).one()
    pauses = pauses_of(connection, row.object)
    return any(pause.drains_to is None or pause.drains_to < row.last for pause in pauses)


def _is_formed(connection: sa.Connection, batch: str) -> bool:
    """True for a batch of which nothing was sent; its row is held until the transaction ends."""
    found = sa.select(WRITEBACK_BATCH.c.state).where(WRITEBACK_BATCH.c.batch == batch).with_for_update()
    return bool(connection.execute(found).scalar_one() == BatchState.FORMED)


def _held(connection: sa.Connection, batch: str) -> sa.Row[Any]:
    """The batch's row, which nobody else changes until the transaction ends."""
    return connection.execute(
        sa.select(WRITEBACK_BATCH).where(WRITEBACK_BATCH.c.batch == batch).with_for_update()
    ).one()


def _is_over(row: sa.Row[Any], state: BatchState) -> bool:
    if row.state not in (BatchState.CLOSED, state):
        raise UnavailableError(system="the batch", detail=f"{row.batch} is {row.state} by another process")
    return bool(row.state == BatchState.CLOSED)


def _keep_before(connection: sa.Connection, batch: str, before: Mapping[str, FoundRecord]) -> None:
    # What an earlier try found may be gone: a record that was deleted is made again.
    nothing = {"record_id": sa.null(), "foreign_at": sa.null(), "replaced": sa.null()}
    connection.execute(WRITEBACK.update().where(open_in(batch)).values(nothing))
    if not before:
        return
    found = [
        {
            "of_record": record,
            "found_id": each.record_id,
            "found_at": each.foreign_at,
            "found": dict(each.values),
        }
        for record, each in before.items()
    ]
    connection.execute(
        WRITEBACK.update()
        .where(open_in(batch) & (WRITEBACK.c.record == sa.bindparam("of_record")))
        .values(
            record_id=sa.bindparam("found_id"),
            foreign_at=sa.bindparam("found_at"),
            replaced=sa.bindparam("found"),
        ),
        found,
    )


def _release(connection: sa.Connection, batch: str) -> None:
    """End the claims of what is settled: one entry that nobody knows of yet would else hold up all
    that shares a parent with the others.
    """
    names = sa.union(
        sa.select(WRITEBACK.c.record).where(open_in(batch)),
        sa.select(sa.func.unnest(WRITEBACK.c.parents)).where(open_in(batch)),
    )
    claims = WRITEBACK_CLAIM.c
    connection.execute(WRITEBACK_CLAIM.delete().where(claims.batch == batch, claims.name.not_in(names)))


def _counted(connection: sa.Connection, batch: str, calls: int) -> BatchCounts:
    table = WRITEBACK_ATTEMPT.c
    rows = connection.execute(
        sa.select(table.outcome, sa.func.count()).where(table.batch == batch).group_by(table.outcome)
    )
    found = {str(state): int(count) for state, count in rows}
    return BatchCounts(
        done=found.get(WritebackState.DONE, 0),
        again=found.get(WritebackState.WAITING, 0),
        held=found.get(WritebackState.HELD, 0),
        dead=found.get(WritebackState.DEAD, 0),
        superseded=found.get(WritebackState.SUPERSEDED, 0),
        calls=calls,
    )


def _counts(row: sa.Row[Any]) -> BatchCounts:
    return BatchCounts(**{name: getattr(row, name) for name in BatchCounts.model_fields})
