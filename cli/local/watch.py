"""The sandbox's processes under `tidegate up`: one that ends is named and started again.

Without S3 or PostgreSQL the engine only waits, and nobody would know for what.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cli.output import say
from sandbox.processes import Child, ProcessGroup

_EVERY_SECONDS = 0.5
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
_QUICK_SECONDS = 60.0
"""A process that ends again within this time is started later each time: its disk may be full."""


class _Watch:
    """The watcher of one group; `run` is its thread."""

    def __init__(self, group: ProcessGroup) -> None:
        self.stopping = threading.Event()
        self._group = group
        self._waits: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def run(self) -> None:
        while not self.stopping.wait(_EVERY_SECONDS):
            for child in list(self._group.children):
                if not child.is_running() and time.monotonic() >= self._due(child):
                    say(
                        f"{child.name} ended and is started again; the end of {child.log}:\n{child.last_lines(3)}"
                    )
                    self._begin(child)

    def _due(self, child: Child) -> float:
        """When it may be started again."""
        return self._started.get(child.name, float("-inf")) + self._waits.get(child.name, 0.0)

    def _begin(self, child: Child) -> None:
        now = time.monotonic()
        was_quick = now - self._started.get(child.name, float("-inf")) < _QUICK_SECONDS
        doubled = 2 * self._waits.get(child.name, 0.0) or _FIRST_WAIT_SECONDS
        self._waits[child.name] = min(doubled, _LONGEST_WAIT_SECONDS) if was_quick else 0.0
        self._started[child.name] = now
        self._group.start_again(child)


@contextmanager
def watching(group: ProcessGroup) -> Iterator[None]:
    """Start dead processes of the group again, until left."""
    watch = _Watch(group)
    thread = threading.Thread(target=watch.run, name="sandbox-watcher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.stopping.set()
        thread.join()
