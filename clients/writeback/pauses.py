"""Pauses of an object's writebacks, or of the whole org's. The operator who pauses is recorded with
it (law 9).
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clients.acting import settled
from clients.database.audit_log import append_new_act
from clients.writeback.store import PAUSING, WritebackStore, lock, storable
from clients.writeback.tables import WRITEBACK, WRITEBACK_BATCH, WRITEBACK_PAUSE
from schemas.ingest.messages import Act
from schemas.writeback.control import PauseResult, PauseView
from schemas.writeback.messages import BatchState, PauseChange, SetPauseInput

WHOLE_ORG = "*"
_MOST_BY = 255
"""Characters of the columns that say who."""
_UNVERIFIED = " (unverified)"


class Pauses:
    """The pauses of one store. Its methods block."""

    def __init__(self, store: WritebackStore) -> None:
        self._store = store

    def set(self, request: SetPauseInput) -> PauseResult:
        """From when this returns with a pause, nothing more is sent; what is on the wire by then
        ends.

        A drain lets go what was accepted until now, and nothing that comes later. A resume ends
        a pause or a drain, of the object or of the whole org; the other one stays. An act that
        is on record already changes nothing: the step that said it was tried again, and somebody
        may have said otherwise meanwhile.
        """
        control = request.control
        # A signal's words are nobody's to check; a pause that cannot be written would stop its
        # queue for good.
        by, reason = storable(control.by, _MOST_BY), storable(control.reason)
        target = WHOLE_ORG if control.whole_org else request.object
        with self._store.begin() as connection:
            lock(connection, PAUSING)
            act = Act(
                act=f"writeback.{request.change}",
                by=by,
                target=f"writebacks/{target}",
                detail=reason,
                at=request.at,
                origin=request.origin,
            )
            is_new = append_new_act(connection, act, asked_of=request.queue)
            if is_new and request.change is PauseChange.RESUME:
                connection.execute(WRITEBACK_PAUSE.delete().where(WRITEBACK_PAUSE.c.object == target))
            elif is_new:
                _hold(connection, target, request, _shown(request, by), reason)
            return PauseResult(
                change=request.change,
                object=target,
                pauses=tuple(pause_views(connection)),
                on_the_wire=tuple(_on_the_wire(connection, target)),
            )


def _shown(request: SetPauseInput, by: str) -> str:
    """The author of a signal as people are shown it: a name that is only claimed is marked."""
    if request.origin is None or settled(request.origin, by, request.queue).verified:
        return by
    return f"{by[: _MOST_BY - len(_UNVERIFIED)]}{_UNVERIFIED}"


def pauses_of(connection: sa.Connection, object_name: str) -> list[sa.Row[tuple[object, ...]]]:
    """The pauses that hold the object's writebacks back."""
    holds = WRITEBACK_PAUSE.c.object.in_([object_name, WHOLE_ORG])
    return list(connection.execute(sa.select(WRITEBACK_PAUSE).where(holds)))


def pause_line(each: PauseView) -> str:
    """A pause, as people see it."""
    what = "all objects" if each.object == WHOLE_ORG else each.object
    how = "paused" if each.drains_to is None else f"drained up to {each.drains_to}"
    return (
        f"{what} {how} by {each.by} since {each.since:%Y-%m-%d %H:%M:%S}: {each.reason or 'no reason given'}"
    )


def pause_text(pauses: list[sa.Row[tuple[object, ...]]]) -> str:
    """The operator and the reason, for people; empty without a pause."""
    return "; ".join(
        f"{'drained' if row.drains_to is not None else 'paused'} by {row.by}: {row.reason or 'no reason given'}"
        for row in pauses
    )


def pause_views(connection: sa.Connection) -> list[PauseView]:
    """All that are in force, the whole org's first."""
    table = WRITEBACK_PAUSE.c
    columns = (table.object, table.by, table.reason, table.at.label("since"), table.drains_to)
    rows = connection.execute(sa.select(*columns).order_by(table.object))
    return sorted((PauseView(**row._mapping) for row in rows), key=lambda each: each.object != WHOLE_ORG)


def _on_the_wire(connection: sa.Connection, target: str) -> list[str]:
    table = WRITEBACK_BATCH.c
    query = sa.select(table.batch).where(table.state == BatchState.SENT).order_by(table.sent_at, table.batch)
    if target != WHOLE_ORG:
        query = query.where(table.object == target)
    return list(connection.execute(query).scalars())


def _hold(connection: sa.Connection, target: str, request: SetPauseInput, by: str, reason: str) -> None:
    last = sa.select(sa.func.coalesce(sa.func.max(WRITEBACK.c.number), 0)).scalar_subquery()
    row = {
        "by": by,
        "reason": reason,
        "at": request.at,
        "drains_to": last if request.change is PauseChange.DRAIN else None,
    }
    statement = insert(WRITEBACK_PAUSE).values(object=target, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["object"], set_=row))
