"""One activity of a run, through all of its attempts: dispatch, heartbeats, timeouts, retries,
cancellation.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import temporalio.api.common.v1 as common
from temporalio.api.enums.v1 import RetryState, TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_activation import ResolveActivity, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import (
    ActivityCancellationType as Cancellation,
    ScheduleActivity,
)
from temporalio.common import RetryPolicy

if TYPE_CHECKING:
    from tests.storm.temporal.run import Run
    from tests.storm.temporal.server import Server, Worker

_NOBODY_POLLS = 1.0
"""Seconds until a task that no worker takes is offered again."""


class Step:
    """An activity as its server knows it."""

    def __init__(self, server: "Server", run: "Run", asked: ScheduleActivity) -> None:
        self.server = server
        self.run = run
        self.asked = asked
        self.kind = asked.activity_type
        self.attempt = 1
        self.token = 0
        """The token of the attempt that counts; 0 = none is under way."""
        self.details: list[common.Payload] = []
        self.is_closed = False
        self.is_cancel_asked = False
        self.scheduled_at = self.attempt_at = self.started_at = self.failed_at = datetime.now(UTC)
        self.heard_at: datetime | None = None
        """When the last heartbeat of all attempts arrived; None = none has."""
        self.last_failure: Failure | None = None
        self.worker = ""
        """The process that took the last attempt."""
        self.policy = RetryPolicy.from_proto(asked.retry_policy)
        self._beat_at = 0.0
        self._deadline = (
            server.loop.time() + asked.schedule_to_close_timeout.ToTimedelta().total_seconds()
            if asked.schedule_to_close_timeout.ToTimedelta()
            else None
        )
        self._offer()

    @property
    def name(self) -> str:
        return f"{self.run.started.workflow_id}/{self.kind}"

    def beat(self, token: int, details: list[common.Payload]) -> str:
        """A heartbeat arrives; returns what its worker hears: "" or why to stop."""
        if self.is_closed or token != self.token:
            return "not_found"
        self.details, self._beat_at = details, self.server.loop.time()
        self.heard_at = datetime.now(UTC)
        return "cancel" if self.is_cancel_asked else ""

    def completed(self, token: int, result: common.Payload) -> None:
        """An attempt reports its result; a stale one is not heard."""
        if not self._counts(token):
            return
        done = ActivityResolution()
        done.completed.result.CopyFrom(result)
        self._resolve(done)

    def failed(self, token: int, failure: Failure) -> None:
        """An attempt reports its failure."""
        if not self._counts(token):
            return
        self.server.note(f"failed {self.name} {failure.message[:200]}")
        info = failure.application_failure_info
        self.server.failures[info.type or "unknown"] += 1
        if failure.HasField("application_failure_info") and info.non_retryable:
            self._fail(failure, RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE)
            return
        delay = info.next_retry_delay.ToTimedelta() if info.HasField("next_retry_delay") else None
        self._again(failure, delay)

    def cancelled(self, token: int) -> None:
        """An attempt reports that it was cancelled."""
        if self._counts(token):
            self._resolve_cancelled()

    def ask_cancel(self) -> None:
        """The workflow wants it no more."""
        if self.is_closed:
            return
        self.is_cancel_asked = True
        kind = self.asked.cancellation_type
        if kind == Cancellation.ABANDON:
            self.is_closed = True
        elif kind == Cancellation.TRY_CANCEL or not self.token:
            self._resolve_cancelled()

    def _counts(self, token: int) -> bool:
        return not self.is_closed and token == self.token

    def _offer(self) -> None:
        self.token = 0
        self.attempt_at = datetime.now(UTC)
        self._later(self.server.delay("step.dispatch"), self._begin)

    def _begin(self) -> None:
        if self.is_closed:
            return
        worker = self.server.worker_for(self.asked.task_queue, self.kind)
        if worker is None:
            self._later(_NOBODY_POLLS, self._begin)
            return
        self.token = self.server.next_token()
        self.started_at, self._beat_at = datetime.now(UTC), self.server.loop.time()
        self.worker = worker.name
        self._watch(self.token)
        self._hand_over(worker)

    def _hand_over(self, worker: "Worker") -> None:
        fault = self.server.fate.strike(f"step:{self.kind}")
        self.server.note(f"step {self.name} attempt {self.attempt} on {worker.name} {fault or ''}")
        if fault == "lost":
            return
        worker.begin(self, self.token, fault)

    def _watch(self, token: int) -> None:
        limit = self.asked.start_to_close_timeout.ToTimedelta().total_seconds()
        if limit:
            self._later(limit, self._out_of_time, token, TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE)
        if beat := self.asked.heartbeat_timeout.ToTimedelta().total_seconds():
            self._later(beat, self._check_beat, token, beat)

    def _check_beat(self, token: int, limit: float) -> None:
        if not self._counts(token):
            return
        silent = self.server.loop.time() - self._beat_at
        if silent >= limit - 1e-6:
            self._out_of_time(token, TimeoutType.TIMEOUT_TYPE_HEARTBEAT)
        else:
            self._later(limit - silent, self._check_beat, token, limit)

    def _out_of_time(self, token: int, kind: "TimeoutType.ValueType") -> None:
        if not self._counts(token):
            return
        self.server.note(f"timeout {self.name} {TimeoutType.Name(kind)}")
        failure = Failure(message=f"activity {TimeoutType.Name(kind)} timeout")
        failure.timeout_failure_info.timeout_type = kind
        self._again(failure, None)

    def _again(self, failure: Failure, delay: timedelta | None) -> None:
        self.last_failure, self.failed_at = failure, datetime.now(UTC)
        if self.is_cancel_asked:
            self._fail(failure, RetryState.RETRY_STATE_CANCEL_REQUESTED)
            return
        if self.policy.maximum_attempts and self.attempt >= self.policy.maximum_attempts:
            self._fail(failure, RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED)
            return
        wait = self._backoff() if delay is None else delay.total_seconds()
        if self._deadline is not None and self.server.loop.time() + wait > self._deadline:
            self._fail(failure, RetryState.RETRY_STATE_TIMEOUT)
            return
        self.attempt += 1
        self.token = 0
        self.attempt_at = self.failed_at + timedelta(seconds=wait)
        self._later(wait, self._offer_again)

    def _offer_again(self) -> None:
        if not self.is_closed:
            self._offer()

    def _backoff(self) -> float:
        policy = self.policy
        first = policy.initial_interval.total_seconds()
        most = (policy.maximum_interval or 100 * policy.initial_interval).total_seconds()
        return float(min(most, first * policy.backoff_coefficient ** min(self.attempt - 1, 100)))

    def _fail(self, cause: Failure, state: "RetryState.ValueType") -> None:
        failure = Failure(message="activity error", cause=cause)
        info = failure.activity_failure_info
        info.activity_id, info.activity_type.name, info.retry_state = (
            self.asked.activity_id,
            self.kind,
            state,
        )
        done = ActivityResolution()
        done.failed.failure.CopyFrom(failure)
        self._resolve(done)

    def _resolve_cancelled(self) -> None:
        failure = Failure(message="activity error", cause=Failure(message="cancelled"))
        failure.cause.canceled_failure_info.SetInParent()
        failure.activity_failure_info.activity_type.name = self.kind
        done = ActivityResolution()
        done.cancelled.failure.CopyFrom(failure)
        self._resolve(done)

    def _resolve(self, done: ActivityResolution) -> None:
        self.is_closed = True
        self.server.note(f"done {self.name} {done.WhichOneof('status')}")
        job = ResolveActivity(seq=self.asked.seq, result=done)
        self.run.give(WorkflowActivationJob(resolve_activity=job))

    def _later(self, seconds: float, function: object, *args: object) -> None:
        loop = self.server.loop
        loop.call_later(seconds, function, *args, context=loop.outside.copy())  # type: ignore[arg-type]
