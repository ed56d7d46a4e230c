"""Writebacks and other running work in `tidegate status`: replays, re-reads, drift."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from temporalio.client import Client

from clients.temporal.run_views import list_runs
from clients.warehouse.sql import apply as sql
from clients.writeback.pauses import pause_line
from clients.writeback.queries import WritebackQueries
from clients.writeback.stats import Latency, QueueStats
from schemas import names
from schemas.ids import replay_workflow_id
from schemas.writeback.control import PauseView
from workers.settings import Settings

_MOST_RUNS = 50


@dataclass(frozen=True)
class WritebackLine:
    """Every object's writebacks."""

    standings: list[QueueStats]
    latencies: list[Latency]
    """Of the last hour."""
    pauses: list[PauseView]

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {
            "standings": [vars(each) for each in self.standings],
            "latencies": [each.as_json() for each in self.latencies],
            "pauses": [each.model_dump(mode="json") for each in self.pauses],
        }

    def lines(self, now: datetime) -> Iterator[str]:
        """One an object, and one a pause."""
        taken = {each.object: each for each in self.latencies}
        stand = {each.object: each for each in self.standings}
        for name in sorted({*taken, *stand}):
            parts = [*_standing(stand.get(name), now), *_latency(taken.get(name))]
            yield f"writebacks of {name}: {', '.join(parts)}"
        for pause in self.pauses:
            yield f"writebacks: {pause_line(pause)}"


@dataclass(frozen=True)
class OtherWork:
    """Other running work."""

    replays: dict[str, str]
    """Key -> stage, of those that run."""
    rereads: dict[str, int]
    """Object -> changes that events could not tell, and that are to be read again."""
    drift: int
    """Fields about which somebody is advised to do something."""

    def lines(self) -> Iterator[str]:
        """One for each that there is."""
        for key, stage in self.replays.items():
            yield f"replay {key}: {stage or 'beginning'}"
        for name, count in self.rereads.items():
            yield f"to be read again of {name}: {count:,} changes (repair)"
        if self.drift:
            yield f"drift: {self.drift:,} fields need somebody: tidegate drift"


def writebacks(settings: Settings) -> WritebackLine:
    """Ask the operational store. Blocks."""
    with closing(WritebackQueries(settings.operational.dsn.get_secret_value())) as looks:
        return WritebackLine(looks.standings(), looks.latencies(), looks.pauses())


async def other_work(client: Client, connection: psycopg.Connection, org: str) -> OtherWork:
    """Ask Temporal and the warehouse."""
    rereads = (
        f"SELECT object, COUNT(*) FROM {sql.REREAD} WHERE closed_at IS NULL GROUP BY object ORDER BY object"
    )
    drift = f"""
        SELECT COUNT(*) FROM {sql.DRIFT} AS d
        JOIN (SELECT object, field, MAX(revision) AS newest FROM {sql.DRIFT} GROUP BY object, field) AS n ON n.newest = d.revision
        WHERE d.advice <> ''
    """
    found = {name: int(count) for name, count in connection.execute(rereads.encode())}
    row = connection.execute(drift.encode()).fetchone()
    prefix = replay_workflow_id(org, "")
    runs, _ = await list_runs(client, names.REPLAY_WORKFLOW, prefix, status="running", most=_MOST_RUNS)
    replays = {each.workflow_id.removeprefix(prefix): each.stage for each in runs}
    return OtherWork(replays, found, 0 if row is None else int(row[0]))


def _standing(found: QueueStats | None, now: datetime) -> Sequence[str]:
    if found is None:
        return ["none waits"]
    counts = {"waiting": found.waiting, "open": found.open, "held": found.held, "dead": found.dead}
    parts = [f"{count:,} {word}" for word, count in counts.items() if count]
    if found.oldest_waiting_at is not None:
        age = (now - found.oldest_waiting_at).total_seconds()
        parts.append(f"oldest since {age:,.0f} s")
    return parts


def _latency(found: Latency | None) -> Sequence[str]:
    if found is None:
        return []
    late = f", {found.late:,} late" if found.late else ""
    return [
        f"{found.writebacks:,} done in the last hour (p50 {found.done.p50:,.1f} s, p99 {found.done.p99:,.1f} s{late})"
    ]
