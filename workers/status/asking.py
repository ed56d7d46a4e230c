"""Ask one part within its time. A part that hangs holds up neither the others nor the next look."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from clients.concurrency import answer_with
from schemas.errors import TidegateError, UnavailableError
from schemas.status import LOOK_SECONDS, Health, RemoteStatus

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_DETAIL = 300
"""Characters of a reason."""


class StillAskedError(Exception):
    """The thread of an earlier look has not come back."""


class AskingThread:
    """At most one thread that asks a part.

    Args:
        name: Of the part, for the thread's name.
        abort: Ends what the thread waits for; called when the time is over.
    """

    def __init__(self, name: str, abort: Callable[[], None] = lambda: None) -> None:
        self._name = name
        self._abort = abort
        self._running: threading.Thread | None = None
        self._answer: asyncio.Future[Any] | None = None
        self._began = 0.0

    def has_ended(self, seconds: float = LOOK_SECONDS) -> bool:
        """True when no thread asks any more; one that does is ended and waited for."""
        if self._running is None or not self._running.is_alive():
            return True
        self._abort()
        self._running.join(seconds)
        return not self._running.is_alive()

    async def ask(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread, and return its result; while one runs, its result.

        A caller that waits no more leaves the thread behind. Until it ends, the part is not asked
        again (`StillAskedError`).
        """
        if self._running is not None and self._running.is_alive():
            if self._answer is not None and time.monotonic() - self._began < LOOK_SECONDS:
                return await asyncio.shield(self._answer)
            self._abort()
            raise StillAskedError
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        run = partial(answer_with, loop, answer, work)
        self._answer, self._began = answer, time.monotonic()
        self._running = threading.Thread(target=run, daemon=True, name=f"status-{self._name}")
        self._running.start()
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not answer.done():
                answer.set_exception(StillAskedError())
                answer.exception()  # those who share it get it; nobody has to
            self._abort()
            raise


@dataclass(frozen=True)
class Answer(Generic[T_co]):
    """The answer of a part."""

    value: T_co | None
    """None: it said nothing."""
    health: Health
    detail: str
    """Why it said nothing; empty when it did."""
    took: timedelta

    def remote(self, name: str) -> RemoteStatus:
        """The same, as the state of a remote."""
        took = self.took if self.health is Health.UP else None
        return RemoteStatus(name=name, health=self.health, detail=self.detail, took=took)


async def answered(ask: Callable[[], Awaitable[T]], *, seconds: float = LOOK_SECONDS) -> Answer[T]:
    """The answer of `ask`. Raises nothing: a refusal is down, silence and our own faults are
    unknown.
    """
    began = time.monotonic()

    def answer(value: T | None, health: Health, detail: str = "") -> Answer[T]:
        return Answer(value, health, detail[:_DETAIL], timedelta(seconds=time.monotonic() - began))

    try:
        async with asyncio.timeout(seconds):
            return answer(await ask(), Health.UP)
    except (TimeoutError, StillAskedError):
        return answer(None, Health.UNKNOWN, f"no answer within {seconds:g} s")
    except UnavailableError as error:
        return answer(None, Health.DOWN, _first_line(error.detail))
    except TidegateError as error:
        return answer(None, Health.DOWN, _first_line(str(error)))
    except Exception as error:  # a fault of one question must not hide the others' answers
        # Its text may quote a row; its name does not.
        return answer(None, Health.UNKNOWN, f"the question failed: {type(error).__name__}")


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else "no reason given"


class Remembered:
    """Since when each remote is as it is, as far as this process knows."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Health, datetime | None]] = {}
        self._missed: dict[str, int] = {}

    def dated(self, remote: RemoteStatus) -> RemoteStatus:
        """The same with its `since` and the looks that it missed in a row. `since` is None at the
        first look: it may have been so before.
        """
        missed = self._missed.get(remote.name, 0) + 1 if remote.health is Health.UNKNOWN else 0
        self._missed[remote.name] = missed
        health, since = self._known.get(remote.name, (remote.health, None))
        if health is not remote.health:
            health, since = remote.health, datetime.now(UTC)
        self._known[remote.name] = (health, since)
        return remote.model_copy(update={"since": since, "missed": missed})
