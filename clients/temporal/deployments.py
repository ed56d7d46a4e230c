"""The engine's Worker Deployment: its versions, the one that takes the work, and runs that are
pinned to one of them.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import RoutingConfig
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.run_views import translated_temporal
from clients.temporal.task_queues import QUEUES, describe_queue
from clients.temporal.void_tasks import drop_void_tasks
from schemas.deployment import DeploymentStatus, VersionStatus
from schemas.errors import ActRefusedError
from schemas.status import LOOK_SECONDS, QueueStatus

_WITHIN: Final = timedelta(seconds=LOOK_SECONDS)
_ACT_WITHIN: Final = timedelta(seconds=20)
"""The server hands a new version to each task queue before it answers."""
_REGISTERED_WITHIN: Final = 5.0
"""Seconds: a task queue counts as one of the version a moment after its first poll. Until then the
server refuses the version.
"""
_AT_ONCE: Final = 16
"""Runs that are moved at the same time."""
_REFUSALS: Final = (
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.NOT_FOUND,
)
_STATES: Final = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "current",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "ramping",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: "draining",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: "drained",
}


@dataclass(frozen=True)
class DeploymentClient:
    """The deployment of that name. Every method raises `UnavailableError`."""

    temporal: Client
    name: str
    within: timedelta = _WITHIN
    """Time that the server has for an answer to a look."""

    async def describe(self, queues: Sequence[QueueStatus] | None = None) -> DeploymentStatus:
        """The deployment as it is now; one that no worker has joined yet has no version.

        Args:
            queues: Its task queues, where they are described already. None = ask.
        """
        found, routing = await self._versions()
        if queues is None:
            queues = await asyncio.gather(
                *(
                    describe_queue(self.temporal, name, kind, self.within)
                    for name, (kind, _) in QUEUES.items()
                )
            )
        pinned = await asyncio.gather(*(self._pinned(each.build_id) for each in found))
        versions = [
            each.model_copy(
                update={"pollers": _pollers(queues, self.canonical(each.build_id)), "pinned_runs": runs}
            )
            for each, runs in zip(found, pinned, strict=True)
        ]
        return DeploymentStatus(
            name=self.name,
            current=routing.current_deployment_version.build_id,
            ramping=routing.ramping_deployment_version.build_id,
            ramp_percentage=routing.ramping_version_percentage,
            versions=tuple(sorted(versions, key=_age, reverse=True)),
        )

    async def current(self) -> str | None:
        """Build ID of the current version; empty = none is. None = no worker has joined yet."""
        found, routing = await self._versions()
        return routing.current_deployment_version.build_id if found else None

    async def set_current(self, build_id: str, *, by: str, despite_missing: bool = False) -> None:
        """Give the work to a version. Raises `ActRefusedError` when the server refuses.

        Args:
            build_id: Of the version.
            by: On record in Temporal.
            despite_missing: Also where its workers do not poll every task queue of the present one.
        """
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=self.temporal.namespace,
            deployment_name=self.name,
            build_id=build_id,
            identity=by,
            ignore_missing_task_queues=despite_missing,
            allow_no_pollers=despite_missing,
        )
        call = self.temporal.workflow_service.set_worker_deployment_current_version
        deadline = time.monotonic() + _REGISTERED_WITHIN
        while True:
            try:
                return await self._act(call, request)
            except ActRefusedError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_REGISTERED_WITHIN / 10)

    async def set_ramp(self, build_id: str, percentage: float, *, by: str) -> None:
        """Give a share of the work to a version; 0 ends its ramp. Raises `ActRefusedError`."""
        request = SetWorkerDeploymentRampingVersionRequest(
            namespace=self.temporal.namespace,
            deployment_name=self.name,
            build_id=build_id if percentage else "",
            percentage=percentage,
            identity=by,
        )
        service = self.temporal.workflow_service
        await self._act(service.set_worker_deployment_ramping_version, request)

    async def release_pinned(self, build_id: str) -> int:
        """Let the open runs that are pinned to a version go on in the current one, and drop the
        void tasks that this leaves in its queues. Returns how many runs they were; also with 0
        of them it takes some five seconds.
        """
        with translated_temporal():
            found = [each async for each in self.temporal.list_workflows(self._query(build_id))]
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def release(workflow_id: str, run_id: str) -> bool:
            async with at_once:
                return await self._release(workflow_id, run_id)

        moved = sum(await asyncio.gather(*(release(each.id, each.run_id) for each in found)))
        await drop_void_tasks(self.temporal, self.name, build_id)
        return moved

    def canonical(self, build_id: str) -> str:
        """The version as Temporal writes it in search attributes."""
        return f"{self.name}:{build_id}"

    def _query(self, build_id: str) -> str:
        return (
            f'TemporalWorkerDeploymentVersion = "{self.canonical(build_id)}" AND ExecutionStatus = "Running" '
            'AND TemporalWorkflowVersioningBehavior = "Pinned"'
        )

    async def _pinned(self, build_id: str) -> int:
        with translated_temporal():
            counted = await self.temporal.count_workflows(self._query(build_id), rpc_timeout=self.within)
        return counted.count

    async def _versions(self) -> tuple[list[VersionStatus], RoutingConfig]:
        request = DescribeWorkerDeploymentRequest(
            namespace=self.temporal.namespace, deployment_name=self.name
        )
        try:
            with translated_temporal():
                answer = await self.temporal.workflow_service.describe_worker_deployment(
                    request, timeout=self.within
                )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return [], RoutingConfig()
            raise
        found = answer.worker_deployment_info
        versions = [
            VersionStatus(
                build_id=each.deployment_version.build_id,
                state=_STATES.get(each.status, "inactive"),
                began_at=_moment(each.create_time),
            )
            for each in found.version_summaries
        ]
        return versions, found.routing_config

    async def _act(self, call: Any, request: Any) -> None:
        with translated_temporal():
            try:
                await call(request, timeout=_ACT_WITHIN)
            except RPCError as error:
                if error.status not in _REFUSALS:
                    raise
                raise ActRefusedError(detail=f"Temporal refuses it: {error.message}.") from error

    async def _release(self, workflow_id: str, run_id: str) -> bool:
        request = UpdateWorkflowExecutionOptionsRequest(
            namespace=self.temporal.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            workflow_execution_options=WorkflowExecutionOptions(
                versioning_override=VersioningOverride(auto_upgrade=True)
            ),
            update_mask=FieldMask(paths=["versioning_override"]),
        )
        try:
            with translated_temporal():
                await self.temporal.workflow_service.update_workflow_execution_options(
                    request, timeout=_ACT_WITHIN
                )
        except RPCError:  # not found: it has ended meanwhile
            return False
        return True


def _pollers(queues: Sequence[QueueStatus], version: str) -> dict[str, int]:
    return {each.queue: each.versions[version] for each in queues if each.versions.get(version)}


def _age(version: VersionStatus) -> datetime:
    return version.began_at or datetime.min.replace(tzinfo=UTC)


def _moment(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.seconds else None
