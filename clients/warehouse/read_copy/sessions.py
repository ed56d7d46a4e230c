"""Sessions of the read copy: what is not filled, or differs from the warehouse, is not read."""

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from clients.warehouse.read_copy.standing import NOT_FILLED, Standing, list_standings
from clients.warehouse.records.sessions import ReadSessions, Row
from schemas.errors import ReadCopyError
from schemas.tables import AUDIT, CURATED

KNOWN_SECONDS = 1.0
"""How long the standing of the objects is taken for known."""
_TABLES = re.compile(rf"\b(?:{CURATED}|{AUDIT})\.(\w+)_(?:current|history|change|base)\b")


class CopySessions(ReadSessions):
    """As `ReadSessions`. A query of an object's tables is refused unless the object is filled and
    equal, so that a record that the copy lacks is never taken for one that does not exist.
    """

    _standings: dict[str, Standing]
    _known_at = float("-inf")

    async def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """As of `ReadSessions`.

        Raises:
            ReadCopyError: The object cannot be read from the copy.
            UnavailableError: The copy does not answer.
        """
        await self._check(statement)
        return await super().fetch(statement, parameters)

    async def fetch_together(self, *queries: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        """As of `ReadSessions`.

        Raises:
            ReadCopyError: As of `fetch`.
            UnavailableError: As of `fetch`.
        """
        for statement, _ in queries:
            await self._check(statement)
        return await super().fetch_together(*queries)

    async def _check(self, statement: str) -> None:
        tables = _objects_of(statement)
        if not tables:
            return
        now = time.monotonic()
        if now - self._known_at > KNOWN_SECONDS:
            rows = await super().fetch(list_standings())
            self._standings = {row.table_name: row for row in map(Standing._make, rows)}
            self._known_at = now
        for table in tables:
            found = self._standings.get(table)
            because = NOT_FILLED if found is None else found.refusal
            if because is not None:
                raise ReadCopyError(object_name=table if found is None else found.object, because=because)


@lru_cache(maxsize=4_096)
def _objects_of(statement: str) -> frozenset[str]:
    return frozenset(_TABLES.findall(statement))
