"""A process that dies at a scripted moment, without a process: what it was talking to is the last
that it hears of.

A kill is an error of no kind that the engine knows, raised where a part outside is called:
before the part has done what it was asked, or after, when the answer is lost. The next one is a
new attempt in another process, which knows only the stored state.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clients.salesforce.request import Call


class KilledError(Exception):
    """The process is gone."""


@dataclass
class Kill:
    """Dies once, at the `nth` call of which all of `words` are said."""

    words: tuple[str, ...]
    when: str = "after"
    nth: int = 1
    then: Callable[[], None] | None = None
    """The action in place of a death."""
    alter: Callable[[Any], Any] | None = None
    """The answer in place of a death."""
    struck: bool = False

    def meets(self, subject: str) -> bool:
        """True when this is the call."""
        if self.struck or not all(word in subject for word in self.words):
            return False
        self.nth -= 1
        self.struck = self.nth == 0
        return self.struck

    def strike(self, answer: Any = None) -> Any:
        """Die, or do what stands in for it; returns the answer, altered or not."""
        if self.alter is not None:
            return self.alter(answer)
        if self.then is None:
            raise KilledError
        self.then()
        return answer


class Watched:
    """Stands before a client of a part; the calls go through until the kill's."""

    def __init__(self, target: Any, kill: Kill) -> None:
        self._target = target
        self._kill = kill

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if asyncio.iscoroutinefunction(found):
            return self._awaited(name, found)
        return self._called(name, found) if callable(found) else found

    def _called(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            strikes = self._kill.meets(_subject(name, args))
            if strikes and self._kill.when == "before":
                self._kill.strike()
            answer = method(*args, **options)
            return self._kill.strike(answer) if strikes and self._kill.when == "after" else answer

        return call

    def _awaited(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **options: Any) -> Any:
            strikes = self._kill.meets(_subject(name, args))
            if strikes and self._kill.when == "before":
                self._kill.strike()
            answer = await method(*args, **options)
            return self._kill.strike(answer) if strikes and self._kill.when == "after" else answer

        return call


def _subject(name: str, args: tuple[Any, ...]) -> str:
    return " ".join([name, *(_words(arg) for arg in args)])


def _words(arg: Any) -> str:
    if isinstance(arg, Call):
        return f"call {arg.method} {arg.path}"
    return arg if isinstance(arg, str) else ""
