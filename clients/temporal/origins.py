"""Every start, signal and update that names an author carries the origin of it in a header, with a
proof where this process is sure of the author.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)

from clients.acting import has_keys, origin_of, present_actor
from clients.concurrency import in_daemon_thread
from schemas.names import ORIGIN_HEADER
from transforms.proof import content_digest


class OriginOutbound(OutboundInterceptor):
    """Adds the header."""

    async def start_workflow(self, asked: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        asked.headers = await _headers(asked.headers, asked.args, asked.id, "start")
        return await super().start_workflow(asked)

    async def signal_workflow(self, asked: SignalWorkflowInput) -> None:
        operation = f"signal {asked.signal}"
        asked.headers = await _headers(asked.headers, asked.args, asked.id, operation)
        await super().signal_workflow(asked)

    async def start_workflow_update(self, asked: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        operation = f"update {asked.update}"
        asked.headers = await _headers(asked.headers, asked.args, asked.id, operation)
        return await super().start_workflow_update(asked)


async def _headers(
    headers: Mapping[str, Payload], args: Sequence[Any], target: str, operation: str
) -> Mapping[str, Payload]:
    by = getattr(args[0], "by", None) if args else None
    actor = present_actor()
    if actor is None or not isinstance(by, str):
        return headers
    asked = (by, target, operation, content_digest(args))
    # Keys are fetched once; a process without them waits for nothing.
    blocks = has_keys() and actor.is_sure_of(by)
    origin = await in_daemon_thread(origin_of, *asked) if blocks else origin_of(*asked)
    if origin is None:
        return headers
    data = origin.model_dump_json(exclude_defaults=True).encode()
    return {**headers, ORIGIN_HEADER: Payload(metadata={"encoding": b"json/plain"}, data=data)}
