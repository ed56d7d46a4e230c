"""Which changes of a transaction travel as one event.

A record that changes several times in one transaction has one event (Change Data Capture Developer
Guide, "General Considerations"). The same change to several records of one object is one event with
several record ids ("Merged Change Events").
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.org.events.changes import EventShape
from sandbox.org.schema.fields import Value


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
    values: Mapping[str, Value] | None = None
    """The values that the body tells; None for a delete, and for what no transaction has done."""
    old: Mapping[str, Value] | None = None
    """Values before an update, of the fields that it changed; None for all other changes."""


def one_a_record(operations: Sequence[Operation], *, first_kind: bool) -> Sequence[Operation]:
    """The operations with those of one record made one, which stands where its first one stood.

    It tells the values at the end of the transaction ("General Considerations": "Change Event
    Generation in a Transaction with Multiple Changes for the Same Record").

    Args:
        operations: Of one transaction, in order.
        first_kind: True gives it the kind of the first, whatever came later; False tells that the
            record is gone at the end, or back.
    """
    if len({operation.record_id for operation in operations}) == len(operations):
        return operations
    by_record: dict[str, list[Operation]] = {}
    for operation in operations:
        by_record.setdefault(operation.record_id, []).append(operation)
    return [
        found[0] if len(found) == 1 else _one(found, first_kind=first_kind) for found in by_record.values()
    ]


def _one(found: Sequence[Operation], *, first_kind: bool) -> Operation:
    kind = found[0].change if first_kind else _kind(found)
    if kind == "DELETE":
        return next(each for each in found if each.change == kind)
    shape = next(each.shape for each in found if each.values is not None)
    values: dict[str, Value] = {}
    old: dict[str, Value] = {}
    names: dict[str, None] = {}
    for each in found:
        values.update(each.values or {})
        if each.old is not None:
            old = {**each.old, **old}
            names.update(dict.fromkeys(each.values or ()))
    if kind != "UPDATE":
        return Operation(shape, kind, found[0].record_id, shape.whole(values), ())
    changed = {name: values[name] for name in names}
    # A text that ends as it began comes whole: no diff leads to it.
    before = {name: value for name, value in old.items() if value != changed.get(name)}
    return Operation(shape, kind, found[0].record_id, shape.changed(changed, before), tuple(changed))


def _kind(found: Sequence[Operation]) -> str:
    """The kind of the one event: a record that is gone at the end was deleted, one that the
    transaction made was created, one that it brought back undeleted.
    """
    kinds = [each.change for each in found]
    last_state = next((kind for kind in reversed(kinds) if kind != "UPDATE"), "UPDATE")
    if last_state == "DELETE":
        return "DELETE"
    return "CREATE" if kinds[0] == "CREATE" else last_state


def merged(operations: Sequence[Operation]) -> Iterable[tuple[Operation, Sequence[str]]]:
    """The events to send: each with the operation it stands for and the records it happened to.
    `operations`: one a record.
    """
    if len(operations) == 1:
        return ((operations[0], (operations[0].record_id,)),)
    events: dict[object, tuple[Operation, list[str]]] = {}
    for operation in operations:
        key = (operation.shape.entity, operation.change, operation.body)
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
