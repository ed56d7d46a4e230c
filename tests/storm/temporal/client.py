"""A Temporal client of a process: the SDK's own, whose calls end at the simulated server.

A call may fail before it has an effect, or after.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import temporalio.client as sdk
from temporalio.api.update.v1 import Outcome
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from tests.storm.death import die
from tests.storm.temporal.policies import AlreadyStartedError, NotFoundError
from tests.storm.temporal.run import Run, Started
from tests.storm.temporal.server import Server
from tests.storm.temporal.views import Service, described, end_of, listed

_CALL_SECONDS = 0.003


class _Wire:
    """There is none."""

    def __init__(self, server: Server) -> None:
        self.workflow_service = Service(server)


class StormCalls(sdk.Interceptor):
    """Leads every call of a client to the server."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def intercept_client(self, next: sdk.OutboundInterceptor) -> sdk.OutboundInterceptor:  # noqa: A002
        return _Outbound(next, self.server)


def storm_client(server: Server) -> sdk.Client:
    """A client of the server."""
    return sdk.Client(
        _Wire(server),  # type: ignore[arg-type]
        namespace="default",
        data_converter=server.converter,
        interceptors=[StormCalls(server)],
    )


class _Outbound(sdk.OutboundInterceptor):
    def __init__(self, following: sdk.OutboundInterceptor, server: Server) -> None:
        super().__init__(following)
        self._server = server
        self._client: sdk.Client = following._client  # type: ignore[attr-defined]

    async def start_workflow(self, input: sdk.StartWorkflowInput) -> sdk.WorkflowHandle[Any, Any]:  # noqa: A002
        def started() -> Run:
            run = self._start(input)
            if input.start_signal is not None:
                self._server.signal(run, input.start_signal, self._payloads(input.start_signal_args))
            return run

        run: Run = await self._call("start", started)
        return sdk.WorkflowHandle(
            self._client, input.id, result_run_id=run.run_id, result_type=input.ret_type
        )

    async def signal_workflow(self, input: sdk.SignalWorkflowInput) -> None:  # noqa: A002
        await self._call(
            "signal",
            lambda: self._server.signal(
                self._server.open_run(input.id), input.signal, self._payloads(input.args), input.headers
            ),
        )

    async def query_workflow(self, input: sdk.QueryWorkflowInput) -> Any:  # noqa: A002
        def asked() -> Any:
            run = self._server.newest(input.id)
            if run is None:
                raise NotFoundError(input.id)
            return run.query(input.query, self._payloads(input.args))

        payload = await self._call("query", asked)
        return self._value(payload, input.ret_type)

    async def describe_workflow(self, input: sdk.DescribeWorkflowInput) -> Any:  # noqa: A002
        def looked() -> Any:
            run = self._server.newest(input.id)
            if run is None:
                raise NotFoundError(input.id)
            return described(self._server, run)

        return await self._call("describe", looked)

    def list_workflows(self, input: sdk.ListWorkflowsInput) -> Any:  # noqa: A002
        async def pages() -> AsyncIterator[Any]:
            found = await self._call("list", lambda: list(listed(self._server, input.query)))
            for each in found[: input.limit]:
                yield each

        return pages()

    def fetch_workflow_history_events(self, input: sdk.FetchWorkflowHistoryEventsInput) -> Any:  # noqa: A002
        return end_of(self._server, input.id, waits=input.wait_new_event)

    async def cancel_workflow(self, input: sdk.CancelWorkflowInput) -> None:  # noqa: A002
        await self._call("cancel", lambda: self._server.cancel(self._server.open_run(input.id)))

    async def terminate_workflow(self, input: sdk.TerminateWorkflowInput) -> None:  # noqa: A002
        await self._call("terminate", lambda: self._server.terminate(self._server.open_run(input.id)))

    async def start_workflow_update(
        self,
        input: sdk.StartWorkflowUpdateInput,  # noqa: A002
    ) -> sdk.WorkflowUpdateHandle[Any]:
        answer = await self._call(
            "update",
            lambda: self._server.update(
                self._server.open_run(input.id), input.update, self._payloads(input.args), input.headers
            ),
        )
        return await self._updated(answer, input.id, input.ret_type)

    async def start_update_with_start_workflow(
        self,
        input: sdk.StartWorkflowUpdateWithStartInput,  # noqa: A002
    ) -> sdk.WorkflowUpdateHandle[Any]:
        asked, first = input.update_workflow_input, input.start_workflow_input

        def started() -> "asyncio.Future[Any]":
            return self._server.update(
                self._start(first), asked.update, self._payloads(asked.args), asked.headers
            )

        try:
            answer = await self._call("update", started)
        except Exception as error:
            input._on_start_error(error)
            raise
        return await self._updated(answer, first.id, asked.ret_type)

    async def _updated(
        self, answer: "asyncio.Future[Any]", workflow_id: str, kind: type | None
    ) -> sdk.WorkflowUpdateHandle[Any]:
        outcome = Outcome()
        try:
            outcome.success.payloads.append(await answer)
        except FailureError as error:
            converter = self._client.data_converter
            converter.failure_converter.to_failure(error, converter.payload_converter, outcome.failure)
        await asyncio.sleep(self._server.delay("rpc.answer"))
        if self._server.fate.strike("rpc:update_answer") == "lost":
            raise _unavailable("update_answer")
        return sdk.WorkflowUpdateHandle(
            self._client, "update", workflow_id, result_type=kind, known_outcome=outcome
        )

    async def _call(self, name: str, act: Callable[[], Any]) -> Any:
        server = self._server
        fault = server.fate.strike(f"rpc:{name}")
        if fault is not None:
            server.note(f"rpc {name} {fault}")
        await asyncio.sleep(server.fate.seconds("rpc", _CALL_SECONDS))
        if fault == "refused":
            raise _unavailable(name)
        try:
            found = server.loop.in_world(act)
        except NotFoundError as error:
            raise RPCError(f"workflow not found for ID: {error}", RPCStatusCode.NOT_FOUND, b"") from error
        if fault == "dies":
            die()
        if fault in ("lost", "dies"):
            raise _unavailable(name)
        await asyncio.sleep(server.fate.seconds("rpc", _CALL_SECONDS))
        return found

    def _start(self, asked: Any) -> Run:
        attributes = asked.search_attributes
        started = Started(
            workflow_id=asked.id,
            kind=asked.workflow,
            queue=asked.task_queue,
            arguments=tuple(self._payloads(asked.args)),
            memo=dict(zip(asked.memo or {}, self._payloads(list((asked.memo or {}).values())), strict=True)),
            attributes=attributes
            if isinstance(attributes, TypedSearchAttributes)
            else TypedSearchAttributes.empty,
            headers=dict(asked.headers or {}),
        )
        conflict = asked.id_conflict_policy
        if getattr(asked, "start_signal", None) is not None:
            # a signal with a start finds what runs
            conflict = WorkflowIDConflictPolicy.USE_EXISTING
        try:
            return self._server.start(started, asked.id_reuse_policy, conflict)
        except AlreadyStartedError as error:
            raise WorkflowAlreadyStartedError(asked.id, asked.workflow, run_id=error.run.run_id) from error

    def _payloads(self, values: Sequence[Any]) -> list[Any]:
        return list(self._client.data_converter.payload_converter.to_payloads(values))

    def _value(self, payload: Any, kind: type | None) -> Any:
        kinds = None if kind is None else [kind]
        return self._client.data_converter.payload_converter.from_payloads([payload], kinds)[0]


def _unavailable(call: str) -> RPCError:
    return RPCError(f"the server gave no answer to {call}", RPCStatusCode.UNAVAILABLE, b"")
