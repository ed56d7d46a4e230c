"""BatchFormer batches: one transaction reads what waits and what is claimed, drafts, and writes
batches and claims.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clients.writeback.echoes import lacks_echo
from clients.writeback.pauses import pause_text, pauses_of
from clients.writeback.store import FORMING, WritebackStore, lock
from clients.writeback.tables import WRITEBACK, WRITEBACK_BATCH, WRITEBACK_CLAIM
from schemas.ids import writeback_batch_name
from schemas.writeback.messages import (
    BatchState,
    Carrier,
    Formed,
    FormInput,
    Mode,
    WritebackBatchInput,
    WritebackState,
)
from transforms.writeback.batching import BULK_ROWS, BatchDraft, BatchingConfig, Waiting, draft_batches
from transforms.writeback.row_errors import NOT_SENT

_LOOKED_AT = 2 * BULK_ROWS
"""Writebacks that one forming looks at; the most urgent are among them."""

_CANDIDATES = sa.text(
    """
    SELECT w.number, w.record, w.key_field, w.parents, w.mode, w.priority,
           w.accepted_at, w.deadline, w.not_before AS ready_at,
           NOT w.may_create OR w.code IS NOT DISTINCT FROM :not_sent AS needs_call
    FROM writeback AS w
    WHERE w.object = :object AND w.state = 'waiting' AND w.not_before <= :now AND w.number <= :last
      AND NOT EXISTS (
        SELECT 1 FROM writeback AS e
        WHERE e.record = w.record AND e.state IN ('waiting', 'open')
          AND (e.state = 'open'
               OR (e.number < w.number AND (w.mode = 'ordered' OR e.mode = 'ordered' OR e.not_before > :now))))
      AND NOT EXISTS (
        SELECT 1 FROM writeback AS p
        WHERE p.state IN ('waiting', 'open') AND p.may_create AND p.number < w.number
          AND p.record = ANY (w.parents))
    ORDER BY w.priority, w.deadline, w.number
    LIMIT :most
    """
)
"""Writebacks that may be sent now: due, the first of their record (or merged with all before), and
with no parent that is still to be written.
"""
_NO_LAST = 2**62


class BatchFormer:
    """Forms the batches of one store."""

    def __init__(self, store: WritebackStore, terms: BatchingConfig | None = None) -> None:
        """`terms` None: the usual ones."""
        self._store = store
        self._terms = terms or BatchingConfig()

    def form(self, request: FormInput) -> Formed:
        """Form what is due, up to `most_open` open batches of the object; returns those and every
        one that was open before. Blocks.
        """
        now = datetime.now(UTC)
        with self._store.begin() as connection:
            lock(connection, FORMING)
            pauses = pauses_of(connection, request.object)
            is_held = any(row.drains_to is None for row in pauses)
            last = min((row.drains_to for row in pauses if row.drains_to is not None), default=_NO_LAST)
            found = _open_batches(connection, request)
            room = request.most_open - len(found)
            if room > 0 and not is_held:
                waiting = _waiting(connection, request.object, now, last)
                claimed = set(connection.execute(sa.select(WRITEBACK_CLAIM.c.name)).scalars())
                drafts = draft_batches(
                    waiting,
                    claimed,
                    most=room,
                    now=now,
                    terms=self._terms,
                    formed_at=_last_formed(connection, request.object),
                )
                found += [_write(connection, request, draft, now) for draft in drafts]
            count, next_at = _rest(connection, request.object)
            lacks = connection.execute(
                sa.select(sa.exists().where(lacks_echo(request.object, now)))
            ).scalar_one()
        return Formed(
            batches=tuple(found),
            waiting=count,
            next_at=next_at,
            paused_because=pause_text(pauses),
            lacks_echo=bool(lacks),
        )


def objects_that_wait(store: WritebackStore) -> list[str]:
    """Objects with writebacks that are to be sent, or are in a batch that is open."""
    on_the_way = WRITEBACK.c.state.in_([WritebackState.WAITING, WritebackState.OPEN])
    with store.begin() as connection:
        return list(connection.execute(sa.select(WRITEBACK.c.object).where(on_the_way).distinct()).scalars())


def _open_batches(connection: sa.Connection, request: FormInput) -> list[WritebackBatchInput]:
    table = WRITEBACK_BATCH.c
    rows = connection.execute(
        sa.select(table.batch, table.carrier, table.size)
        .where(table.object == request.object, table.state != BatchState.CLOSED)
        .order_by(table.formed_at, table.batch)
    )
    return [
        WritebackBatchInput(
            org=request.org,
            object=request.object,
            batch=row.batch,
            carrier=Carrier(row.carrier),
            size=row.size,
        )
        for row in rows
    ]


def _last_formed(connection: sa.Connection, object_name: str) -> datetime | None:
    table = WRITEBACK_BATCH.c
    query = sa.select(sa.func.max(table.formed_at)).where(table.object == object_name)
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def _waiting(connection: sa.Connection, object_name: str, now: datetime, last: int) -> list[Waiting]:
    rows = connection.execute(
        _CANDIDATES,
        {"object": object_name, "now": now, "last": last, "most": _LOOKED_AT, "not_sent": NOT_SENT},
    )
    return [
        Waiting(
            number=row.number,
            record=row.record,
            parents=tuple(row.parents),
            mode=Mode(row.mode),
            priority=row.priority,
            accepted_at=row.accepted_at,
            deadline=row.deadline,
            ready_at=row.ready_at,
            needs_call=row.needs_call,
            key_field=row.key_field,
        )
        for row in rows
    ]


def _write(
    connection: sa.Connection, request: FormInput, draft: BatchDraft, now: datetime
) -> WritebackBatchInput:
    numbers = [each.number for entry in draft.entries for each in entry.members]
    first = min(numbers)
    tries = connection.execute(
        sa.select(sa.func.count()).select_from(WRITEBACK_BATCH).where(WRITEBACK_BATCH.c.first == first)
    ).scalar_one()
    batch = writeback_batch_name(first, tries)
    connection.execute(
        WRITEBACK_BATCH.insert().values(
            batch=batch,
            first=first,
            object=request.object,
            carrier=draft.carrier,
            state=BatchState.FORMED,
            size=len(draft.entries),
            formed_at=now,
        )
    )
    names = sorted({name for entry in draft.entries for name in entry.names})
    connection.execute(insert(WRITEBACK_CLAIM), [{"name": name, "batch": batch} for name in names])
    connection.execute(
        WRITEBACK.update()
        .where(WRITEBACK.c.number == sa.func.any(sa.literal(numbers, sa.ARRAY(sa.BigInteger))))
        .values(state=WritebackState.OPEN, batch=batch)
    )
    return WritebackBatchInput(
        org=request.org,
        object=request.object,
        batch=batch,
        carrier=draft.carrier,
        size=len(draft.entries),
    )


def _rest(connection: sa.Connection, object_name: str) -> tuple[int, datetime | None]:
    waits = (WRITEBACK.c.object == object_name) & (WRITEBACK.c.state == WritebackState.WAITING)
    row = connection.execute(
        sa.select(sa.func.count(), sa.func.min(WRITEBACK.c.not_before)).where(waits)
    ).one()
    return int(row[0]), row[1]
