"""Which changes of a transaction travel as one event.

The same change to several records of one object is one event with several record ids ("Merged
Change Events"). A record that the transaction has touched before starts an event of its own, so
its changes keep their order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.org.events.changes import EventShape


@dataclass(slots=True)
class Operation:
    """One change that a transaction made. Not frozen: it is made for every change, and freezing
    costs a microsecond.
    """

    shape: EventShape
    change: str
    """CREATE, UPDATE, DELETE or UNDELETE."""
    record_id: str
    body: bytes
    """The event's fields, as a JSON object."""
    changed: tuple[str, ...]
    """Names of the fields that an update changed."""


def merged(operations: Sequence[Operation]) -> Iterable[tuple[Operation, Sequence[str]]]:
    """The events to send: each with the operation it stands for and the records it happened to."""
    if len(operations) == 1:
        return ((operations[0], (operations[0].record_id,)),)
    events: dict[object, tuple[Operation, list[str]]] = {}
    touched: set[str] = set()
    for operation in operations:
        key: object = (operation.shape.entity, operation.change, operation.body)
        if operation.record_id in touched:
            key = len(events)
        touched.add(operation.record_id)
        if key in events:
            events[key][1].append(operation.record_id)
        else:
            events[key] = (operation, [operation.record_id])
    return events.values()


def within_threshold(
    operations: Sequence[Operation], threshold: int
) -> tuple[Sequence[Operation], Sequence[Operation]]:
    """The operations whose events are sent, and those beyond that an overflow event stands for
    ("Overflow Events").

    An update counts once for every field that it changed, every other change once.
    """
    changes = 0
    for place, operation in enumerate(operations):
        changes += len(operation.changed) or 1
        if changes > threshold:
            return operations[:place], operations[place:]
    return operations, ()
