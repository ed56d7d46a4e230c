"""How many actions Temporal Cloud would bill for a surge, by their kind: `python -m
benchmarks.actions`.

Counted as Temporal's pricing page has them (docs.temporal.io, "Pricing", 2026-07): starts,
timers, signals, updates, activities with each retry, upserts of search attributes, child
workflows (two), and heartbeats that reach the server. Histories hold all but the last; those are
counted by the workers' own metrics. Queries and what a patch marks are left out.
"""

import argparse
import asyncio
import json
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from cli.local.engine_processes import EngineProcesses, write_settings
from cli.local.surge import Surge, run_surge, wait_for_followers
from cli.local.up import DELIVERED_EVENTS
from cli.state import settings_file
from sandbox.endpoints import Endpoints
from sandbox.stack import running_sandbox
from schemas import names

_ONE = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "starts",
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "upserts",
}
_VERSIONS = "TemporalChangeVersion"
_HEARTBEATS = re.compile(
    r'^temporal_request(?:_total)?\{[^}]*operation="RecordActivityTaskHeartbeat"[^}]*\} (\S+)', re.MULTILINE
)


def actions_of(event: HistoryEvent) -> Counter[str]:
    """The actions that stand behind one event."""
    kind = _ONE.get(event.event_type)
    if kind == "upserts":
        fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        return Counter() if set(fields) == {_VERSIONS} else Counter(upserts=1)
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        return Counter(retries=event.activity_task_started_event_attributes.attempt - 1)
    return Counter() if kind is None else Counter({kind: 1})


async def count_histories(endpoints: Endpoints) -> dict[str, Counter[str]]:
    """Workflow type -> its actions; `runs` counts its runs."""
    client = await Client.connect(endpoints.temporal.address, namespace=endpoints.temporal.namespace)
    found: dict[str, Counter[str]] = {}
    async for run in client.list_workflows():
        counts = found.setdefault(run.workflow_type, Counter())
        counts["runs"] += 1
        handle = client.get_workflow_handle(run.id, run_id=run.run_id)
        async for event in handle.fetch_history_events():
            counts.update(actions_of(event))
    return found


def count_heartbeats(metrics: Path) -> dict[str, int]:
    """Process -> heartbeats that its SDK has sent."""
    found: dict[str, int] = {}
    for each in json.loads(metrics.read_text()):
        if each["labels"]["exporter"] != "sdk" or each["labels"]["process"] == "api":
            continue
        text = httpx.get(f"http://{each['targets'][0]}/metrics", trust_env=False).raise_for_status().text
        found[each["labels"]["process"]] = round(sum(float(value) for value in _HEARTBEATS.findall(text)))
    return found


def measure(*, rate: int, seconds: float) -> dict[str, Any]:
    """One surge on a sandbox of its own; returns the figures."""
    with tempfile.TemporaryDirectory(prefix="tidegate-actions-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's server runs as another user, and must be able to enter
        with running_sandbox(folder, allow={"delivered_events": DELIVERED_EVENTS}) as sandbox:
            endpoints, metrics = sandbox.endpoints, folder / "metrics.json"
            write_settings(settings_file(folder), endpoints)
            engine = EngineProcesses(folder / "logs" / "engine", settings_file(folder), metrics_file=metrics)
            engine.start()
            try:
                wait_for_followers(endpoints)
                surge = run_surge(endpoints, rate=rate, seconds=seconds, seed=5)
                beats = count_heartbeats(metrics)
                histories = asyncio.run(count_histories(endpoints))
            finally:
                engine.stop()
    return _figures(surge, histories, beats)


def _figures(surge: Surge, histories: dict[str, Counter[str]], beats: dict[str, int]) -> dict[str, Any]:
    batches = histories[names.CHANGE_BATCH_WORKFLOW]
    of_batches = sum(count for kind, count in batches.items() if kind != "runs") + beats["batches"]
    every = sum(sum(each.values()) - each["runs"] for each in histories.values()) + sum(beats.values())
    return {
        "changes": surge.sent,
        "batches": batches["runs"],
        "actions_a_batch": round(of_batches / batches["runs"], 2),
        "of_a_batch": {
            kind: round(count / batches["runs"], 2)
            for kind, count in {**batches, "heartbeats": beats["batches"]}.items()
            if kind != "runs" and count
        },
        "actions_a_minute": round(every / surge.seconds * 60),
        "heartbeats": beats,
        "others": {
            kind: dict(counts) for kind, counts in histories.items() if kind != names.CHANGE_BATCH_WORKFLOW
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=60_000, help="changes a minute")
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    print(json.dumps(measure(rate=given.rate, seconds=given.seconds), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
