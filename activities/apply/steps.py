"""The groups of a turn take their steps side by side, so that what they load travels together.

A group's work is a generator: it yields the loads without which it cannot go on. Every group goes
as far as its next loads, these are carried out at once, and all go on. So a turn of many objects
needs as many rounds of loads as one of one object.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

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


class Fault:
    """Whose step is being taken. An error leaves it as it is.

    The error itself goes through the warehouse's transaction, which turns the driver's into ours.
    """

    def __init__(self) -> None:
        self.place: int | None = None
        """Of the group; None: of nobody alone."""
        self.is_shared = False
        """The loads of several groups."""

    @contextmanager
    def of_group(self, place: int) -> Iterator[None]:
        """A failure is the fault of a group."""
        self.place = place
        yield
        self.place = None

    @contextmanager
    def of(self, places: Sequence[int]) -> Iterator[None]:
        """A failure is the fault of one of some groups."""
        if len(places) == 1:
            self.place = places[0]
        self.is_shared = len(places) > 1
        yield
        self.place, self.is_shared = None, False

    @contextmanager
    def named(self) -> Iterator[None]:
        """Around the transaction: raises `GroupFailedError`, or `SharedLoadError`, with the
        cause.
        """
        try:
            yield
        except Exception as error:
            if self.place is not None:
                raise GroupFailedError(self.place, error) from error
            if self.is_shared:
                raise SharedLoadError(error) from error
            raise


def take_steps(transaction: Transaction, groups: Sequence[Steps[R]], fault: Fault) -> list[R]:
    """Take the steps of all groups side by side; returns their results, in their order."""
    results: dict[int, R] = {}
    going = dict(enumerate(groups))
    while going:
        wanted: dict[int, Sequence[Load]] = {}
        for place, steps in list(going.items()):
            with fault.of_group(place):
                try:
                    wanted[place] = next(steps)
                except StopIteration as end:
                    results[place] = end.value
                    del going[place]
        if wanted:
            with fault.of(list(wanted)):
                transaction.load_all([load for loads in wanted.values() for load in loads])
    return [results[place] for place in range(len(groups))]


def take_steps_apart(transaction: Transaction, groups: Sequence[Steps[R]], fault: Fault) -> list[R]:
    """The same one group after the other, so that each failure has its group."""
    results: list[R] = []
    for place, steps in enumerate(groups):
        with fault.of_group(place):
            results.append(finish(transaction, steps))
    return results


def finish(transaction: Transaction, steps: Steps[R]) -> R:
    """The result of one group's work."""
    (result,) = take_steps(transaction, [steps], Fault())
    return result
