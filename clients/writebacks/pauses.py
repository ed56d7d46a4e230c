"""Pauses of an object's writebacks, or of the whole org's. Whoever holds one back is on record with it (law 9)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clients.audit import append_act
from clients.writebacks.sessions import PAUSING, WritebackStore, lock
from clients.writebacks.tables import WRITEBACK, WRITEBACK_PAUSE
from schemas.messages import Act
from schemas.writebacks import PauseChange, SetPauseInput

WHOLE_ORG = "*"


class Pauses:
    """The pauses of one store. Its methods block."""

    def __init__(self, store: WritebackStore) -> None:
        self._store = store

    def set(self, request: SetPauseInput) -> None:
        """From when this returns with a pause, nothing more is sent; what is on the wire by then ends.

        A drain lets go what was accepted until now, and nothing that comes later. A resume ends a pause or a drain, of the object or of
        the whole org; the other one stays. Said again, it is the same act.
        """
        control = request.control
        target = WHOLE_ORG if control.whole_org else request.object
        with self._store.begin() as connection:
            lock(connection, PAUSING)
            if request.change is PauseChange.RESUME:
                connection.execute(WRITEBACK_PAUSE.delete().where(WRITEBACK_PAUSE.c.object == target))
            else:
                _hold(connection, target, request)
            act = Act(
                act=f"writeback.{request.change}",
                by=control.by,
                target=f"writebacks/{target}",
                detail=control.reason,
                at=request.at,
            )
            append_act(connection, act)

    def listed(self) -> list[tuple[str, str, str, datetime, int | None]]:
        """Object (`*`: the whole org), by, reason, since, and the number up to which it drains (None: it does not)."""
        with self._store.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.select(WRITEBACK_PAUSE))]


def pauses_of(connection: sa.Connection, object_name: str) -> list[sa.Row[tuple[object, ...]]]:
    """Those that hold the object's writebacks back."""
    holds = WRITEBACK_PAUSE.c.object.in_([object_name, WHOLE_ORG])
    return list(connection.execute(sa.select(WRITEBACK_PAUSE).where(holds)))


def told(pauses: list[sa.Row[tuple[object, ...]]]) -> str:
    """Who paused and why, for people; empty without a pause."""
    return "; ".join(
        f"{'drained' if row.drains_to is not None else 'paused'} by {row.by}: {row.reason or 'no reason given'}"
        for row in pauses
    )


def _hold(connection: sa.Connection, target: str, request: SetPauseInput) -> None:
    last = sa.select(sa.func.coalesce(sa.func.max(WRITEBACK.c.number), 0)).scalar_subquery()
    row = {
        "by": request.control.by,
        "reason": request.control.reason,
        "at": request.at,
        "drains_to": last if request.change is PauseChange.DRAIN else None,
    }
    statement = insert(WRITEBACK_PAUSE).values(object=target, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["object"], set_=row))
