"""Query results that are read page by page.

A cursor keeps the ids of its result, 18 bytes each, in their order: pages neither overlap nor
leave out a record, whatever is written meanwhile. Cursors live in memory: after a restart, as
after two days, a locator is unknown and the client asks again.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.org.errors import SalesforceError
from sandbox.org.soql.compiled import CompiledQuery
from schemas.salesforce.limits import QUERY_LOCATOR_LIFE

LOCATOR_PREFIX = "01g"
MAX_CURSORS = 500
MAX_KEPT_IDS = 50_000_000
"""Over all cursors (900 MB); beyond either bound the oldest cursor goes first."""
_ID_BYTES = 18


@dataclass(frozen=True, slots=True)
class Cursor:
    """One result."""

    compiled: CompiledQuery
    ids: bytes
    """18 characters a record, back to back."""
    page_size: int
    """The request of the first call; a later call may ask otherwise."""
    opened_at: float
    """Seconds on the monotonic clock."""

    @property
    def total(self) -> int:
        return len(self.ids) // _ID_BYTES


def ids_at(ids: bytes, offset: int, count: int) -> list[str]:
    """The ids of rows `offset` … `offset + count - 1`."""
    text = ids[offset * _ID_BYTES : (offset + count) * _ID_BYTES].decode("ascii")
    return [text[at : at + _ID_BYTES] for at in range(0, len(text), _ID_BYTES)]


class Cursors:
    """The open cursors, oldest first. A locator is `01g` + 15 characters + `-` + the next row's
    offset.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        """`clock`: monotonic seconds; None = the machine's."""
        self._clock = clock or time.monotonic
        self._open: dict[str, Cursor] = {}
        self._kept_ids = 0
        self._lock = threading.Lock()

    def open(self, compiled: CompiledQuery, ids: bytes, page_size: int) -> tuple[str, Cursor]:
        """Keep a result; returns its name and itself. May be called in any thread."""
        cursor = Cursor(compiled, ids, page_size, self._clock())
        name = LOCATOR_PREFIX + secrets.token_hex(8)[:15].upper()
        with self._lock:
            self._open[name] = cursor
            self._kept_ids += cursor.total
            while len(self._open) > 1 and (len(self._open) > MAX_CURSORS or self._kept_ids > MAX_KEPT_IDS):
                self._forget(next(iter(self._open)))
        return name, cursor

    def find(self, locator: str) -> tuple[str, Cursor, int]:
        """Name, cursor and offset of a locator; raises INVALID_QUERY_LOCATOR for one that is
        unknown, stale or cut short.
        """
        name, _, offset = locator.rpartition("-")
        cursor = self._open.get(name)
        if cursor is not None and self._clock() - cursor.opened_at > QUERY_LOCATOR_LIFE.total_seconds():
            with self._lock:
                self._forget(name)
            cursor = None
        if cursor is None or not offset.isdecimal() or int(offset) > cursor.total:
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return name, cursor, int(offset)

    def _forget(self, name: str) -> None:
        if (cursor := self._open.pop(name, None)) is not None:
            self._kept_ids -= cursor.total
