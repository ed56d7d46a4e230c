"""Cost and freshness of a run: processor time, memory, freshness and the ledger's sums."""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psutil
import psycopg

from cli.local.process_memory import Held, Look, held_by, highest, memory_figures
from clients.warehouse.sql import apply as sql
from schemas.catalogue import Catalogue
from schemas.ids import READING_LANES

_QUANTILES = (0.5, 0.95, 0.99, 1.0)
_NAMES = ("p50", "p95", "p99", "max")


@dataclass(frozen=True)
class LedgerSums:
    """Law 8 over everything: landed = applied + duplicate + quarantined."""

    landed: int
    applied: int
    duplicate: int
    quarantined: int
    rebuilt: int
    batches: int


def ledger_sums(
    connection: psycopg.Connection, *, lane: str | None = None, followed: bool = False
) -> LedgerSums:
    """The ledger's totals; `lane` None: of all lanes, with `followed` of those alone that follow
    the org, and read nothing again.
    """
    query = f"""
        SELECT COALESCE(SUM(landed), 0), COALESCE(SUM(applied), 0), COALESCE(SUM(duplicate), 0),
               COALESCE(SUM(quarantined), 0), COALESCE(SUM(rebuilt), 0), COUNT(DISTINCT batch)
        FROM {sql.LEDGER} WHERE (%(lane)s::text IS NULL OR lane = %(lane)s) AND NOT lane LIKE ANY(%(but)s)
    """
    but = [f"{beginning}%" for beginning in READING_LANES] if followed else []
    (row,) = connection.execute(query.encode(), {"lane": lane, "but": but}).fetchall()
    return LedgerSums(*(int(value) for value in row))


def freshness(
    connection: psycopg.Connection,
    catalogue: Catalogue,
    *,
    lane: str | None = None,
    received: tuple[datetime, datetime] | None = None,
) -> dict[str, dict[str, float]]:
    """Seconds, over every applied change: `total` commit to curated, `received` commit to received,
    `ours` the rest.

    `lane` leaves out what other lanes brought, `received` what came before the first time or
    from the second on; None: nothing is left out. A change's commit time has a resolution of one
    second and is rounded down, so the figures are up to 1 s too high.
    """
    changes = " UNION ALL ".join(
        f"SELECT changed_at, received_at, batch, '{spec.name}' AS object FROM {sql.change_table(spec)}"
        for spec in catalogue.objects.values()
    )
    spans = {"total": "l.committed_at - c.changed_at", "received": "c.received_at - c.changed_at"}
    spans["ours"] = "l.committed_at - c.received_at"
    quantiles = "ARRAY[" + ", ".join(map(str, _QUANTILES)) + "]"
    columns = ", ".join(
        f"percentile_cont({quantiles}) WITHIN GROUP (ORDER BY EXTRACT(EPOCH FROM {span}))"
        for span in spans.values()
    )
    since, until = received or (None, None)
    query = (
        f"SELECT {columns} FROM ({changes}) AS c "
        f"JOIN {sql.LEDGER} AS l ON l.batch = c.batch AND l.object = c.object "
        "WHERE (%(lane)s::text IS NULL OR l.lane = %(lane)s) "
        "AND (%(since)s::timestamptz IS NULL OR c.received_at >= %(since)s) "
        "AND (%(until)s::timestamptz IS NULL OR c.received_at < %(until)s)"
    )
    (row,) = connection.execute(query.encode(), {"lane": lane, "since": since, "until": until}).fetchall()
    return {name: _named(values) for name, values in zip(spans, row, strict=True)}


def _named(quantiles: Sequence[float] | None) -> dict[str, float]:
    """None = nothing was measured: all are 0."""
    return {name: round(float(value), 2) for name, value in zip(_NAMES, quantiles or (0,) * 4, strict=True)}


def history_versions(connection: psycopg.Connection, catalogue: Catalogue) -> int:
    """Rows of every history table."""
    tables = [sql.history_table(spec) for spec in catalogue.objects.values() if spec.history]
    counts = [connection.execute(f"SELECT COUNT(*) FROM {table}".encode()).fetchone() for table in tables]
    return sum(int(row[0]) for row in counts if row)


class ProcessMeter:
    """Processor time, memory and descriptors of named processes and all their descendants, sampled
    in a thread.
    """

    def __init__(
        self, roots: Sequence[tuple[str, int]], *, every_seconds: float = 1.0, own: str | None = None
    ) -> None:
        """`roots` are (name, pid); a name may come twice. `own`: the name under which this process
        counts, its descendants and its processor time aside. None = it does not count.
        """
        self._roots = list(roots)
        self._every = every_seconds
        self._own = own
        self._cpu: dict[tuple[str, int], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="process-meter", daemon=True)
        self.looks: list[Look] = []
        """Memory and descriptors, one look after another."""

    @property
    def peak(self) -> Held:
        """The look at which all of them held most."""
        return highest(self.looks)

    def memory(self) -> dict[str, Any]:
        """Their course by process, as of `memory_figures`."""
        return memory_figures(self.looks, self._ended - self._began)

    def start(self) -> None:
        self._began = self._ended = time.monotonic()
        self._sample()
        self._begin = dict(self._cpu)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()
        self._ended = time.monotonic()

    def cpu_seconds(self) -> dict[str, float]:
        """Processor seconds by name since `start`; processes that ended in between count as far as
        they were seen.
        """
        used: dict[str, float] = {}
        for (name, pid), seconds in self._cpu.items():
            used[name] = used.get(name, 0.0) + seconds - self._begin.get((name, pid), 0.0)
        return {name: round(seconds, 2) for name, seconds in used.items()}

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._sample()

    def _sample(self) -> None:
        look: dict[str, Held] = {} if self._own is None else {self._own: held_by(psutil.Process())}
        for name, process in self._processes():
            try:
                times = process.cpu_times()
                self._cpu[name, process.pid] = times.user + times.system
                look[name] = look.get(name, Held()) + held_by(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        self.looks.append(look)

    def _processes(self) -> Iterable[tuple[str, psutil.Process]]:
        for name, pid in self._roots:
            try:
                root = psutil.Process(pid)
                yield from ((name, process) for process in [root, *root.children(recursive=True)])
            except psutil.NoSuchProcess:
                continue
