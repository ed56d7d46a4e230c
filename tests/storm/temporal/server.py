"""The server: runs by workflow id, what they ask for, and who may start, signal, update or query
them.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import temporalio.api.common.v1 as common
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    DoUpdate,
    FireTimer,
    SignalWorkflow,
    WorkflowActivationJob as Job,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import DataConverter
from temporalio.workflow import _Definition

from tests.storm.fate import Fate
from tests.storm.loop import StormLoop
from tests.storm.temporal import relatives
from tests.storm.temporal.policies import AlreadyStartedError, NotFoundError
from tests.storm.temporal.run import Run, Started
from tests.storm.temporal.step import Step

_TASK_SECONDS = 0.004
_CLOSES = {
    "complete_workflow_execution": "COMPLETED",
    "fail_workflow_execution": "FAILED",
    "cancel_workflow_execution": "CANCELED",
}


class Worker(Protocol):
    """A process that takes steps of task queues."""

    name: str
    is_dead: bool
    seen_at: datetime | None
    """When a dead one was last alive; None: it is alive."""

    def serves(self, queue: str, kind: str) -> bool:
        """True when it polls the queue and knows the activity."""

    def begin(self, step: Step, token: int, fault: str | None) -> None:
        """Take a step."""


class Server:
    """Temporal, for as long as a schedule lasts."""

    def __init__(
        self,
        loop: StormLoop,
        fate: Fate,
        workflows: Mapping[str, _Definition],
        converter: DataConverter,
    ) -> None:
        self.loop = loop
        self.fate = fate
        self.converter = converter
        self.longest_history = 10_000
        """Events after which a run hears that it should continue as new."""
        self.is_half_way = False
        """True while workers of the release before take workflow tasks beside those of this one."""
        self.failures: Counter[str] = Counter()
        """Failed attempts by the type of their error."""
        self.workers: list[Worker] = []
        self.runs: dict[str, list[Run]] = defaultdict(list)
        self._workflows = workflows
        self._timers: dict[tuple[Run, int], asyncio.TimerHandle] = {}
        self._steps: dict[tuple[Run, int], Step] = {}
        self._updates: dict[str, asyncio.Future[common.Payload]] = {}
        self._numbers = 0

    def note(self, line: str) -> None:
        """Put a line into the schedule's log."""
        self.fate.note(f"{self.loop.time():.6f} {line}")

    def delay(self, where: str) -> float:
        """Seconds that something of the server takes."""
        return self.fate.seconds(where, _TASK_SECONDS)

    def definition(self, kind: str) -> _Definition:
        """A workflow type by its stored name."""
        return self._workflows[kind]

    def is_of_this_release(self) -> bool:
        """Draws the release of the worker that takes a workflow task."""
        return not self.is_half_way or self.fate.chance("release") < 0.5

    def next_token(self) -> int:
        """A number that was not given before."""
        self._numbers += 1
        return self._numbers

    def worker_for(self, queue: str, kind: str) -> Worker | None:
        """The worker that takes the next task of a queue; None while nobody polls it."""
        able = [each for each in self.workers if each.serves(queue, kind)]
        return able[int(self.fate.chance("worker") * len(able))] if able else None

    def newest(self, workflow_id: str) -> Run | None:
        """The last run of an id; None = there was none."""
        runs = self.runs.get(workflow_id)
        return runs[-1] if runs else None

    def open_run(self, workflow_id: str) -> Run:
        """The open run of an id; raises `NotFoundError`."""
        run = self.newest(workflow_id)
        if run is None or not run.is_open:
            raise NotFoundError(workflow_id)
        return run

    def start(
        self,
        started: Started,
        reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        conflict: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.FAIL,
    ) -> Run:
        """Start a run, or find the open one where the policy allows it; raises
        `AlreadyStartedError`.
        """
        known = self.newest(started.workflow_id)
        if known is not None and known.is_open:
            if conflict is WorkflowIDConflictPolicy.USE_EXISTING:
                return known
            if conflict is not WorkflowIDConflictPolicy.TERMINATE_EXISTING:
                raise AlreadyStartedError(known)
            self.terminate(known)
        elif known is not None and (
            reuse is WorkflowIDReusePolicy.REJECT_DUPLICATE
            or (reuse is WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY and known.status == "COMPLETED")
        ):
            raise AlreadyStartedError(known)
        return self._new_run(started)

    def signal(self, run: Run, name: str, arguments: list[common.Payload], headers: Any = None) -> None:
        """Give a signal to a run."""
        self.note(f"signal {run.started.workflow_id} {name}")
        run.give(
            Job(
                signal_workflow=SignalWorkflow(
                    signal_name=name,
                    input=arguments,
                    headers=headers,
                    originating_event_id=self.next_token(),
                )
            )
        )

    def update(
        self, run: Run, name: str, arguments: list[common.Payload], headers: Any = None
    ) -> "asyncio.Future[common.Payload]":
        """Give an update to a run; the future has its result, or fails with its `Failure`."""
        key = f"{run.run_id}/{self.next_token()}"
        answer: asyncio.Future[common.Payload] = self.loop.create_future()
        self._updates[key] = answer
        update = DoUpdate(
            id=key,
            protocol_instance_id=key,
            name=name,
            input=arguments,
            headers=headers,
            run_validator=True,
        )
        run.give(Job(do_update=update))
        run.waiting_for_end.append(lambda _run: self._fail_update(key, Failure(message="the run has ended")))
        return answer

    def cancel(self, run: Run) -> None:
        """Ask a run to end."""
        if not run.is_cancel_asked:
            run.is_cancel_asked = True
            run.give(Job(cancel_workflow=CancelWorkflow(reason="asked")))

    def terminate(self, run: Run) -> None:
        """End a run at once."""
        self._close(run, "TERMINATED")

    def evict_all(self) -> None:
        """End the coroutines of every instance, at the end of a schedule."""
        for runs in self.runs.values():
            for run in runs:
                run.forget()

    def open_steps(self) -> list[Step]:
        """Steps that are not done."""
        return [each for each in self._steps.values() if not each.is_closed and each.run.is_open]

    def obey(self, run: Run, command: WorkflowCommand) -> None:
        """Do what a workflow asks for."""
        kind = command.WhichOneof("variant") or ""
        body = getattr(command, kind)
        if kind in _CLOSES:
            self._end(run, kind, body)
            return
        done = getattr(self, f"_{kind}", None)
        if done is None and (of_relatives := getattr(relatives, kind, None)) is not None:
            of_relatives(self, run, body)
            return
        if done is None:
            raise NotImplementedError(f"the simulated server does not know {kind}")
        done(run, body)

    def _new_run(self, started: Started) -> Run:
        run_id = f"run-{self.next_token()}"
        self.note(f"start {started.workflow_id} {run_id}")
        run: Run = self.loop.in_world(Run, self, started, run_id)
        self.runs[started.workflow_id].append(run)
        return run

    def _end(self, run: Run, kind: str, body: Any) -> None:
        if kind == "complete_workflow_execution":
            run.result = body.result
        elif kind == "fail_workflow_execution":
            run.failure = body.failure
        self._close(run, _CLOSES[kind])

    def _close(self, run: Run, status: str) -> None:
        self.note(f"close {run.started.workflow_id} {status}")
        for (owner, _), step in list(self._steps.items()):
            if owner is run and not step.is_closed:
                step.is_closed = True
        run.close(status)
        relatives.tell_parent(run)
        relatives.end_children(self, run)

    def _start_timer(self, run: Run, body: Any) -> None:
        seconds = body.start_to_fire_timeout.ToTimedelta().total_seconds()

        def fire() -> None:
            self._timers.pop((run, body.seq), None)
            run.give(Job(fire_timer=FireTimer(seq=body.seq)))

        handle = self.loop.call_later(seconds + self.delay("timer"), fire, context=self.loop.outside.copy())
        self._timers[run, body.seq] = handle

    def _cancel_timer(self, run: Run, body: Any) -> None:
        if (handle := self._timers.pop((run, body.seq), None)) is not None:
            handle.cancel()

    def _schedule_activity(self, run: Run, body: Any) -> None:
        self._steps[run, body.seq] = self.loop.in_world(Step, self, run, body)

    def _request_cancel_activity(self, run: Run, body: Any) -> None:
        self._steps[run, body.seq].ask_cancel()

    def _continue_as_new_workflow_execution(self, run: Run, body: Any) -> None:
        run.close("CONTINUED")
        before = run.started
        self._new_run(
            Started(
                workflow_id=before.workflow_id,
                kind=body.workflow_type or before.kind,
                queue=body.task_queue or before.queue,
                arguments=tuple(body.arguments),
                memo=dict(run.memo),
                attributes=before.attributes,
                headers=dict(body.headers),
                parent=before.parent,
                parent_seq=before.parent_seq,
                parent_close_policy=before.parent_close_policy,
                continued=run.run_id,
            )
        )

    def _upsert_workflow_search_attributes(self, run: Run, body: Any) -> None:
        run.indexed.MergeFrom(body.search_attributes)

    def _modify_workflow_properties(self, run: Run, body: Any) -> None:
        run.memo.update(body.upserted_memo.fields)

    def _set_patch_marker(self, run: Run, body: Any) -> None:
        """The run keeps its own."""

    def _update_response(self, run: Run, body: Any) -> None:
        if body.HasField("completed"):
            answer = self._updates.pop(body.protocol_instance_id, None)
            if answer is not None and not answer.done():
                answer.set_result(body.completed)
        elif body.HasField("rejected"):
            self._fail_update(body.protocol_instance_id, body.rejected)

    def _fail_update(self, key: str, failure: Failure) -> None:
        answer = self._updates.pop(key, None)
        if answer is not None and not answer.done():
            error = self.converter.failure_converter.from_failure(failure, self.converter.payload_converter)
            answer.set_exception(error)
