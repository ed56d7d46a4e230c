"""One run of a workflow: what has happened to it, and the SDK's instance that decides what comes
next.

A run may be evicted between two tasks. It is then replayed from what it was given, as another
worker would, and must ask for the same again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import temporalio.api.common.v1 as common
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_activation import (
    InitializeWorkflow,
    NotifyHasPatch,
    QueryWorkflow,
    RemoveFromCache,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.common import Priority, TypedSearchAttributes
from temporalio.worker._workflow_instance import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
)
from temporalio.workflow import Info, ParentInfo, _Definition

from tests.storm.temporal.words import innermost, words

if TYPE_CHECKING:
    from tests.storm.temporal.server import Server

_EVENTS_A_JOB = 3
"""A job stands for about so many events of a history."""


class ReplayDiffersError(Exception):
    """A replayed run asked for something else than it did the first time."""


class TaskFailedError(Exception):
    """A workflow's code has failed: on a real server its task is tried again until somebody fixes
    it.
    """


@dataclass(frozen=True)
class Started:
    """How a run was started."""

    workflow_id: str
    kind: str
    """The stored name of the workflow's type."""
    queue: str
    arguments: tuple[common.Payload, ...]
    memo: dict[str, common.Payload] = field(default_factory=dict)
    attributes: TypedSearchAttributes = TypedSearchAttributes.empty
    headers: dict[str, common.Payload] = field(default_factory=dict)
    parent: "Run | None" = None
    parent_seq: int = 0
    parent_close_policy: int = 0
    continued: str | None = None
    """The run before it."""


