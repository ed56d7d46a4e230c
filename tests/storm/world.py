"""Everything of one schedule: the loop, Temporal, the org, the stores and the engine's
processes.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from temporalio import activity
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.repair import retention_gap
from clients.salesforce import http_errors
from clients.salesforce.streaming.stream import EventAllowance
from clients.storage import data_key, objects as storage
from clients.storage.data_key import DataKeys
from clients.storage.objects import ObjectStore
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.writeback.intake import WritebackIntake
from sandbox.org.server import app as server
from schemas import names
from schemas.catalogue import Catalogue, default_catalogue
from schemas.drift import DriftInput
from schemas.ids import drift_workflow_id, manifest_key
from schemas.ingest.messages import FollowInput
from schemas.message import Message
from tests.storm.acts.rotation import KmsClient, keep_first_key
from tests.storm.acts.schema import Administrator
from tests.storm.death import DiedError
from tests.storm.engine import ADDRESS, open_engine
from tests.storm.fate import Fate, Weather
from tests.storm.loop import HOST, START, StormLoop
from tests.storm.objects import Objects, S3Client
from tests.storm.org import StormOrg, called_without_sockets
from tests.storm.process import EngineProcess
from tests.storm.tables import Database, StormStore, StormWarehouse
from tests.storm.temporal.client import storm_client
from tests.storm.temporal.run import definitions
from tests.storm.temporal.server import Server
from tests.storm.wall_clock import BEGINNING
from tests.support.builders.writebacks import checks
from transforms.pii import KeyRing, Protector
from workflows import WORKFLOWS

RESTART = 3.0
"""Seconds until a process that has died is started again."""
_THREAD_SECONDS = 0.004
_PURGE_EVERY = 60.0
"""Seconds between the org's looks for what is past its retention, which no schedule reaches."""
_BUS_HOLDS = timedelta(minutes=10)
"""Stands for the three days that the bus holds an event."""
REFUSAL_HOLDS = timedelta(minutes=2)
"""Stands for the quarter of an hour for which a refusal is believed."""
CALM_FATE = Fate(0, Weather({}))
"""The fate of clients outside of the storm: nothing strikes them."""


@dataclass
class Parts:
    """The parts that schedules share: made once, emptied for each."""

    database: Database
    template: Path
    """The folder of an empty org."""
    folder: Path
    """Where a schedule's org lives."""


