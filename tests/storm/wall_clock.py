"""The wall clock, the monotonic clock and the random numbers of a schedule: all of them follow from
its seed.
"""

import os
import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import time_machine

BEGINNING = datetime(2026, 9, 21, 8, 0, 0, tzinfo=UTC)
_BEGINNING_NS = int(BEGINNING.timestamp()) * 1_000_000_000


class WallClock:
    """The time of `datetime.now` and `time.time`; set by the loop before every callback."""

    def __init__(self) -> None:
        self._travel = time_machine.travel(BEGINNING, tick=False)
        self._seen = self._travel.start()
        self._shown = (0.0, 0.0)
        self.passed = 0.0
        """Seconds since the beginning, without any skew."""

    def show(self, passed: float, skew: float) -> None:
        """Show the time `passed` seconds after the beginning, on a clock that is `skew` ahead."""
        if self._shown == (passed, skew):
            return
        self._shown, self.passed = (passed, skew), passed
        self._seen._destination_timestamp_ns = _BEGINNING_NS + int((passed + skew) * 1e9)

    def stop(self) -> None:
        """Give the machine's clock back."""
        self._travel.stop()


@contextmanager
def clocks_and_chance(seed: int) -> Iterator[WallClock]:
    """Within, time is the wall clock's and every random number comes from `seed`; pools run what
    they are given at once.
    """
    wall, chance, kept = WallClock(), random.Random(seed), random.getstate()
    random.seed(seed)

    def monotonic() -> float:
        return 50_000.0 + wall.passed

    patches: list[Any] = [
        patch.object(time, "monotonic", monotonic),
        patch.object(time, "perf_counter", monotonic),
        patch.object(time, "monotonic_ns", lambda: int(monotonic() * 1e9)),
        patch.object(time, "perf_counter_ns", lambda: int(monotonic() * 1e9)),
        patch.object(os, "urandom", chance.randbytes),
        patch.object(random, "_urandom", chance.randbytes),
        patch.object(uuid, "uuid4", lambda: uuid.UUID(bytes=chance.randbytes(16), version=4)),
        patch.object(ThreadPoolExecutor, "submit", _at_once),
    ]
    try:
        for each in patches:
            each.start()
        yield wall
    finally:
        for each in reversed(patches):
            each.stop()
        wall.stop()
        random.setstate(kept)


def _at_once(_pool: ThreadPoolExecutor, function: Any, /, *args: Any, **named: Any) -> "Future[Any]":
    done: Future[Any] = Future()
    try:
        done.set_result(function(*args, **named))
    except BaseException as error:
        done.set_exception(error)
    return done
