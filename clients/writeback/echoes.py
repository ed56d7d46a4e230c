"""Writebacks whose change has not come back yet, and when it did."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK
from schemas.writeback.messages import WritebackState
from transforms.writeback.echo import Unechoed

LOOK_BACK = timedelta(hours=1)
"""Time after its end in which a writeback's change is looked for."""


class Echoes:
    """The echoes of one store. Its methods block."""

    def __init__(self, store: WritebackStore) -> None:
        self._store = store

    def missing(self, object_name: str, most: int, *, after: int = 0) -> list[Unechoed]:
        """The first `most` writebacks of an object with larger numbers than `after` that are done
        and without an echo.
        """
        table = WRITEBACK.c
        names = ("number", "batch", "record_id", "sent_at", "done_at")
        query = (
            sa.select(*(table[name] for name in names))
            .where(
                lacks_echo(object_name, datetime.now(UTC)),
                table.record_id.is_not(None),
                table.sent_at.is_not(None),
                table.number > after,
            )
            .order_by(table.number)
            .limit(most)
        )
        with self._store.begin() as connection:
            return [Unechoed(**row._mapping) for row in connection.execute(query)]

    def keep(self, found: Mapping[int, datetime]) -> None:
        """Number -> when its change was applied to the warehouse. The first word counts."""
        if not found:
            return
        rows: list[dict[str, Any]] = [
            {"of_number": number, "echo": moment} for number, moment in found.items()
        ]
        statement = (
            WRITEBACK.update()
            .where(WRITEBACK.c.number == sa.bindparam("of_number"), WRITEBACK.c.echoed_at.is_(None))
            .values(echoed_at=sa.bindparam("echo"))
        )
        with self._store.begin() as connection:
            connection.execute(statement, rows)


def lacks_echo(object_name: str, now: datetime) -> sa.ColumnElement[bool]:
    """True for an object's writebacks that are done, lately, and whose change has not come back."""
    table = WRITEBACK.c
    return sa.and_(
        table.object == object_name,
        table.state == WritebackState.DONE,
        table.echoed_at.is_(None),
        table.done_at > now - LOOK_BACK,
    )
