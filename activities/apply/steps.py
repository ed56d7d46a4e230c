"""The groups of a turn take their steps side by side, so that what they load travels together.

A group's work is a generator: it yields the loads without which it cannot go on. Every group goes
as far as its next loads, these are carried out at once, and all go on. So a turn of many objects
needs as many rounds of loads as one of one object.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from clients.warehouse import Load, Transaction

R = TypeVar("R")
Steps = Generator[Sequence[Load], None, R]
"""The work of a group; it returns its result."""


class GroupFailedError(Exception):
    """One group of a turn cannot be applied, so nothing of the turn was: without it, the others
    can be.
    """

    def __init__(self, place: int, cause: Exception) -> None:
        self.place = place
        """Of the group in the turn."""
        self.cause = cause
        super().__init__(f"group {place}: {type(cause).__name__}")


class SharedLoadError(Exception):
    """Loads of several groups have failed together, so it is not known which group is at fault."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause
        super().__init__(type(cause).__name__)


class TakeSteps(Protocol):
    """Take the steps of groups; returns their results, in their order."""

    def __call__(self, transaction: Transaction, groups: Sequence[Steps[R]]) -> list[R]: ...


@contextmanager
def of_group(place: int) -> Iterator[None]:
    """What fails is the fault of a group: raises `GroupFailedError`."""
    try:
        yield
    except Exception as error:
        raise GroupFailedError(place, error) from error


def take_steps(transaction: Transaction, groups: Sequence[Steps[R]]) -> list[R]:
    """Take the steps of all groups side by side. Raises `GroupFailedError` for what fails in one
    group, and `SharedLoadError`.
    """
    results: dict[int, R] = {}
    going = dict(enumerate(groups))
    while going:
        wanted: dict[int, Sequence[Load]] = {}
        for place, steps in list(going.items()):
            with of_group(place):
                try:
                    wanted[place] = next(steps)
                except StopIteration as end:
                    results[place] = end.value
                    del going[place]
        _load(transaction, wanted)
    return [results[place] for place in range(len(groups))]


def take_steps_apart(transaction: Transaction, groups: Sequence[Steps[R]]) -> list[R]:
    """The same one group after the other, so that each failure has its group. Raises
    `GroupFailedError`.
    """
    results: list[R] = []
    for place, steps in enumerate(groups):
        with of_group(place):
            results.append(finish(transaction, steps))
    return results


def finish(transaction: Transaction, steps: Steps[R]) -> R:
    """The result of one group's work. Raises what fails in it."""
    try:
        (result,) = take_steps(transaction, [steps])
    except GroupFailedError as failed:
        raise failed.cause from failed.cause.__cause__
    return result


def _load(transaction: Transaction, wanted: dict[int, Sequence[Load]]) -> None:
    try:
        transaction.load_all([load for loads in wanted.values() for load in loads])
    except Exception as error:
        if len(wanted) == 1:
            raise GroupFailedError(next(iter(wanted)), error) from error
        raise SharedLoadError(error) from error
