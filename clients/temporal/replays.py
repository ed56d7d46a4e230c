"""Replays, from outside: start one, steer it, ask how far it is."""

from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from schemas import names
from schemas.ids import replay_workflow_id
from schemas.replay import ReplayInput, ReplayState


async def start_replay(client: Client, request: ReplayInput, *, only_once: bool) -> bool:
    """Start a replay; False when one of the same key was there, and then it is left as it is.

    Args:
        client: Of Temporal.
        request: What to replay; its key names the workflow.
        only_once: True for a key that somebody chose so that the same wish is granted once: a replay of that key that has
            ended is not begun again. False: only one that is under way is.
    """
    reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE if only_once else WorkflowIDReusePolicy.ALLOW_DUPLICATE
    try:
        await client.start_workflow(
            names.REPLAY_WORKFLOW,
            request,
            id=replay_workflow_id(request.selection.org, request.key),
            task_queue=names.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=reuse,
            **start_options(request),
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


def start_options(request: ReplayInput) -> dict[str, Any]:
    """Search attributes and memo of a replay, next to its input."""
    selection = request.selection
    pairs = [SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), selection.org)]
    if selection.lane is not None:
        pairs.append(SearchAttributePair(SearchAttributeKey.for_keyword("SfLane"), selection.lane))
    return {
        "search_attributes": TypedSearchAttributes(pairs),
        "static_summary": f"replays {request.key}",
    }


def replay_handle(client: Client, org: str, key: str) -> WorkflowHandle[object, ReplayState]:
    """The newest replay of the key."""
    return client.get_workflow_handle(replay_workflow_id(org, key), result_type=ReplayState)


async def replay_state(client: Client, org: str, key: str) -> ReplayState | None:
    """Progress of the newest replay of the key; None when there was none."""
    try:
        state: ReplayState = await replay_handle(client, org, key).query(
            names.PROGRESS, result_type=ReplayState
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return state
