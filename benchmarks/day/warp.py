"""An event loop in which time passes when nobody has anything to do.

Whatever waits for a timer (a lease's life, a poll's interval, the neighbour's next step) runs as
it is, in order; only the waiting is left out. While a thread works, time stands still. The wall
clock of the process goes with the loop's.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

import time_machine

_Result = TypeVar("_Result")
_Args = TypeVarTuple("_Args")
_THREAD_POLL_SECONDS = 0.05


class _WarpSelector(selectors.DefaultSelector):
    """Does not wait for a timer, but moves the clock to it."""

    loop: "WarpLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.loop.in_threads or timeout is None:
            return super().select(_THREAD_POLL_SECONDS)
        self.loop.advance(timeout)
        return []


class WarpLoop(asyncio.SelectorEventLoop):
    """Use through `run`."""

    def __init__(self, wall: time_machine.Traveller) -> None:
        self._wall = wall
        self._now = 0.0
        self.in_threads = 0
        selector = _WarpSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the loop was made, as they pass in it."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, for the loop and for everybody who asks what time it is."""
        # A hair more, lest rounding leaves the timer just ahead forever.
        self._now += seconds + 1e-6
        self._wall.shift(seconds + 1e-6)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Args]], _Result], *args: *_Args
    ) -> asyncio.Future[_Result]:
        """As the base class, and time stands still until it is done."""
        self.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _future: asyncio.Future[Any]) -> None:
        self.in_threads -= 1


def run(main: Callable[[], Coroutine[Any, Any, _Result]], *, began: float) -> _Result:
    """Run a coroutine to its end in a loop of its own whose wall clock begins at `began` (seconds
    since the epoch).
    """
    with time_machine.travel(began, tick=False) as wall:
        loop = WarpLoop(wall)
        try:
            asyncio.set_event_loop(loop)
            return loop.run_until_complete(main())
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            asyncio.set_event_loop(None)
            loop.close()
