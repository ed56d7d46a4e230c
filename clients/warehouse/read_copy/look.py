"""The read copy's part of a look at the engine."""

import time
from typing import Any

from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.read_copy.standing import Standing, list_standings
from clients.warehouse.sql import status as sql
from clients.warehouse.status_look import Fetch, WarehouseLook, ago, asked
from schemas.errors import UnavailableError
from schemas.read_copy.status_facts import CopiedObject

_SYSTEM = "the read copy"


class CopyLook(WarehouseLook):
    """Asks one read copy. As of `WarehouseLook`."""

    def ask_copy(self) -> tuple[CopiedObject, ...]:
        """How each object stands. Blocks.

        Raises `UnavailableError` or `CredentialsRejectedError` when the copy gives no answer.
        """
        ends = time.monotonic() + self._seconds
        try:
            with translated_psycopg(_SYSTEM):
                found: Any = asked(self._connected(), _standings, ends)
        except BaseException:
            self.close()
            raise
        if found is None:
            raise UnavailableError(system=_SYSTEM, detail="it has no table ops.copied, or took too long")
        return tuple(found)


def _standings(fetch: Fetch) -> list[CopiedObject]:
    newest = {row[0]: row[-1] for row in fetch(sql.count_day(), ago(sql.A_DAY))}
    rows = map(Standing._make, fetch(list_standings()))
    return [
        CopiedObject(
            object=row.object,
            filled_at=row.filled_at,
            checked_at=row.checked_at,
            differs=row.differs,
            newest_change_at=newest.get(row.object),
        )
        for row in rows
    ]