class Run:
    """A run, open until `status` is another word than RUNNING."""

    def __init__(self, server: "Server", started: Started, run_id: str) -> None:
        self.server = server
        self.started = started
        self.run_id = run_id
        self.began_at = datetime.now(UTC)
        self.closed_at: datetime | None = None
        self.status = "RUNNING"
        self.result: common.Payload | None = None
        self.failure: Failure | None = None
        self.memo = dict(started.memo)
        self.indexed = common.SearchAttributes()
        """Search attributes that the run has set itself."""
        self.is_cancel_asked = False
        self.waiting_for_end: list[Callable[[Run], None]] = []
        self._seed = int(server.fate.chance("workflow.seed") * 2**62)
        self._done: list[tuple[WorkflowActivation, list[str], list[int]]] = []
        """Activations with what was asked for then, and the SDK's flags."""
        self._patches: list[list[str]] = []
        self._jobs: list[WorkflowActivationJob] = []
        self._is_due = False
        self._events = 0
        self._flags: set[int] = set()
        self._instance = self._new_instance()
        start = InitializeWorkflow(
            workflow_type=started.kind,
            workflow_id=started.workflow_id,
            arguments=started.arguments,
            randomness_seed=self._seed,
            attempt=1,
            first_execution_run_id=run_id,
            headers=started.headers,
        )
        start.start_time.FromDatetime(self.began_at)
        self.give(WorkflowActivationJob(initialize_workflow=start))

    @property
    def is_open(self) -> bool:
        return self.status == "RUNNING"

    def give(self, job: WorkflowActivationJob) -> None:
        """Note that something has happened: a task will tell the workflow. Nothing reaches a
        closed run.
        """
        if not self.is_open:
            return
        self._jobs.append(job)
        if not self._is_due:
            self._is_due = True
            loop = self.server.loop
            loop.call_later(self.server.delay("workflow.task"), self._task, context=loop.outside.copy())

    def query(self, name: str, arguments: list[common.Payload]) -> common.Payload:
        """Ask the workflow; what has come meanwhile goes first."""
        if self._jobs and self.is_open:
            self._task()
        job = QueryWorkflow(query_id="q", query_type=name, arguments=arguments)
        done = self._activate(self._activation([WorkflowActivationJob(query_workflow=job)]))
        [answer] = [each.respond_to_query for each in done.successful.commands]
        if answer.HasField("failed"):
            raise RuntimeError(answer.failed.message)
        return answer.succeeded.response

    def evict(self) -> None:
        """Forget the instance, and make it again from the history; raises `ReplayDiffersError`."""
        if not self.is_open or not self._done:
            return
        self.forget()
        self._instance = self._new_instance()
        for (activation, asked, flags), patches in zip(self._done, self._patches, strict=True):
            again = WorkflowActivation()
            again.CopyFrom(activation)
            again.is_replaying = True
            again.available_internal_flags[:] = flags
            for job in again.jobs:
                if job.HasField("do_update"):
                    job.do_update.run_validator = False
            for patch in patches:
                again.jobs.insert(0, WorkflowActivationJob(notify_has_patch=NotifyHasPatch(patch_id=patch)))
            found = [words(each) for each in self._activate(again).successful.commands]
            if found != asked:
                detail = f"{self.started.workflow_id}: it asked for {asked}, and in a replay for {found}"
                raise ReplayDiffersError(detail)

    def forget(self) -> None:
        """Let the instance end its coroutines."""
        job = WorkflowActivationJob(remove_from_cache=RemoveFromCache(message="evicted"))
        self._activate(self._activation([job]))

    def close(self, status: str) -> None:
        """The run ends."""
        if not self.is_open:
            return
        self.status, self.closed_at = status, datetime.now(UTC)
        waiting, self.waiting_for_end = self.waiting_for_end, []
        for each in waiting:
            each(self)

    def _task(self) -> None:
        self._is_due = False
        if not self.is_open or not self._jobs:
            return
        if self.server.fate.strike("workflow.task") == "evicted":
            self.server.note(f"evict {self.started.workflow_id}")
            self.evict()
        jobs, self._jobs = self._jobs, []
        activation = self._activation(jobs)
        self._events += _EVENTS_A_JOB * len(jobs)
        done = self._activate(activation)
        if done.HasField("failed"):
            raise TaskFailedError(f"{self.started.workflow_id}: {innermost(done.failed.failure)}")
        self._keep(activation, done)
        for command in done.successful.commands:
            self.server.obey(self, command)

    def _keep(self, activation: WorkflowActivation, done: WorkflowActivationCompletion) -> None:
        refused = {
            each.update_response.protocol_instance_id
            for each in done.successful.commands
            if each.HasField("update_response") and each.update_response.HasField("rejected")
        }
        kept = WorkflowActivation()
        kept.CopyFrom(activation)
        del kept.jobs[:]
        # A refused update leaves nothing in a history.
        kept.jobs.extend(
            job
            for job in activation.jobs
            if not (job.HasField("do_update") and job.do_update.protocol_instance_id in refused)
        )
        if not kept.jobs:
            return
        self._flags.update(done.successful.used_internal_flags)
        commands = [
            each
            for each in done.successful.commands
            if not (each.HasField("update_response") and each.update_response.protocol_instance_id in refused)
        ]
        self._done.append((kept, [words(each) for each in commands], sorted(self._flags)))
        self._patches.append(
            [each.set_patch_marker.patch_id for each in commands if each.HasField("set_patch_marker")]
        )

    def _activation(self, jobs: list[WorkflowActivationJob]) -> WorkflowActivation:
        activation = WorkflowActivation(
            run_id=self.run_id,
            jobs=jobs,
            history_length=self._events,
            history_size_bytes=200 * self._events,
            continue_as_new_suggested=self._events > self.server.longest_history,
            available_internal_flags=sorted(self._flags),
        )
        activation.timestamp.FromDatetime(datetime.now(UTC))
        return activation

    def _activate(self, activation: WorkflowActivation) -> WorkflowActivationCompletion:
        loop = asyncio.get_running_loop()
        try:
            return self._instance.activate(activation)
        finally:
            # An instance is a loop of its own, and leaves none behind.
            asyncio._set_running_loop(loop)

    def _new_instance(self) -> WorkflowInstance:
        converter = self.server.converter
        return UnsandboxedWorkflowRunner().create_instance(
            WorkflowInstanceDetails(
                payload_converter_factory=converter.payload_converter_class,
                failure_converter_class=converter.failure_converter_class,
                interceptor_classes=[],
                defn=self.server.definition(self.started.kind),
                info=self._info(),
                randomness_seed=self._seed,
                extern_functions={},
                disable_eager_activity_execution=True,
                worker_level_failure_exception_types=(),
                patch_activation_callback=lambda _: self.server.is_of_this_release(),
                last_completion_result=common.Payloads(),
                last_failure=None,
            )
        )

    def _info(self) -> Info:
        started = self.started
        return Info(
            attempt=1,
            continued_run_id=started.continued,
            cron_schedule=None,
            execution_timeout=None,
            first_execution_run_id=self.run_id,
            headers=started.headers,
            namespace="default",
            original_execution_run_id=self.run_id,
            parent=_parent_info(started.parent),
            root=None,
            raw_memo=self.started.memo,
            retry_policy=None,
            run_id=self.run_id,
            run_timeout=None,
            search_attributes={},
            start_time=self.began_at,
            workflow_start_time=self.began_at,
            task_queue=started.queue,
            task_timeout=timedelta(seconds=10),
            typed_search_attributes=started.attributes,
            workflow_id=started.workflow_id,
            workflow_type=started.kind,
            priority=Priority.default,
        )


def _parent_info(parent: Run | None) -> ParentInfo | None:
    if parent is None:
        return None
    return ParentInfo(namespace="default", run_id=parent.run_id, workflow_id=parent.started.workflow_id)


def definitions(workflows: list[type]) -> dict[str, _Definition]:
    """Workflow classes by their stored names."""
    found = [_Definition.must_from_class(each) for each in workflows]
    return {each.name: each for each in found if each.name is not None}
