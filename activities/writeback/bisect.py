"""The calls of a batch that goes by collections: one, and more when the org refuses whole
collections of it for one of their rows.

JSON's reader gives a body up at the first value that it cannot take for its field, and a field
that is gone refuses all rows beside the one that names it. So what is refused together is sent
again in halves, until the row that is to blame is by itself; without this, one row would make
dead letters of up to two hundred.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from activities.writeback.collections import Collections, Outcomes, Sent, not_sent
from activities.writeback.open_batch import OpenBatch
from clients.salesforce.request import Deadline
from clients.writeback.batches import WritebackBatches
from schemas.errors import CallRefusedError, TransientError, UnknownOutcomeError
from schemas.writeback.messages import WritebackState
from transforms.writeback.facts import Outcome, ToSend

MOST_REFUSALS = 24
"""Refused groups of a batch that are divided: one bad row of a thousand takes ten. Where every row
is bad it ends here.
"""
PAUSED = not_sent("A pause came before it was sent.", code="paused")


class SendResult(NamedTuple):
    """The result of a batch's calls."""

    outcomes: Outcomes
    """Those are missing of which nobody knows whether they were written."""
    is_over: bool
    """The org is done with every call."""


async def carry(
    batch: OpenBatch,
    collections: Collections,
    batches: WritebackBatches,
    *,
    not_after: Deadline,
    come_again: timedelta,
) -> SendResult:
    """Send the entries of a batch. No call is begun after `not_after`, nor, after the first, during
    a pause.

    `come_again` is the wait of entries that were not sent, when the org does not say how long.
    """
    halves = BisectingSender([batch.entries])
    while halves.waiting:
        group = halves.waiting.pop(0)
        if halves.refusals and not await asyncio.to_thread(batches.may_go_on, batch.stored.batch):
            halves.end(group, PAUSED)
            break
        try:
            sent = await collections.send(
                batch.spec, batch.key_field, group, batch.stored.batch, not_after=not_after
            )
        except UnknownOutcomeError as error:
            return SendResult(halves.outcomes, error.is_over)
        except (TransientError, CallRefusedError) as error:
            halves.end(group, _unsent(error, come_again))
            break
        halves.take_in(sent)
    return SendResult(halves.outcomes, is_over=True)


def _unsent(error: TransientError | CallRefusedError, come_again: timedelta) -> Outcome:
    """Of rows whose call was surely not carried out."""
    if isinstance(error, CallRefusedError):
        return Outcome(WritebackState.DEAD, error.error_code, str(error), words=error.words)
    return not_sent(str(error), come_again if error.retry_after is None else error.retry_after)


@dataclass
class BisectingSender:
    """The groups that are still to be sent, and the outcomes so far."""

    waiting: list[Sequence[ToSend]]
    outcomes: Outcomes = field(default_factory=dict)
    refusals: int = 0

    def take_in(self, sent: Sent) -> None:
        """Keep what a call came to. What it refused together for good is divided, and has no
        outcome yet.
        """
        self.outcomes |= sent.outcomes
        for group in sent.refused:
            told = [sent.outcomes.get(entry.record) for entry in group]
            is_for_good = all(each is not None and each.state is WritebackState.DEAD for each in told)
            if not is_for_good or len(group) == 1 or self.refusals == MOST_REFUSALS:
                continue
            self.refusals += 1
            for entry in group:
                del self.outcomes[entry.record]
            self.waiting += _divided(group)

    def end(self, group: Iterable[ToSend], outcome: Outcome) -> None:
        """Nothing of the group, nor of those that wait, is sent."""
        for each in (group, *self.waiting):
            self.outcomes |= {entry.record: outcome for entry in each}


def _divided(group: Sequence[ToSend]) -> list[Sequence[ToSend]]:
    """Two halves. Rows that write the same fields stay together, since a field may be what is
    wrong.
    """
    alike = sorted(group, key=lambda entry: sorted(entry.fields))
    half = len(alike) // 2
    return [alike[:half], alike[half:]]
