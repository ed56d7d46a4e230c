"""Writebacks and other running work in `tidegate status`: replays, re-reads, drift."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.client import Client

from clients.temporal.run_views import list_runs
from clients.writeback.pauses import pause_line
from clients.writeback.stats import Latency, QueueStats, Spread
from schemas import names
from schemas.ids import replay_workflow_id
from schemas.writeback.control import PauseView
from schemas.writeback.status_facts import WritebackFacts, WritebackLatency

_MOST_RUNS = 50
_NO_TIME = Spread(0, 0, 0, 0)


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


def writebacks(facts: WritebackFacts) -> WritebackLine:
    """The operational store's answers, as they are shown."""
    return WritebackLine(
        [QueueStats(**each.model_dump()) for each in facts.standings],
        [_latency_of(each) for each in facts.latencies],
        list(facts.pauses),
    )


async def running_replays(client: Client, org: str) -> dict[str, str]:
    """Key -> stage. Asks Temporal."""
    prefix = replay_workflow_id(org, "")
    runs, _ = await list_runs(client, names.REPLAY_WORKFLOW, prefix, status="running", most=_MOST_RUNS)
    return {each.workflow_id.removeprefix(prefix): each.stage for each in runs}


def _latency_of(found: WritebackLatency) -> Latency:
    spreads = {
        name: None if value is None else Spread(**value.model_dump())
        for name, value in (("sent", found.sent), ("done", found.done), ("echo", found.echo))
    }
    return Latency(
        found.object,
        found.writebacks,
        found.late,
        sent=spreads["sent"] or _NO_TIME,
        done=spreads["done"] or _NO_TIME,
        echoed=found.echoed,
        echo=spreads["echo"],
    )


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
