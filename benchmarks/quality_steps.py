"""Processor time a change of stage and apply with quality rules on and off: the same landed surge,
turn by turn, in one run.

A whole demo varies by a tenth from run to run, which hides a cost of a few percent
(`benchmarks.quality_cost`). Here the surge is landed once; each turn then takes it through stage
and apply into new tables. Our own processor time and that of PostgreSQL are counted, the looks
for late parents included.

    python -m benchmarks.quality_steps [--seconds 30] [--rate 122000] [--rounds 4]
        [--kinds off,shipped,on]

Kinds: `off` no rule; `shipped` the catalogue as it is; `on` every kind of rule
(`benchmarks.quality_cost`); `no-parent`, `no-unique` the same but for one.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import yaml

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from activities.quality.late_parents import LateParents
from activities.quality.references import LookPace
from benchmarks.quality_cost import each_field, ruled, with_rules, without_rules
from benchmarks.stages.__main__ import receive
from cli.local.engine_processes import settings_of
from cli.local.sandbox import start_traffic, traffic_state
from cli.local.up import DELIVERED_EVENTS
from clients.storage.chain import Chain
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.shadow.schemas import drop_statements, shadow_prefix
from clients.warehouse.stored_names import keep_names
from sandbox.stack import running_sandbox
from schemas.catalogue import DEFAULT_CATALOGUE
from schemas.ingest.messages import ApplyInput
from schemas.ingest.raw import Manifest
from workers.clients import ProcessClients, catalogue_file, open_clients, open_warehouse
from workers.settings import Settings

_BATCH = 4_000
"""Changes of a landed batch: two seconds of the surge."""

Given = dict[str, Any]
KINDS: dict[str, Callable[[Given], Given]] = {
    "off": without_rules,
    "shipped": lambda given: each_field(given, lambda entry: entry),
    "on": with_rules,
    "no-parent": lambda given: each_field(
        given, lambda entry: ruled(entry) | {"severity": {"parent": "off"}}
    ),
    "no-unique": lambda given: each_field(
        given, lambda entry: {k: v for k, v in ruled(entry).items() if k != "unique"}
    ),
}


class Turn:
    """One pass of the surge through stage and apply, into tables of its own."""

    def __init__(self, parts: ProcessClients, catalogue: Path, postgres_pid: int) -> None:
        self._settings = parts.settings.model_copy(update={"catalogue": catalogue})
        self._parts = parts
        self._postgres = psutil.Process(postgres_pid)

    def run(self, manifests: Sequence[Manifest]) -> tuple[float, float]:
        """Processor seconds: ours, PostgreSQL's."""
        warehouse = open_warehouse(self._settings, prefix=shadow_prefix("bench"))
        file = catalogue_file(self._settings)
        warehouse.ensure_tables(keep_names(warehouse, file))
        live = LiveCatalogue.over(file, warehouse)
        applier = Applier(warehouse, self._parts.store, live)
        batches = BatchActivities(self._parts.store, live, GroupCommit(applier.apply))
        # One look at the end, at every change once, as in an engine. A turn takes a fifth of the
        # surge's time, so no change is left out for being young.
        late = LateParents(warehouse, live, pace=LookPace(delay=timedelta(0), every=timedelta(0)))
        ours, theirs = time.process_time(), self._postgres_seconds()
        for manifest in manifests:
            for share in batches._stage(manifest).objects:
                applier.apply([ApplyInput(manifest=manifest, staged=share)])
        late.look()
        used = time.process_time() - ours, self._postgres_seconds() - theirs
        with warehouse.transaction() as transaction:
            for statement in drop_statements("bench"):
                transaction.execute(statement)
        return used

    def _postgres_seconds(self) -> float:
        total = 0.0
        for process in [self._postgres, *self._postgres.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        return total


def land(parts: ProcessClients, seconds: float, rate: int, control: str) -> list[Manifest]:
    """The surge's batches, landed."""
    start_traffic(control, rate=rate, seconds=seconds, seed=7)
    while traffic_state(control)["running"]:
        time.sleep(0.2)
    messages = asyncio.run(receive(parts.settings, int(rate * seconds / 60)))
    buffer = LandingBuffer(parts.protector, BatchLimits())
    buffer.add(messages)
    time.sleep(1.1)
    raw = buffer.peek()
    chain = Chain(parts.store, org=parts.settings.salesforce.org_id, lane="bench")
    manifests, start = [], "origin"
    for first in range(0, len(raw), _BATCH):
        manifest, _ = chain.land(raw.slice(first, _BATCH), start=start)
        manifests.append(manifest)
        start = manifest.end
    return manifests


def main() -> None:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=int, default=122_000)
    parser.add_argument("--kinds", default="off,shipped,on")
    asked = parser.parse_args()
    kinds = asked.kinds.split(",")
    given = yaml.safe_load(DEFAULT_CATALOGUE.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for kind in kinds:
            (folder / f"{kind}.yaml").write_text(yaml.safe_dump(KINDS[kind](given), sort_keys=False))
        with running_sandbox(folder, allow={"delivered_events": DELIVERED_EVENTS}) as sandbox:
            parts = open_clients(Settings.model_validate(settings_of(sandbox.endpoints)))
            postgres = next(child for child in sandbox.group.children if child.name == "postgres")
            manifests = land(parts, asked.seconds, asked.rate, sandbox.endpoints.salesforce.control_url)
            total = sum(manifest.changes for manifest in manifests)
            found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
            for turn in range(asked.rounds):
                for kind in kinds if turn % 2 == 0 else reversed(kinds):
                    ours, theirs = Turn(parts, folder / f"{kind}.yaml", postgres.process.pid).run(manifests)
                    found[kind].append((ours / total * 1e6, theirs / total * 1e6))
                    sys.stdout.write(
                        f"{kind:10} ours {found[kind][-1][0]:6.1f} PostgreSQL {found[kind][-1][1]:6.1f} µs a change\n"
                    )
                    sys.stdout.flush()
    for kind in kinds:
        ours, theirs = (min(each) for each in zip(*found[kind], strict=True))
        sys.stdout.write(
            f"{kind:10} least: ours {ours:6.1f} PostgreSQL {theirs:6.1f} together {ours + theirs:6.1f} µs\n"
        )


if __name__ == "__main__":
    main()
