"""An engine that tests share until one of them fails."""

from contextlib import ExitStack
from typing import Any, Self

from tests.incidents.engine import RunningEngine, running_engine


class SharedEngine:
    """Started at the first use. After a failure the next test gets a new one: what a failed test
    leaves behind says nothing about the next.
    """

    def __init__(self, **how: Any) -> None:
        """`how`: arguments of `running_engine`."""
        self._how = how
        self._ends = ExitStack()
        self._running: RunningEngine | None = None

    def running(self) -> RunningEngine:
        """The engine, started where none runs."""
        if self._running is None:
            self._running = self._ends.enter_context(running_engine(**self._how))
        return self._running

    def end(self) -> None:
        """Undo the present test's acts, and end the engine, where one runs."""
        running, self._running = self._running, None
        with self._ends:
            if running is not None:
                running.settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
