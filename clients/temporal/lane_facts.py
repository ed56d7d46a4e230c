"""Lane workflows as Temporal describes them. No worker is asked, so a missing one hides nothing."""

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import ValidationError
from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
)
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.failures import readable
from clients.temporal.run_kinds import STAGE
from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.errors import UnavailableError
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneState
from schemas.status import LOOK_SECONDS
from schemas.status_facts import FollowerFacts, LaneFacts, LaneMemo, LanePulse

_POSITION = SearchAttributeKey.for_keyword("Position")
_AT_ONCE: Final = 16
"""Lanes that are described at the same time."""
_PAUSED: Final = "paused"
_PAUSED_BY: Final = re.compile(r"paused by ([^:]*):")
_QUERY_WITHIN: Final = timedelta(seconds=1)
_WITHIN: Final = timedelta(seconds=LOOK_SECONDS)
_FOLLOWERS: Final = (names.FOLLOW_LANE, names.POLL_LANE)


async def describe_lanes(client: Client, org: str, configured: Iterable[str]) -> tuple[LaneFacts, ...]:
    """Every lane that runs or is configured, by name. Raises `UnavailableError`."""
    prefix = lane_workflow_id(org, "")
    running = (
        f'WorkflowType = "{names.LANE_WORKFLOW}" AND ExecutionStatus = "Running" '
        f'AND WorkflowId STARTS_WITH "{prefix}"'
    )
    with translated_temporal():
        found = {
            each.id.removeprefix(prefix)
            async for each in client.list_workflows(running, page_size=1_000, rpc_timeout=_WITHIN)
        }
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def describe(lane: str) -> LaneFacts:
        async with at_once:
            return await describe_lane(client, org, lane)

    return tuple(await asyncio.gather(*map(describe, sorted({*found, *configured}))))


async def describe_lane(client: Client, org: str, lane: str) -> LaneFacts:
    """One lane. Raises `UnavailableError`."""
    try:
        with translated_temporal():
            handle = client.get_workflow_handle(lane_workflow_id(org, lane))
            described = await handle.describe(rpc_timeout=_WITHIN)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return LaneFacts(lane=lane, is_running=False)
    except UnavailableError as error:
        return LaneFacts(lane=lane, is_running=None, trouble=error.detail)
    if described.status is not WorkflowExecutionStatus.RUNNING:
        return LaneFacts(lane=lane, is_running=False)
    found = await _facts(client, lane, described)
    if found.stage == _PAUSED and not found.memo.paused_because:
        return found.model_copy(update={"memo": await _asked(client, described.id, found.memo)})
    return found


async def _asked(client: Client, workflow_id: str, memo: LaneMemo) -> LaneMemo:
    """The reason of a pause by the workflow itself: one that an older release paused keeps none in
    its memo. Without a worker's answer it stays unknown.
    """
    handle = client.get_workflow_handle(workflow_id)
    try:
        state: LaneState = await handle.query(
            names.LANE_STATE, result_type=LaneState, rpc_timeout=_QUERY_WITHIN
        )
    except (RPCError, WorkflowQueryFailedError):
        return memo
    by = _PAUSED_BY.match(state.paused_because)
    return LaneMemo(
        way=str(state.way),
        channel=state.channel or state.object,
        paused_because=state.paused_because,
        paused_by=by.group(1) if by else "",
    )


async def _facts(client: Client, lane: str, described: WorkflowExecutionDescription) -> LaneFacts:
    raw, attributes = described.raw_description, described.typed_search_attributes
    pending = [each for each in raw.pending_activities if each.activity_type.name in _FOLLOWERS]
    task = raw.pending_workflow_task
    is_waiting = task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
    return LaneFacts(
        lane=lane,
        is_running=True,
        stage=str(attributes.get(STAGE, "")),
        position=str(attributes.get(_POSITION, "")),
        memo=await _memo(described),
        follower=await _follower(client, pending[0]) if pending else None,
        task_waits_since=_moment(task.original_scheduled_time) if is_waiting else None,
    )


async def _memo(described: WorkflowExecutionDescription) -> LaneMemo:
    kept = (await described.memo()).get(names.LANE_MEMO)
    try:
        return LaneMemo() if kept is None else LaneMemo.model_validate(kept)
    except ValidationError:
        return LaneMemo()  # of a newer release


async def _follower(client: Client, pending: PendingActivityInfo) -> FollowerFacts:
    payloads = pending.heartbeat_details.payloads
    details = list(map(str, await client.data_converter.decode(payloads))) if payloads else []
    kept = pending.last_failure if pending.HasField("last_failure") else None
    failure = None if kept is None else await readable(client, kept)
    is_timeout = failure is not None and failure.HasField("timeout_failure_info")
    return FollowerFacts(
        activity=pending.activity_type.name,
        state=_state(pending),
        attempt=pending.attempt,
        scheduled_at=_moment(pending.next_attempt_schedule_time) or _moment(pending.scheduled_time),
        started_at=_moment(pending.last_started_time),
        heartbeat_at=_moment(pending.last_heartbeat_time),
        failure="" if failure is None else failure.message,
        failure_code="timeout" if is_timeout else failure.application_failure_info.type if failure else "",
        failed_at=_moment(pending.last_attempt_complete_time),
        worker=pending.last_worker_identity,
        position=details[0] if details else "",
        pulse=pulse_of(details),
    )


def pulse_of(details: list[Any]) -> LanePulse | None:
    """The pulse among a heartbeat's details: the last one, where it is a JSON object. None: it has
    none, as in older releases.
    """
    if not details or not str(details[-1]).startswith("{"):
        return None
    try:
        return LanePulse.model_validate_json(str(details[-1]))
    except ValidationError:
        return None  # of a newer release


def _state(pending: PendingActivityInfo) -> Literal["scheduled", "started", "paused"]:
    if pending.paused:
        return "paused"
    is_waiting = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    return "scheduled" if is_waiting else "started"


def _moment(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.seconds else None