class World:
    """One schedule's world."""

    def __init__(self, parts: Parts, loop: StormLoop, fate: Fate) -> None:
        self.parts = parts
        self.loop = loop
        self.fate = fate
        self.catalogue: Catalogue = default_catalogue()
        self.objects = Objects(fate)
        self.server = Server(loop, fate, _definitions(), pydantic_data_converter)
        self.org = StormOrg(loop, fate, parts.folder, parts.template)
        self.processes: list[EngineProcess] = []
        self.objects.created = self._created
        keep_first_key(self.objects, self.org.org_id)
        self.admin = Administrator(self.org.org)
        self.rotations = 0
        """Of the data key, that somebody has asked for."""
        self.erased: set[str] = set()
        """Records whose values somebody wants gone."""
        self.landed_at: dict[str, float] = {}
        """When each manifest was made, by its key and the loop's clock."""
        self.behind: list[str] = []
        """Subscriptions that began before the end of the chain that their step found, in words."""
        self._count = 0
        self._outage: float | None = None
        self.back_at = 0.0
        """When an outage ends, by the loop's clock; 0 = there was none."""

    @cached_property
    def intake(self) -> WritebackIntake:
        """The way in of writebacks, past every fault."""
        intake = WritebackIntake(self.parts.database.dsn, lambda: checks(self.catalogue))
        intake._store = StormStore(self.parts.database, CALM_FATE)
        return intake

    @cached_property
    def client(self) -> Any:
        """An operator's client of Temporal."""
        return storm_client(self.server)

    @property
    def decided(self) -> Catalogue:
        """The catalogue with the engine's decisions, past every fault."""
        return LiveCatalogue.over(self.catalogue, StormWarehouse(self.parts.database.dsn, CALM_FATE))

    def guard(self, catalogue: Catalogue) -> Protector:
        """A protector with every key of the org. Ask when the storm is over."""
        keys = DataKeys(self.org.org_id, ADDRESS, ObjectStore(ADDRESS))
        return Protector(KeyRing(keys.all()), catalogue)

    async def check_schema(self) -> None:
        """Start a check of the org's schema, as its schedule does; one that runs is enough."""
        org = self.org.org_id
        again = WorkflowIDReusePolicy.ALLOW_DUPLICATE
        await self.ask(
            names.DRIFT_WORKFLOW, DriftInput(org=org, redrive=True), drift_workflow_id(org), again=again
        )

    async def ask(
        self,
        kind: str,
        request: Message,
        workflow_id: str,
        *,
        again: WorkflowIDReusePolicy = WorkflowIDReusePolicy.REJECT_DUPLICATE,
    ) -> None:
        """Start a workflow as a person does: until the server has heard it. One that runs is
        enough; `again`: whether one that has ended is enough, too.
        """
        while True:
            with suppress(RPCError, WorkflowAlreadyStartedError):
                await self.client.start_workflow(
                    kind,
                    request,
                    id=workflow_id,
                    task_queue=names.WORKFLOW_QUEUE,
                    id_reuse_policy=again,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                )
                return
            await asyncio.sleep(1)

    def start_process(self) -> EngineProcess:
        """Start one more process of the engine; one that dies at a boundary is started again."""
        self._count += 1
        process = EngineProcess(f"p{self._count}", self.server, partial(open_engine, self))
        process.after_death = lambda: self.start_later(RESTART)
        self.processes.append(process)
        self.server.workers.append(process)
        process.start()
        return process

    def start_later(self, seconds: float) -> None:
        """Start a process so many seconds from now."""
        self.loop.call_later(seconds, self.start_process, context=self.loop.outside.copy())

    def die_at_landing(self, seconds: float | None) -> None:
        """With the next manifest every process dies, for so many seconds more than the bus holds an
        event, and the bus forgets; None: no more.
        """
        self._outage = seconds

    def subscribe(self, request: FollowInput, replay_id: int, allowance: EventAllowance) -> Any:
        """Open a stream for a step, and see that it begins where the chain ended by the step's
        beginning. After a batch of another follower that came later, it may get its events again.
        """
        landed_at = self.landed_at.get(manifest_key(request.org, request.lane, str(replay_id)))
        began = START + (activity.info().started_time - BEGINNING).total_seconds()
        if landed_at is not None and landed_at < began:
            self.behind.append(
                f"{request.lane} was subscribed after {replay_id} by a step that began {began - landed_at:.1f} s "
                "after the next batch had landed"
            )
        return self.org.stream(request, replay_id, allowance)

    def _created(self, key: str) -> None:
        self.landed_at.setdefault(key, self.loop.time())
        if self._outage is None or "chain/" not in key:
            return
        self.fate.note(f"{self.loop.time():.6f} outage")
        seconds = _BUS_HOLDS.total_seconds() + self._outage
        self.back_at = self.loop.time() + seconds
        for each in self.processes:
            if not each.is_dead:
                each.kill()
                self.start_later(seconds)
        self._outage = None
        self.org.forget_events()
        if HOST.get() is not None:
            raise DiedError


_FOUND: dict[str, Any] = {}


def _definitions() -> dict[str, Any]:
    if not _FOUND:
        _FOUND.update(definitions(WORKFLOWS))
    return _FOUND


@contextmanager
def opened_world(parts: Parts, loop: StormLoop, fate: Fate) -> Iterator[World]:
    """A world whose clients reach it without a network."""
    parts.database.empty()
    loop.delay = lambda where: fate.seconds(where, _THREAD_SECONDS)
    world = World(parts, loop, fate)
    with ExitStack() as stack:
        stack.enter_context(patch.object(storage, "aws_client", lambda *_: S3Client(world.objects)))
        stack.enter_context(patch.object(data_key, "aws_client", lambda *_: KmsClient()))
        stack.enter_context(called_without_sockets(world.org))
        stack.enter_context(patch.object(retention_gap, "BUS_HOLDS", _BUS_HOLDS))
        stack.enter_context(patch.object(http_errors, "_QUOTA_PAUSE", REFUSAL_HOLDS))
        stack.enter_context(patch.object(server, "_PURGE_EVERY_SECONDS", _PURGE_EVERY))
        yield world
