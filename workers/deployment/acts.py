"""Acts on the engine's Worker Deployment, which go on record (law 9)."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client

from clients.concurrency import run_to_completion
from clients.database.audit_log import AuditLog
from clients.temporal.deployments import DeploymentClient
from schemas.deployment import DeploymentStatus, MovedRuns, VersionStatus
from schemas.errors import ActRefusedError, UnavailableError
from schemas.ingest.messages import Act
from workers.deployment.version import own_version
from workers.settings import Settings

_ENGINE: Final = "the engine"
_JOINED_WITHIN: Final = 30.0
"""Seconds: the server knows a version when its first worker has asked for work."""
_LOOK_EVERY: Final = 0.2


async def become_first(client: Client, settings: Settings, audit: AuditLog) -> None:
    """Give the work to this process's version where no version has it: in an engine that has just
    been installed, or had versioning off.

    Raises:
        UnavailableError: The server does not know the version after half a minute.
    """
    version = own_version(settings)
    if version is None:
        return
    # A busy server may take longer than a reader at a terminal would wait.
    within = timedelta(seconds=_JOINED_WITHIN)
    deployment = DeploymentClient(client, version.deployment_name, within)
    deadline = time.monotonic() + _JOINED_WITHIN
    while (current := await deployment.current()) is None:
        if time.monotonic() > deadline:
            detail = f"it does not know the version {version.build_id} of {version.deployment_name}"
            raise UnavailableError(system="Temporal", detail=detail)
        await asyncio.sleep(_LOOK_EVERY)
    if not current:
        detail = "no version had the work"
        act = _act("deployment.set_current", _ENGINE, deployment, f"{version.build_id}: {detail}")
        await run_to_completion(asyncio.to_thread(audit.append, act))
        await deployment.set_current(version.build_id, by=_ENGINE)


@dataclass(frozen=True)
class DeploymentActs:
    """Acts of operators. Each is on record before it takes effect.

    Args:
        deployment: Of the engine.
        audit: Where they are recorded.
    """

    deployment: DeploymentClient
    audit: AuditLog

    async def set_current(
        self, build_id: str, *, by: str, reason: str, despite_missing: bool = False
    ) -> DeploymentStatus:
        """Give all work to a version: new runs, and those that upgrade. Pinned runs stay.

        Args:
            build_id: Of the version.
            by: Who asks.
            reason: Why.
            despite_missing: Also where nobody of the version polls a queue that is polled now.

        Raises:
            ActRefusedError: No such version, or its workers do not serve every queue.
        """
        found = await self.deployment.describe()
        version = self._known(found, build_id)
        if (missing := _unserved(found, version)) and not despite_missing:
            raise ActRefusedError(
                detail=f"Nobody of {build_id} polls {', '.join(missing)}. Start its workers of these roles "
                "first, or give --force: their work would wait."
            )
        self._record("deployment.set_current", by, f"{build_id}, after {found.current or 'none'}: {reason}")
        await self.deployment.set_current(build_id, by=by, despite_missing=despite_missing)
        return await self.deployment.describe()

    async def ramp(self, build_id: str, percentage: float, *, by: str, reason: str) -> DeploymentStatus:
        """Give a share of the work to a version; 0 ends it. Raises `ActRefusedError`."""
        found = await self.deployment.describe()
        self._known(found, build_id)
        if found.current == build_id:
            raise ActRefusedError(detail=f"{build_id} has all the work already.")
        self._record("deployment.ramp", by, f"{build_id} to {percentage:g} %: {reason}")
        await self.deployment.set_ramp(build_id, percentage, by=by)
        return await self.deployment.describe()

    async def move(self, build_id: str, *, by: str, reason: str) -> MovedRuns:
        """Let open runs that are pinned to a version go on in the current one. Raises
        `ActRefusedError`.
        """
        found = await self.deployment.describe()
        version = self._known(found, build_id)
        if build_id == found.current:
            raise ActRefusedError(detail=f"{build_id} is current: its runs are where they belong.")
        self._record("deployment.move", by, f"{version.pinned_runs} runs of {build_id}: {reason}")
        return MovedRuns(build_id=build_id, moved=await self.deployment.release_pinned(build_id))

    def _known(self, found: DeploymentStatus, build_id: str) -> VersionStatus:
        version = found.version(build_id)
        if version is None:
            known = ", ".join(each.build_id for each in found.versions) or "none"
            raise ActRefusedError(
                detail=f"{found.name} has no version {build_id}; it has {known}. Start its workers, or correct it."
            )
        return version

    def _record(self, act: str, by: str, detail: str) -> None:
        self.audit.append(_act(act, by, self.deployment, detail))


def _unserved(found: DeploymentStatus, version: VersionStatus) -> list[str]:
    """Queues that others poll and no worker of the version does."""
    polled = {queue for each in found.versions for queue in each.pollers}
    return sorted(polled - version.pollers.keys())


def _act(act: str, by: str, deployment: DeploymentClient, detail: str) -> Act:
    return Act(act=act, by=by, target=deployment.name, detail=detail, at=datetime.now(UTC))
