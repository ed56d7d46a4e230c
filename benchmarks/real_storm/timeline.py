"""The course of a storm: how far behind the warehouse was, and what struck meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
import psutil
import psycopg

from cli.local.measurements import ledger_sums
from cli.local.surge import org_state
from cli.local.up import Running
from schemas.errors import TidegateError

_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Sample:
    """One look. Seconds are of the storm's beginning."""

    at: float
    committed: int
    """Changes of the org so far."""
    behind: int | None
    """Changes that are not applied. None = the warehouse did not answer."""
    writebacks: int | None
    """Accepted and not done. None = the store did not answer."""
    memory_mb: int
    """Of the engine's processes: proportional set sizes."""
    descriptors: int
    """Of the engine's processes."""


@dataclass
class Timeline:
    """Looks every five seconds, and keeps the faults that strike."""

    running: Running
    samples: list[Sample] = field(default_factory=list)
    faults: list[tuple[float, float, str]] = field(default_factory=list)
    """Begin, end and name."""
    marks: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timeline", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def mark(self, text: str) -> None:
        """Something happened now."""
        self.marks.append((self._now(), text))

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Something strikes while the body runs."""
        begin = self._now()
        try:
            yield
        finally:
            self.faults.append((begin, self._now(), name))

    def figures(self) -> dict[str, Any]:
        """For a report."""
        return {
            "samples": [asdict(each) for each in self.samples],
            "faults": self.faults,
            "marks": self.marks,
        }

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 1)

    def _run(self) -> None:
        committed = 0
        while not self._stop.wait(_EVERY_SECONDS):
            with suppress(TidegateError, httpx.HTTPError):
                committed = org_state(self.running.endpoints)["changes_committed"]
            memory, descriptors = self._held()
            behind, waiting = self._behind(committed), self._waiting()
            self.samples.append(Sample(self._now(), committed, behind, waiting, memory, descriptors))

    def _behind(self, committed: int) -> int | None:
        with suppress(psycopg.Error), _quick(self.running.endpoints.warehouse.dsn) as connection:
            return max(0, committed - ledger_sums(connection, followed=True).landed)
        return None

    def _waiting(self) -> int | None:
        query = b"SELECT count(*) FROM writeback WHERE state IN ('waiting', 'open')"
        with suppress(psycopg.Error), _quick(self.running.endpoints.operational.dsn) as connection:
            return int(connection.execute(query).fetchall()[0][0])
        return None

    def _held(self) -> tuple[int, int]:
        memory = descriptors = 0
        for child in list(self.running.engine.group.children):
            with suppress(psutil.Error):
                process = psutil.Process(child.process.pid)
                memory += process.memory_full_info().pss
                descriptors += process.num_fds()
        return round(memory / 1e6), descriptors


@contextmanager
def _quick(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection that gives up soon, since its server may be frozen."""
    with psycopg.connect(
        dsn, autocommit=True, connect_timeout=3, options="-c statement_timeout=20s", tcp_user_timeout=4_000
    ) as connection:
        yield connection
