"""Carrier `collections`: a batch of writebacks as one call. And what becomes of rows by their
results, whatever carried them.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from clients.salesforce.collections import CompositeWrites, Row, collections_needed, reads_as_reference
from clients.salesforce.request import Deadline
from schemas.catalogue import ObjectSpec
from schemas.errors import UnknownOutcomeError
from schemas.salesforce.limits import COLLECTION_MAX_ROWS, COMPOSITE_MAX_QUERIES
from schemas.writeback.messages import WritebackState
from transforms.writeback.batching import CALL_ROWS
from transforms.writeback.facts import Outcome, ToSend
from transforms.writeback.outcomes import RowResult, outcome_of

Outcomes = dict[str, Outcome]
"""Record -> outcome."""
_AIM_SECONDS = 8.0
"""Bounds of a call; one of 20 seconds would be a long one, of which an org has few."""
_LEAST_ROWS = 1
"""The first entry always goes."""


def not_sent(reason: str, wait: timedelta = timedelta(0), *, code: str = "not_sent") -> Outcome:
    """Of an entry that waits again, and was not tried."""
    return Outcome(WritebackState.WAITING, code, reason, retry_in=wait, is_try=False)


_LEFT = not_sent("It did not fit into one call with those before it.")


class Sent(NamedTuple):
    """The result of a call."""

    outcomes: Outcomes
    """Those are missing whose row's result leaves it open."""
    refused: Sequence[Sequence[ToSend]]
    """Collections of which each was refused as a whole; the outcomes have every entry of them as
    the one to blame.
    """


@dataclass
class Pace:
    """How long one object's rows take, as measured in this process; until a call has told, they are
    taken to be quick.
    """

    seconds_a_row: float = 0.0

    @property
    def rows(self) -> int:
        """How many rows a call may have."""
        if self.seconds_a_row * CALL_ROWS <= _AIM_SECONDS:
            return CALL_ROWS
        return max(_LEAST_ROWS, int(_AIM_SECONDS / self.seconds_a_row))

    def learn(self, rows: int, seconds: float) -> None:
        """Take in how long a call took; the last one counts most, since a call that was given up
        says little of those after it.
        """
        self.seconds_a_row = (self.seconds_a_row + 3 * seconds / rows) / 4

    def give_up(self, rows: int, seconds: float) -> None:
        """Take in that a call was given up: it takes longer than that."""
        self.seconds_a_row = max(2 * seconds / rows, 2 * self.seconds_a_row)


@dataclass
class Collections:
    """Up to a thousand rows in one call."""

    writes: CompositeWrites
    paces: dict[str, Pace] = field(default_factory=lambda: defaultdict(Pace))
    """By object."""

    def left(self, spec: ObjectSpec, entries: Sequence[ToSend]) -> Outcomes:
        """Outcomes of entries that do not fit into one call, or would make it too long: they wait
        again. The first one always goes.
        """
        going = _fitting(entries, self.paces[spec.name].rows)
        return {entry.record: _LEFT for entry in entries if entry.record not in going}

    async def send(
        self, spec: ObjectSpec, key_field: str, entries: Sequence[ToSend], batch: str, *, not_after: Deadline
    ) -> Sent:
        """Send them in one call, which is not begun later than `not_after`. Raises as
        `CompositeWrites.write`.
        """
        pace, began = self.paces[spec.name], time.monotonic()
        rows = [_row(entry) for entry in entries]
        try:
            # Never as a long call: a look-up may then be sure that the org is done with it within
            # `settled_after`.
            results = await self.writes.write(spec.name, key_field, rows, batch, not_after=not_after)
        except UnknownOutcomeError as error:
            # A connection that was lost at once says nothing of how long the rows take.
            if not error.is_over and time.monotonic() - began > _AIM_SECONDS:
                pace.give_up(len(rows), time.monotonic() - began)
            raise
        pace.learn(len(rows), time.monotonic() - began)
        return Sent(outcomes_of(spec, key_field, entries, results), _refused(entries, results))


def _refused(entries: Sequence[ToSend], results: Sequence[RowResult]) -> list[list[ToSend]]:
    found: dict[int, list[ToSend]] = defaultdict(list)
    for entry, result in zip(entries, results, strict=True):
        if result.refusal:
            found[result.refusal].append(entry)
    return list(found.values())


def _row(entry: ToSend) -> Row:
    return Row(entry.external_id, entry.fields, entry.may_create, entry.record_id)


def _fitting(entries: Sequence[ToSend], most: int) -> set[str]:
    """The records that go together in one call.

    A row that a composite request would misread goes by one collection, without a composite
    request; other calls leave such rows for later.
    """
    first, going = entries[0], list(entries)
    if collections_needed([_row(entry) for entry in going]) > 1 and any(map(_is_misread, going)):
        if _is_misread(first):
            most = min(most, COLLECTION_MAX_ROWS)
            going = [entry for entry in going if entry.may_create == first.may_create]
        else:
            going = [entry for entry in going if not _is_misread(entry)]
    going = going[:most]
    if collections_needed([_row(entry) for entry in going]) > COMPOSITE_MAX_QUERIES:
        others = [entry for entry in going if entry.may_create != first.may_create]
        beyond = {entry.record for entry in others[-(len(others) % COLLECTION_MAX_ROWS) :]}
        going = [entry for entry in going if entry.record not in beyond]
    return {entry.record for entry in going}


def _is_misread(entry: ToSend) -> bool:
    return reads_as_reference(entry.external_id) or reads_as_reference(entry.fields)


def outcomes_of(
    spec: ObjectSpec, key_field: str, entries: Sequence[ToSend], results: Sequence[RowResult]
) -> Outcomes:
    """Outcomes by record, of rows with their results."""
    found = {}
    for entry, result in zip(entries, results, strict=True):
        known = {*spec.fields, *entry.fields, key_field}
        outcome = outcome_of(entry, result, key_field=key_field, known=known)
        if outcome is not None:
            found[entry.record] = outcome
    return found
