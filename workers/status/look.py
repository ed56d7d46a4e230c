"""The look: every part is asked at the same time, each for two seconds at most.

A whole look takes less than a second when all is well, and less than three with any remote
frozen. It spends no API call of the org.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client

from clients.database.key_register import DataKeyRegister
from clients.salesforce.session import ServedVersions, served_versions
from clients.storage.status_look import BucketLook, KeyLook
from clients.warehouse.read_copy.look import CopyLook
from clients.warehouse.status_look import WarehouseLook
from clients.writeback.status_look import OperationalLook
from schemas.errors import TidegateError
from schemas.planner import Way
from schemas.read_copy.status_facts import CopiedObject, CopyFacts
from schemas.status import EngineStatus, Health
from schemas.status_facts import LookFacts, WarehouseFacts
from schemas.writeback.status_facts import WritebackFacts
from transforms.status.engine import engine_status
from workers.addresses import operational_address, read_copy_address, s3_address, warehouse_address
from workers.budget_summary import Budgets
from workers.clients import catalogue_file, connect_temporal
from workers.deployment.version import deployment_name
from workers.settings import Settings
from workers.status.asking import Answer, AskingThread, Remembered, answered
from workers.status.temporal import TemporalAnswers, ask_temporal

SHARED_FOR: Final = timedelta(seconds=10)
"""Callers of `recent` share one look for so long."""


@dataclass(frozen=True)
class Look:
    """One look, and the answers of which it was made."""

    status: EngineStatus
    facts: LookFacts
    budgets: Budgets | None = None
    """None: the governor could not be asked."""


@dataclass
class StatusLook:
    """Looks at one engine, with clients that stay open. One for a process; not for several event
    loops.

    Args:
        settings: Of the engine.
        client: Of Temporal; None: one of its own, which connects when it is first used.
    """

    settings: Settings
    client: Client | None = None
    _remembered: Remembered = field(default_factory=Remembered)
    _shared: Look | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        settings, org = self.settings, self.settings.salesforce.org_id
        warehouse = settings.warehouse
        address, is_redshift = warehouse_address(warehouse), warehouse.kind == "redshift"
        self._warehouse = WarehouseLook(address, is_redshift=is_redshift)
        operational = operational_address(settings.operational)
        self._operational, self._register = OperationalLook(operational), DataKeyRegister(operational)
        store = s3_address(settings.s3)
        self._bucket = BucketLook(store)
        self._key = KeyLook(org, store, lambda: self._register.known(org))
        self._copy: CopyLook | None = None
        if settings.read_copy is not None:
            self._copy = CopyLook(read_copy_address(settings.read_copy))
        self._threads = {
            "read_copy": AskingThread("read_copy", self._abort_copy),
            "warehouse": AskingThread("warehouse", self._warehouse.abort),
            "operational": AskingThread("operational", self._operational.abort),
            "s3": AskingThread("s3"),
            "kms": AskingThread("kms"),
        }
        try:
            self._objects = tuple(catalogue_file(settings).objects)
        except TidegateError:
            self._objects = ()  # `tidegate doctor` says what is wrong with it

    async def look(self) -> Look:
        """Ask every part now. Raises nothing."""
        began = time.monotonic()
        threads = self._threads
        copying = asyncio.ensure_future(answered(self._ask_copy))
        salesforce, temporal, warehouse, operational, s3, kms = await asyncio.gather(
            answered(self._ask_salesforce),
            self._ask_temporal(),
            answered(lambda: threads["warehouse"].ask(self._warehouse.ask)),
            answered(lambda: threads["operational"].ask(self._operational.ask)),
            answered(lambda: threads["s3"].ask(self._bucket.ask)),
            answered(lambda: threads["kms"].ask(self._key.ask)),
        )
        copied = await copying
        remotes: dict[str, Answer[object]] = {
            "salesforce": salesforce,
            "temporal": temporal.reached,
            "warehouse": warehouse,
            "operational": operational,
            "s3": s3,
            "kms": kms,
        }
        if self._copy is not None:
            remotes["read_copy"] = copied
        facts = self._facts(remotes, temporal, warehouse, operational).model_copy(
            update={"copied": CopyFacts(is_set=self._copy is not None, objects=copied.value)}
        )
        status = engine_status(facts, timedelta(seconds=time.monotonic() - began))
        return Look(status, facts, temporal.budgets)

    async def sure(self) -> Look:
        """A look whose silences count: what did not answer is asked once more. Takes five seconds
        at most, and no longer than `look` when everything answers.
        """
        found = await self.look()
        return await self.look() if _is_silent(found.status) else found

    async def recent(self, within: timedelta = SHARED_FOR) -> Look:
        """A look that is not older than `within`, shared by all who ask; `status.at` says of when
        it is.
        """
        async with self._lock:
            if self._shared is None or datetime.now(UTC) - self._shared.status.at > within:
                self._shared = await self.look()
            return self._shared

    async def remotes(self) -> dict[str, Health]:
        """The remotes' health alone, as `recent` has it."""
        return {each.name: each.health for each in (await self.recent()).status.remotes}

    def close(self) -> None:
        """Give the connections back."""
        if self._threads["kms"].has_ended():
            self._register.close()
        if self._copy is not None and self._threads["read_copy"].has_ended():
            self._copy.close()
        for thread, close in (
            (self._threads["warehouse"], self._warehouse.close),
            (self._threads["operational"], self._operational.close),
        ):
            if thread.has_ended():
                close()

    async def _ask_copy(self) -> tuple[CopiedObject, ...] | None:
        copy = self._copy
        return None if copy is None else await self._threads["read_copy"].ask(copy.ask_copy)

    def _abort_copy(self) -> None:
        if self._copy is not None:
            self._copy.abort()

    async def _ask_salesforce(self) -> ServedVersions:
        return await served_versions(self.settings.salesforce.login_url.rstrip("/"))

    async def _ask_temporal(self) -> TemporalAnswers:
        if self.client is None:
            self.client = await connect_temporal(self.settings, lazy=True)
        lanes = [] if self.settings.planner.on else [lane.name for lane in self.settings.lanes]
        deployment = deployment_name(self.settings)
        return await ask_temporal(
            self.client,
            self.settings.salesforce.org_id,
            lanes,
            deployment,
            has_model=self.settings.model.on,
            has_export=self.settings.export.on,
        )

    def _facts(
        self,
        remotes: dict[str, Answer[object]],
        temporal: TemporalAnswers,
        warehouse: Answer[WarehouseFacts],
        operational: Answer[WritebackFacts | None],
    ) -> LookFacts:
        settings, budgets = self.settings, temporal.budgets
        reconciliation = settings.reconciliation
        return LookFacts(
            at=datetime.now(UTC),
            org=settings.salesforce.org_id,
            remotes=tuple(self._remembered.dated(answer.remote(name)) for name, answer in remotes.items()),
            roles=temporal.roles,
            is_versioned=settings.deployment.on,
            deployment=temporal.deployment,
            lanes=temporal.lanes,
            backlog=temporal.backlog,
            warehouse=warehouse.value,
            writebacks=operational.value,
            governor=None if budgets is None else budgets.governor,
            forecasts=() if budgets is None else budgets.forecasts,
            failed_runs=temporal.failed_runs,
            stuck_erasures=temporal.stuck_erasures,
            backfills=temporal.backfills,
            hung_after=settings.backfill.hung_after,
            configured=() if settings.planner.on else tuple(_configured(settings)),
            reconcile_period=reconciliation.buckets_interval if reconciliation.on else None,
            objects=self._objects,
            retention=settings.retention.policy() if settings.retention.on else None,
            model=temporal.model,
            model_interval=settings.model.interval if settings.model.on else None,
            export=temporal.export,
            export_interval=settings.export.interval if settings.export.on else None,
        )


def _is_silent(found: EngineStatus) -> bool:
    """True when something gave no answer, and no remote that is down explains it."""
    health = {each.health for each in found.remotes}
    return Health.UNKNOWN in health or (bool(found.unknown) and Health.DOWN not in health)


def _configured(settings: Settings) -> list[tuple[str, str, str]]:
    return [
        (lane.name, str(lane.way), lane.object if lane.way is Way.POLL else lane.channel)
        for lane in settings.lanes
    ]
