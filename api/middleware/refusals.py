"""Refused requests, counted by address for a minute each: enough to throttle, and few enough to go
on record.
"""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clients.database.audit_log import AuditLog
from clients.telemetry.error_facts import error_facts
from schemas.errors import TidegateError
from schemas.ingest.messages import Act

_LOG = logging.getLogger(__name__)
WINDOW_SECONDS = 60.0
_MOST_SOURCES = 1_000
"""Sources that are distinguished in one minute; the rest are counted together."""
_OTHERS = "other addresses"
REFUSED = "api.refuse"
"""The act's name in the audit log."""


@dataclass
class _Window:
    """One source's refusals of one minute."""

    source: str
    by: str
    began: float
    kinds: Counter[str] = field(default_factory=Counter)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_on_record: bool = False


class Refusals:
    """Counts, throttles, and puts on record: the first refusal of a source at once, the rest of its
    minute as one row.
    """

    def __init__(self, most: int, audit: Callable[[], AuditLog | None]) -> None:
        """`most`: refusals of one address in a minute, before it is throttled."""
        self._most = most
        self._audit = audit
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()
        self._writing: set[asyncio.Task[None]] = set()
        self._in_order = asyncio.Lock()
        """The rest of a minute follows its first refusal on record. Waiting writers take turns."""

    def note(self, address: str, kind: str, by: str = "unknown") -> bool:
        """Count one. True = the address has had too many in this minute.

        Args:
            address: Of the caller.
            kind: `no-token`, `unknown-token` or `role`.
            by: The caller's name, where the token was good.
        """
        self._end_old()
        key = (address, by)
        if key not in self._windows and len(self._windows) >= _MOST_SOURCES:
            key = (_OTHERS, "unknown")
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(key[0], key[1], time.monotonic())
        window.kinds[kind] += 1
        if not window.is_on_record:
            window.is_on_record = True
            self._write(window)
        return window.kinds.total() > self._most

    def retry_seconds(self, address: str, by: str = "unknown") -> int:
        """Until the address's minute is over; 1 at least."""
        window = self._windows.get((address, by))
        left = 0.0 if window is None else window.began + WINDOW_SECONDS - time.monotonic()
        return max(1, round(left))

    async def close(self) -> None:
        """Put on record what is still counted."""
        for window in self._windows.values():
            self._write_rest(window)
        self._windows.clear()
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _end_old(self) -> None:
        over = time.monotonic() - WINDOW_SECONDS
        while self._windows:
            key, first = next(iter(self._windows.items()))
            if first.began > over:
                return
            del self._windows[key]
            self._write_rest(first)

    def _write_rest(self, window: _Window) -> None:
        if window.kinds.total() > 1:
            self._write(window)

    def _write(self, window: _Window) -> None:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(window.kinds.items()))
        detail = f"{kinds} in the minute from {window.at:%H:%M:%S} UTC"
        act = Act(act=REFUSED, by=window.by, target=window.source, detail=detail, at=datetime.now(UTC))
        task = asyncio.create_task(self._append(act))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _append(self, act: Act) -> None:
        async with self._in_order:
            await append_act_of_api(self._audit(), act)


async def append_act_of_api(audit: AuditLog | None, act: Act) -> None:
    """Put an act on record that has happened already: a failure is logged, and nothing is undone.
    None = the API has not started, so nothing was done.
    """
    if audit is None:
        return
    try:
        await asyncio.to_thread(audit.ensure_tables)
        await asyncio.to_thread(audit.append, act)
    except TidegateError as error:
        _LOG.error("an act of the API is not on record", extra={"facts": error_facts(error)})
