"""Who asked a workflow: read from the header that clients of ours send, before a handler runs.

A client that is not ours sends no header, or one without a proof; the author is then a claim, and
is shown and recorded as one. Reading it changes no command, so histories without headers replay.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleSignalInput,
    HandleUpdateInput,
    SignalChildWorkflowInput,
    SignalExternalWorkflowInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from schemas.ingest.messages import Act
    from schemas.names import ORIGIN_HEADER
    from schemas.security.acting import OWN_NAMES, Door, Origin
    from transforms.proof import ActKeys, content_digest, doubt_of, signed

_UNWATCHED = Origin(doubt="no interceptor")
_ASKED: ContextVar[Origin] = ContextVar("tidegate_asked", default=_UNWATCHED)
_SCHEDULED = "TemporalScheduledById"
"""A search attribute that Temporal's server sets on what a schedule starts, and nobody else can."""


class _Keys:
    present: ActKeys | None = None


def install_keys(keys: ActKeys | None) -> None:
    """Give the workflows of this process the keys that prove acts. None = every author is a
    claim.
    """
    _Keys.present = keys


def asked_by() -> Origin | None:
    """The origin of the signal or update at hand; None = this worker does not look."""
    found = _ASKED.get()
    return None if found is _UNWATCHED else found


def started_by(request: object) -> Origin:
    """The origin of the workflow's start. `request`: its input, as it came."""
    info = workflow.info()
    origin = _origin(info.headers, [request], "start")
    by = getattr(request, "by", "")
    is_scheduled = any(pair.key.name == _SCHEDULED for pair in info.typed_search_attributes)
    if origin.proof is None and is_scheduled and by in OWN_NAMES:
        return _vouched(origin.model_copy(update={"door": Door.SCHEDULE}), by)
    return origin


def said_by(by: str) -> str:
    """The author of the signal or update at hand, as people are shown it."""
    origin = asked_by()
    if origin is None or not _doubt(origin, by):
        return by
    return f"{by} (unverified)"


def act_of(act: str, by: str, detail: str, origin: Origin | None, target: str = "") -> Act:
    """An act for the audit log, of now. `target`: "" = this workflow."""
    where = target or workflow.info().workflow_id
    return Act(act=act, by=by, target=where, detail=detail, at=workflow.now(), origin=origin)


class OriginInbound(WorkflowInboundInterceptor):
    """Keeps the origin of a signal or update while its handler runs."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self._out = _OriginOutbound(outbound)
        super().init(self._out)

    async def execute_workflow(self, asked: ExecuteWorkflowInput) -> Any:
        self._out.began_with = asked.args[0] if asked.args else None
        return await super().execute_workflow(asked)

    async def handle_signal(self, asked: HandleSignalInput) -> None:
        with _asked(_origin(asked.headers, asked.args, f"signal {asked.signal}")):
            await super().handle_signal(asked)

    async def handle_update_handler(self, asked: HandleUpdateInput) -> Any:
        with _asked(_origin(asked.headers, asked.args, f"update {asked.update}")):
            return await super().handle_update_handler(asked)


class _OriginOutbound(WorkflowOutboundInterceptor):
    """Sends the header with what this workflow asks of others in its own name, or in the name of
    its own proven author.
    """

    began_with: object = None

    def start_child_workflow(self, asked: StartChildWorkflowInput) -> Any:
        asked.headers = self._headers(asked.headers, asked.args, asked.id, "start")
        return super().start_child_workflow(asked)

    async def signal_external_workflow(self, asked: SignalExternalWorkflowInput) -> None:
        asked.headers = self._headers(asked.headers, asked.args, asked.workflow_id, f"signal {asked.signal}")
        await super().signal_external_workflow(asked)

    async def signal_child_workflow(self, asked: SignalChildWorkflowInput) -> None:
        asked.headers = self._headers(
            asked.headers, asked.args, asked.child_workflow_id, f"signal {asked.signal}"
        )
        await super().signal_child_workflow(asked)

    def _headers(
        self, headers: Mapping[str, Payload], args: Sequence[Any], target: str, operation: str
    ) -> Mapping[str, Payload]:
        by = getattr(args[0], "by", None) if args else None
        if not isinstance(by, str):
            return headers
        origin = Origin(door=Door.ENGINE, target=target, operation=operation, content=content_digest(args))
        if by not in OWN_NAMES:
            author = started_by(self.began_with)
            if getattr(self.began_with, "by", None) != by or _doubt(author, by):
                return headers
            origin = origin.model_copy(update={"door": author.door, "user": author.user, "host": author.host})
        return {**headers, ORIGIN_HEADER: origin_payload(_vouched(origin, by))}


def origin_payload(origin: Origin) -> Payload:
    """The header's payload."""
    return Payload(
        metadata={"encoding": b"json/plain"}, data=origin.model_dump_json(exclude_defaults=True).encode()
    )


def _vouched(origin: Origin, by: str) -> Origin:
    """The origin with a proof by this worker: the same one when the workflow is replayed."""
    if _Keys.present is None:
        return origin
    now = workflow.now()
    said = f"{workflow.info().run_id} {origin.operation} {origin.target} {origin.content} {now.isoformat()}"
    nonce = hashlib.sha256(said.encode()).hexdigest()[:32]
    return signed(origin, by, _Keys.present, now, nonce)


def _doubt(origin: Origin, by: str) -> str:
    return doubt_of(origin, by, workflow.info().workflow_id, _Keys.present)


def _origin(headers: Mapping[str, Payload], args: Sequence[Any], operation: str) -> Origin:
    """The header's claims, with target, operation and content as they are."""
    found = headers.get(ORIGIN_HEADER)
    try:
        said = Origin() if found is None else Origin.model_validate_json(found.data)
    except ValidationError:
        said = Origin()  # of somebody else, or of a newer release
    true = {
        "door": Door.TEMPORAL if said.proof is None and said.door is not Door.COMMAND else said.door,
        "target": workflow.info().workflow_id,
        "operation": operation,
        "content": content_digest(args),
        "identity": "",
        "principal": "",
        "verified": False,
        "doubt": "",
    }
    return said.model_copy(update=true)


@contextmanager
def _asked(origin: Origin) -> Iterator[None]:
    token = _ASKED.set(origin)
    try:
        yield
    finally:
        _ASKED.reset(token)
