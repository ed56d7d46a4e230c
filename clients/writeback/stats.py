"""Writeback statistics: queue depth and age, held count, and latency percentiles of finished
writebacks.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clients.writeback.tables import WRITEBACK, WRITEBACK_BATCH
from schemas.writeback.messages import BatchState, WritebackState

RECENT = timedelta(hours=1)
"""Latencies are of what was done within this time."""

NEWEST = 10_000
"""Writebacks of an object whose seconds are sorted: at 10,000 a minute an hour has 600,000, and a
look at the engine would wait for them longer than for an answer.
"""
ANSWERED_WITHIN = timedelta(minutes=1)
"""A batch that was sent longer ago and has no outcome counts as unknown."""


@dataclass(frozen=True)
class Spread:
    """Seconds."""

    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True)
class Latency:
    """Duration of an object's finished writebacks: counts of all, spreads of the newest."""

    object: str
    writebacks: int
    late: int
    """Done after their deadline."""
    sent: Spread
    """From acceptance, or from an operator's retry, to the call."""
    done: Spread
    """From the same to the answer."""
    echoed: int
    """Writebacks whose change came back."""
    echo: Spread | None
    """From the same to its being in the warehouse; None when none came back."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        return asdict(self)


@dataclass(frozen=True)
class QueueStats:
    """An object's writebacks as they stand now."""

    object: str
    waiting: int
    open: int
    held: int
    dead: int
    oldest_waiting_at: datetime | None
    """When the oldest one was accepted, or retried, that waits or is on its way."""


def queue_stats(connection: sa.Connection) -> list[QueueStats]:
    """Objects with writebacks that are not over, or wait for an operator."""
    table = WRITEBACK.c
    states = (WritebackState.WAITING, WritebackState.OPEN, WritebackState.HELD, WritebackState.DEAD)
    on_the_way = table.state.in_(states[:2])
    counts = (sa.func.count().filter(table.state == state) for state in states)
    query = (
        sa.select(table.object, *counts, sa.func.min(_since()).filter(on_the_way))
        .where(table.state.in_(states))
        .group_by(table.object)
        .order_by(table.object)
    )
    return [QueueStats(*row) for row in connection.execute(query)]


@dataclass(frozen=True)
class UnknownOutcomes:
    """An object's writebacks that were sent and have no outcome."""

    object: str
    writebacks: int
    oldest_sent_at: datetime


def unknown_outcomes(connection: sa.Connection) -> list[UnknownOutcomes]:
    """Of what was sent longer ago than a call takes."""
    table, batch = WRITEBACK.c, WRITEBACK_BATCH.c
    query = (
        sa.select(batch.object, sa.func.count(), sa.func.min(batch.sent_at))
        .join(WRITEBACK, table.batch == batch.batch)
        .where(
            batch.state == BatchState.SENT,
            batch.sent_at < datetime.now(UTC) - ANSWERED_WITHIN,
            table.state == WritebackState.OPEN,
        )
        .group_by(batch.object)
        .order_by(batch.object)
    )
    return [UnknownOutcomes(*row) for row in connection.execute(query)]


def latencies(connection: sa.Connection, within: timedelta = RECENT, newest: int = NEWEST) -> list[Latency]:
    """Latency of the writebacks done within a time, by object.

    Args:
        connection: To the operational store.
        within: Before now.
        newest: Percentiles are of so many writebacks of an object, the last accepted ones. Counts
            are of all.
    """
    table, since = WRITEBACK.c, datetime.now(UTC) - within
    is_recent = (table.state == WritebackState.DONE, table.done_at > since)
    counts = (
        sa.select(
            table.object,
            sa.func.count().label("writebacks"),
            sa.func.count().filter(table.done_at > table.deadline).label("late"),
            sa.func.count(table.echoed_at).label("echoed"),
        )
        .where(*is_recent)
        .group_by(table.object)
        .subquery()
    )
    chosen = (
        sa.select(_since().label("since"), table.sent_at, table.done_at, table.echoed_at)
        .where(table.object == counts.c.object, *is_recent)
        .order_by(table.number.desc())
        .limit(newest)
        .lateral()
    )
    ends = {"sent": chosen.c.sent_at, "done": chosen.c.done_at, "echo": chosen.c.echoed_at}
    spreads = [each for name, until in ends.items() for each in _spread(name, until, chosen.c.since)]
    query = (
        sa.select(*counts.c, *spreads)
        .select_from(counts.join(chosen, sa.true()))
        .group_by(*counts.c)
        .order_by(counts.c.object)
    )
    return [_latency(row) for row in connection.execute(query)]


def recent_batches(
    connection: sa.Connection, most: int, *, object_name: str | None = None, is_open: bool = False
) -> list[dict[str, Any]]:
    """The last batches, the newest first."""
    table = WRITEBACK_BATCH.c
    query = sa.select(WRITEBACK_BATCH).order_by(table.formed_at.desc(), table.batch).limit(most)
    if object_name is not None:
        query = query.where(table.object == object_name)
    if is_open:
        query = query.where(table.state != BatchState.CLOSED)
    return [dict(row) for row in connection.execute(query).mappings()]


def _since() -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(WRITEBACK.c.retried_at, WRITEBACK.c.accepted_at)


def _spread(
    name: str, until: sa.ColumnElement[Any], since: sa.ColumnElement[Any]
) -> list[sa.ColumnElement[Any]]:
    seconds = sa.func.extract("epoch", until - since)
    shares = [
        sa.func.percentile_cont(share).within_group(seconds).label(f"{name}_{part}")
        for part, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ]
    return [*shares, sa.func.max(seconds).label(f"{name}_most")]


def _latency(row: sa.Row[Any]) -> Latency:
    def spread(name: str) -> Spread | None:
        found = [getattr(row, f"{name}_{part}") for part in ("p50", "p95", "p99", "most")]
        return None if None in found else Spread(*(round(float(each), 3) for each in found))

    nothing = Spread(0, 0, 0, 0)
    return Latency(
        row.object,
        row.writebacks,
        row.late,
        spread("sent") or nothing,
        spread("done") or nothing,
        row.echoed,
        spread("echo"),
    )
