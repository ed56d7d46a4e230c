"""A collection that the org refuses as a whole for one of its rows is sent again in halves, until that row is by itself.

JSON's reader gives a body up at the first value that it cannot take for its field, and a field that is gone refuses all rows
beside the one that names it. Without this, one row would make dead letters of up to two hundred.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from activities.writeback_carriers import Outcomes, Sent
from schemas.writebacks import WritebackState
from transforms.writeback_facts import ToSend

MOST_REFUSALS = 24
"""Refused groups of a batch that are divided: one bad row of a thousand takes ten. Where every row is bad it ends here."""


@dataclass
class Halves:
    """The groups of a batch that are still to be sent, and the outcomes so far."""

    waiting: list[Sequence[ToSend]]
    outcomes: Outcomes = field(default_factory=dict)
    refusals: int = 0

    def take_in(self, sent: Sent) -> None:
        """Keep what a call came to. What it refused together for good is divided, and has no outcome yet."""
        self.outcomes |= sent.outcomes
        for group in sent.refused:
            is_dead = sent.outcomes[group[0].record].state is WritebackState.DEAD
            if not is_dead or len(group) == 1 or self.refusals == MOST_REFUSALS:
                continue
            self.refusals += 1
            for entry in group:
                del self.outcomes[entry.record]
            self.waiting += _divided(group)

    def records_left(self, *more: Sequence[ToSend]) -> Iterable[str]:
        """Records of the groups that wait, and of these."""
        return (entry.record for group in (*more, *self.waiting) for entry in group)


def _divided(group: Sequence[ToSend]) -> list[Sequence[ToSend]]:
    """Two halves. Rows that write the same fields stay together, since a field may be what is wrong."""
    alike = sorted(group, key=lambda entry: sorted(entry.fields))
    half = len(alike) // 2
    return [alike[:half], alike[half:]]
