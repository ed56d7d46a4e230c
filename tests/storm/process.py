"""A process of the engine in a schedule: its clients, its activities, and what may befall it.

Its code is the engine's own, down to the clients. A killed process does nothing from then on, not
even a `finally`; a frozen one goes on later as if no time had passed.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import temporalio.activity as sdk
import temporalio.api.common.v1 as common
from temporalio.api.failure.v1 import Failure
from temporalio.common import MetricMeter, Priority, _CompositeEvent
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from activities.runtime.org_interceptor import OrgGuardInterceptor
from tests.storm.loop import HOST, Host
from tests.support.builders.contracts import name_of
from tests.support.engines.wiring import by_queue

if TYPE_CHECKING:
    from tests.storm.temporal.server import Server
    from tests.storm.temporal.step import Step

_THROTTLE = 2.0
"""Seconds between two heartbeats that reach the server, as of a worker's setting."""
_DRAIN = 8.0
"""Seconds that a stopping process gives its steps."""


@dataclass
class Attempt:
    """An attempt of a step, in its process."""

    step: "Step"
    token: int
    task: "asyncio.Task[None] | None" = None
    details: list[common.Payload] = field(default_factory=list)
    sent_at: float = -1e9
    is_sending_later: bool = False
    cancellation: sdk._ActivityCancellationDetailsHolder = field(
        default_factory=sdk._ActivityCancellationDetailsHolder
    )
    cancelled: _CompositeEvent | None = None
    answers: bool = True
    """False means that every report of it is lost."""

    @property
    def is_shut_down(self) -> bool:
        """True when its worker has stopped it, and nobody else."""
        details = self.cancellation.details
        return details is not None and details.worker_shutdown


