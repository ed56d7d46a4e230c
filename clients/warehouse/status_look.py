"""The warehouse's part of a look at the engine, over one connection that is kept open."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from os import dup
from typing import Any, Final

import psycopg

from clients.database.address import Database
from clients.database.connect import connect_postgres, connect_redshift
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.sql import holds, quality_queries, status as sql
from schemas.status import LOOK_SECONDS
from schemas.status_facts import (
    ArchiveFacts,
    ArchiveStanding,
    Hold,
    LanePosition,
    ObjectLedger,
    OpenFindings,
    OpenRereads,
    Reconciled,
    Refused,
    WarehouseFacts,
)

Rows = list[tuple[Any, ...]]
Fetch = Callable[..., Rows]
"""A query and its parameters -> its rows."""
_SYSTEM: Final = "the warehouse"
_CONNECTION: Final = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


class WarehouseLook:
    """Asks one warehouse. One thread at a time; `abort` may come from another.

    Args:
        dsn: Of the warehouse.
        is_redshift: Its encoding has another name, and it prepares no statements.
        seconds: The most that one look may take.
    """

    def __init__(self, dsn: Database, *, is_redshift: bool = False, seconds: float = LOOK_SECONDS) -> None:
        self._dsn = dsn
        self._is_redshift = is_redshift
        self._seconds = seconds
        self._connection: psycopg.Connection | None = None

    def ask(self) -> WarehouseFacts:
        """Every answer; one that was refused or late is None. Blocks.

        Raises `UnavailableError` or `CredentialsRejectedError` when the warehouse gives none.
        """
        ends = time.monotonic() + self._seconds
        try:
            with translated_psycopg(_SYSTEM):
                connection = self._connected()
                return WarehouseFacts(
                    **{name: asked(connection, ask, ends) for name, ask in _QUESTIONS.items()}
                )
        except BaseException:
            self.close()
            raise

    def abort(self) -> None:
        """End what `ask` waits for, from another thread: a frozen server ends nothing by itself."""
        if self._connection is not None:
            shut_down(self._connection)

    def close(self) -> None:
        """Give the connection back; not while `ask` runs."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> psycopg.Connection:
        if self._connection is not None:
            with suppress(psycopg.Error):
                # A server that was started again has forgotten the connection.
                self._connection.execute("SELECT 1")
                return self._connection
            self.close()
        connect = connect_redshift if self._is_redshift else connect_postgres
        self._connection = connect(self._dsn, autocommit=True, client_encoding="utf8", **_CONNECTION)
        self._connection.execute("SELECT 1")
        return self._connection


def shut_down(connection: psycopg.Connection) -> None:
    """End a connection under the thread that waits for it."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def asked(connection: psycopg.Connection, ask: Callable[[Fetch], Any], ends: float) -> Any:
    """One answer; None when the warehouse refuses the question or the time is over.

    Args:
        connection: Where it is asked.
        ask: The question.
        ends: When the time is over, by the monotonic clock.
    """

    def fetch(query: str, *values: object) -> Rows:
        left = max(1, round((ends - time.monotonic()) * 1_000))
        connection.execute(f"SET statement_timeout = {left}".encode())
        return connection.execute(query.encode(), values or None).fetchall()

    if ends <= time.monotonic():
        return None
    try:
        return ask(fetch)
    except (psycopg.ProgrammingError, psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return None


def _ledger(fetch: Fetch) -> list[ObjectLedger]:
    recent = {name: numbers for name, *numbers in fetch(sql.measure_recent(), ago(sql.RECENT))}
    return [_object(row, recent.get(row[0])) for row in fetch(sql.count_day(), ago(sql.A_DAY))]


def _object(row: tuple[Any, ...], recent: list[Any] | None) -> ObjectLedger:
    name, *counts, newest = row
    landed, applied, duplicate, quarantined, imbalance = map(int, counts)
    rate, median, p95, p99, worst = recent or (0, None, None, None, None)
    return ObjectLedger(
        object=name,
        landed=landed,
        applied=applied,
        duplicate=duplicate,
        quarantined=quarantined,
        imbalance=imbalance,
        newest_change_at=newest,
        changes_per_minute=round(float(rate), 1),
        freshness_p50=_seconds(median),
        freshness_p95=_seconds(p95),
        freshness_p99=_seconds(p99),
        freshness_max=_seconds(worst),
    )


def ago(span: timedelta) -> datetime:
    """The moment that long before now."""
    return datetime.now(UTC) - span


def _seconds(value: Any) -> timedelta | None:
    return None if value is None else timedelta(seconds=round(float(value), 3))


def _positions(fetch: Fetch) -> list[LanePosition]:
    return [
        LanePosition(lane=lane, position=position, received_at=received, changed_at=changed)
        for lane, position, received, changed in fetch(sql.find_positions(), *(ago(sql.A_DAY),) * 2)
    ]


def _refused(fetch: Fetch) -> list[Refused]:
    return [
        Refused(reason=reason, changes=count, oldest_at=oldest)
        for reason, count, oldest in fetch(sql.count_refused())
    ]


def _reconciled(fetch: Fetch) -> list[Reconciled]:
    rows = fetch(sql.find_last_reconciliations(), ago(sql.RECONCILED))
    return [Reconciled(**dict(zip(Reconciled.model_fields, row, strict=True))) for row in rows]


def _held(fetch: Fetch) -> list[Hold]:
    rows = fetch(holds.list_holds())
    return [Hold(object=name, reason=reason, since=since) for name, _, reason, since in rows]


def _rereads(fetch: Fetch) -> list[OpenRereads]:
    rows = fetch(sql.count_rereads())
    return [OpenRereads(**dict(zip(OpenRereads.model_fields, row, strict=True))) for row in rows]


def _findings(fetch: Fetch) -> list[OpenFindings]:
    rows = fetch(quality_queries.count_isolated())
    return [OpenFindings(**dict(zip(OpenFindings.model_fields, row, strict=True))) for row in rows]


def _archived(fetch: Fetch) -> ArchiveFacts:
    sources = [
        ArchiveStanding(source=source, last_month=last, oldest_kept=oldest)
        for source, last, oldest in fetch(sql.find_archived())
    ]
    return ArchiveFacts(sources=tuple(sources), since=fetch(sql.find_first_commit())[0][0])


_QUESTIONS: dict[str, Callable[[Fetch], Any]] = {
    "ledger": _ledger,
    "positions": _positions,
    "holds": _held,
    "reconciled": _reconciled,
    "rereads": _rereads,
    "drift": lambda fetch: int(fetch(sql.count_advised())[0][0]),
    "archive": _archived,
    "quarantine": _refused,
    "quality": _findings,  # last: orphans may be millions
}
