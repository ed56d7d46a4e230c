"""An event loop with a clock of its own: time passes when nothing is left to do.

Everything of a schedule runs on it, one callback after the other, in one thread. So the same
seed gives the same order. A callback belongs to a process, or to the world (org, stores,
Temporal). A killed process's callbacks never run again; a frozen one's wait until it thaws, as
those of a machine do that stood still.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any

from tests.storm.wall_clock import WallClock

START = 1_000.0
"""The loop's time at the beginning of a schedule, in seconds."""


class Host:
    """Where callbacks run: a process of the engine as the loop sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.died_at: float | None = None
        """When it ended, by the loop's clock; None: it lives."""
        self.frozen_until = 0.0
        self.skew = 0.0
        """Seconds by which its wall clock is ahead."""
        self.held: list[asyncio.Handle] = []

    def die(self) -> None:
        """End between two callbacks."""
        self.is_dead = True


HOST: ContextVar[Host | None] = ContextVar("storm_host", default=None)


class EndOfTimeError(Exception):
    """Nothing is left to do, and nothing is due. Every waiter waits without an end."""


class StormLoop(asyncio.BaseEventLoop):
    """A loop without sockets and threads."""

    _ready: deque[Any]  # asyncio's own, as the two lists of `BaseEventLoop` are
    _scheduled: list[Any]

    def __init__(self, wall: WallClock) -> None:
        super().__init__()
        self._now = START
        self._wall = wall
        self._graves: list[asyncio.Handle] = []
        """The callbacks of killed processes. They are kept: a coroutine that is collected runs
        its `finally`.
        """
        self.delay: Callable[[str], float] = lambda _where: 0.001
        """Gives the seconds of a step in a thread."""
        self.outside = copy_context()
        """The context of the world, in which no process runs."""
        self.steps = 0
        self.most_steps = 0
        """Callbacks after which a schedule is given up; 0 = never."""

    def time(self) -> float:
        return self._now

    def run_in_executor(  # type: ignore[override]  # whatever it is given
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Run `func` at once and whole, some time from now; its answer takes time, too."""
        answer = self.create_future()

        def work() -> None:
            try:
                result, failure = func(*args), None
            except Exception as error:
                result, failure = None, error
            self.call_later(self.delay("thread.answer"), _settle, answer, result, failure)

        self.call_later(self.delay("thread"), work)
        return answer

    def in_world(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call something of the world from a process: what it starts is not the process's."""
        return _fresh(self.outside).run(function, *args)

    def world_task(self, coroutine: Any) -> "asyncio.Task[Any]":
        """A task that no process's end ends."""
        return self.create_task(coroutine, context=_fresh(self.outside))

    def thaw(self, host: Host) -> None:
        """Let what the host held run."""
        self._ready.extend(host.held)
        host.held.clear()

    def _run_once(self) -> None:
        scheduled, ready = self._scheduled, self._ready
        while scheduled and (scheduled[0]._cancelled or scheduled[0]._when <= self._now):
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            if not timer._cancelled:
                ready.append(timer)
        if not ready:
            if not scheduled:
                raise EndOfTimeError
            self._now = scheduled[0]._when
            return
        self.steps += 1
        if self.most_steps and self.steps > self.most_steps:
            raise EndOfTimeError(f"not done after {self.most_steps} callbacks")
        handle = ready.popleft()
        if handle._cancelled:
            return
        host = handle._context.get(HOST)
        if host is not None:
            if host.is_dead:
                self._graves.append(handle)
                return
            if host.frozen_until > self._now:
                host.held.append(handle)
                return
        self._wall.show(self._now - START, 0.0 if host is None else host.skew)
        handle._run()

    def _write_to_self(self) -> None:
        """Nothing sleeps, so nothing has to be woken."""

    def _process_events(self, event_list: Any) -> None:
        """There are no sockets."""


def _settle(answer: "asyncio.Future[Any]", result: Any, failure: Exception | None) -> None:
    if answer.done():
        return
    if failure is None:
        answer.set_result(result)
    else:
        answer.set_exception(failure)


def _fresh(context: Context) -> Context:
    return context.copy()