class EngineProcess(Host):
    """A worker process of the role `all`."""

    def __init__(self, name: str, server: "Server", make: Callable[["EngineProcess"], list[Any]]) -> None:
        super().__init__(name)
        self.server = server
        self.loop = server.loop
        self.client: Any = None
        self.org_id = ""
        self.is_stopping = False
        self.seen_at: datetime | None = None
        """When it ended; None: it lives."""
        self.background: list[Callable[[], Any]] = []
        """Coroutine functions that run beside the steps."""
        self.after_death: Callable[[], None] = lambda: None
        """The loop calls it when the process dies at a boundary, to start another one."""
        self._make = make
        self._queues: dict[str, dict[str, Callable[..., Any]]] = {}
        self._running: list[Attempt] = []
        self._stopping = _CompositeEvent(thread_event=threading.Event(), async_event=None)
        self._context = contextvars.Context()
        self._context.run(HOST.set, self)
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self) -> None:
        """Open the clients and poll the queues."""
        self._context.run(self._start)

    def serves(self, queue: str, kind: str) -> bool:
        """As of `Worker`."""
        return not self.is_dead and not self.is_stopping and kind in self._queues.get(queue, {})

    def begin(self, step: "Step", token: int, fault: str | None) -> None:
        """As of `Worker`."""
        attempt = Attempt(step, token, answers=fault != "unheard")
        self._running.append(attempt)
        attempt.task = self.loop.create_task(
            self._carry_out(attempt), context=self._context.copy(), name=step.name
        )

    def die(self) -> None:
        """End it at a boundary."""
        self.kill()
        self.after_death()

    def kill(self) -> None:
        """End it between two callbacks."""
        super().die()
        self.died_at = self.died_at or self.loop.time()
        self.seen_at = self.seen_at or self.loop.outside.copy().run(datetime.now, UTC)

    def freeze(self, seconds: float) -> None:
        """Let the process stand still for so many seconds."""
        self.frozen_until = self.loop.time() + seconds
        self.loop.call_later(seconds, self.loop.thaw, self, context=self.loop.outside.copy())

    def stop(self) -> None:
        """End it as an orchestrator does: its steps hear of it, and have some seconds."""
        self.is_stopping = True
        self._stopping.set()
        self.loop.call_later(_DRAIN, self._end, context=self._context)

    def _end(self) -> None:
        for each in list(self._running):
            self._cancel(each, "worker_shutdown")
        self.loop.call_later(1.0, self.kill, context=self._context)

    def _start(self) -> None:
        made = self._make(self)
        self._queues = {
            queue: {name_of(each): each for each in found} for queue, found in by_queue(made).items()
        }
        for each in self.background:
            self._tasks.append(self.loop.create_task(each()))

    async def _carry_out(self, attempt: Attempt) -> None:
        try:
            result = await self._run(attempt)
        except asyncio.CancelledError:
            if attempt.is_shut_down:
                # Core says so, that another worker tries the step again.
                stopped = ApplicationError("the worker stopped", type="WorkerShutdown")
                self._report(attempt, "failed", self._failure(stopped))
            else:
                self._report(attempt, "cancelled")
        except Exception as error:
            self._report(attempt, "failed", self._failure(error))
        else:
            self._report(attempt, "completed", result)
        finally:
            self._running.remove(attempt)

    async def _run(self, attempt: Attempt) -> common.Payload:
        step = attempt.step
        function = self._queues[step.asked.task_queue][step.kind]
        definition = sdk._Definition.must_from_callable(function)
        payloads = self._converter.payload_converter
        arguments = payloads.from_payloads(list(step.asked.arguments), definition.arg_types)
        attempt.cancelled = _CompositeEvent(thread_event=threading.Event(), async_event=asyncio.Event())
        info = self._info(step)
        sdk._Context.set(
            sdk._Context(
                info=lambda: info,
                heartbeat=lambda *details: self._beat(attempt, payloads.to_payloads(details)),
                cancelled_event=attempt.cancelled,
                worker_shutdown_event=self._stopping,
                shield_thread_cancel_exception=None,
                payload_converter_class_or_instance=payloads,
                runtime_metric_meter=MetricMeter.noop,
                client=self.client,
                cancellation_details=attempt.cancellation,
            )
        )
        chain: ActivityInboundInterceptor = _Innermost()
        for each in (OrgGuardInterceptor(self.org_id), ErrorTranslationInterceptor()):
            chain = each.intercept_activity(chain)
        given = ExecuteActivityInput(fn=function, args=arguments, executor=None, headers={})
        [result] = payloads.to_payloads([await chain.execute_activity(given)])
        return result

    def _info(self, step: "Step") -> sdk.Info:
        asked = step.asked
        return sdk.Info(
            activity_id=asked.activity_id,
            activity_type=step.kind,
            attempt=step.attempt,
            current_attempt_scheduled_time=step.attempt_at,
            heartbeat_details=self._converter.payload_converter.from_payloads(step.details),
            heartbeat_timeout=asked.heartbeat_timeout.ToTimedelta() or None,
            is_local=False,
            namespace="default",
            schedule_to_close_timeout=asked.schedule_to_close_timeout.ToTimedelta() or timedelta(0),
            scheduled_time=step.scheduled_at,
            start_to_close_timeout=asked.start_to_close_timeout.ToTimedelta(),
            started_time=step.started_at,
            task_queue=asked.task_queue,
            task_token=str(step.token).encode(),
            workflow_id=step.run.started.workflow_id,
            workflow_namespace="default",
            workflow_run_id=step.run.run_id,
            workflow_type=step.run.started.kind,
            priority=Priority.default,
            retry_policy=step.policy,
            activity_run_id=None,
        )

    def _beat(self, attempt: Attempt, details: list[common.Payload]) -> None:
        attempt.details = details
        wait = attempt.sent_at + _THROTTLE - self.loop.time()
        if wait <= 0:
            self._send_beat(attempt)
        elif not attempt.is_sending_later:
            attempt.is_sending_later = True
            self.loop.call_later(wait, self._send_beat, attempt)

    def _send_beat(self, attempt: Attempt) -> None:
        attempt.is_sending_later, attempt.sent_at = False, self.loop.time()
        if not attempt.answers or self.server.fate.strike(f"beat:{attempt.step.kind}") == "lost":
            return
        details = attempt.details

        def arrive() -> None:
            heard = attempt.step.beat(attempt.token, details)
            if heard:
                self.loop.call_later(
                    self.server.delay("beat.answer"), self._cancel, attempt, heard, context=self._context
                )

        self._in_world_later(self.server.delay("beat"), arrive)

    def _cancel(self, attempt: Attempt, reason: str) -> None:
        if attempt.task is None or attempt.task.done():
            return
        attempt.cancellation.details = sdk.ActivityCancellationDetails(
            cancel_requested=reason == "cancel",
            not_found=reason == "not_found",
            worker_shutdown=reason == "worker_shutdown",
        )
        if attempt.cancelled is not None:
            attempt.cancelled.set()
        attempt.task.cancel()

    def _report(self, attempt: Attempt, kind: str, *told: Any) -> None:
        if not attempt.answers or self.is_dead:
            return
        step, token, details = attempt.step, attempt.token, attempt.details

        def arrive() -> None:
            if kind == "failed" and details:
                step.beat(token, details)
            getattr(step, kind)(token, *told)

        self._in_world_later(self.server.delay("report"), arrive)

    def _failure(self, error: BaseException) -> Failure:
        failure = Failure()
        self._converter.failure_converter.to_failure(error, self._converter.payload_converter, failure)
        return failure

    def _in_world_later(self, seconds: float, function: Callable[[], None]) -> None:
        self.loop.call_later(seconds, function, context=self.loop.outside.copy())

    @property
    def _converter(self) -> DataConverter:
        return self.server.converter


class _Innermost(ActivityInboundInterceptor):
    def __init__(self) -> None:
        """There is nothing after it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        if inspect.iscoroutinefunction(input.fn):
            return await input.fn(*input.args)
        return await asyncio.to_thread(input.fn, *input.args)
