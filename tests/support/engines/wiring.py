"""From lists of activities, as the packages of `activities/` make them, to workers and to the
objects behind them.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from tests.support.builders.contracts import contracts, name_of

T = TypeVar("T")
QUEUES = {row.name: row.queue for row in contracts()}


def owner(activities: Iterable[Any], kind: type[T]) -> T:
    """The one object of that class whose methods are among the activities: a test may set its
    attributes.
    """
    found = {id(each.__self__): each.__self__ for each in activities if isinstance(each.__self__, kind)}
    [only] = found.values()
    return only


def by_queue(activities: Iterable[Any]) -> dict[str, list[Any]]:
    """The activities by the task queue that their contracts name."""
    queues: dict[str, list[Any]] = {}
    for each in activities:
        queues.setdefault(QUEUES[name_of(each)], []).append(each)
    return queues
