"""The plan of a schedule, drawn from its seed: acts of users in the org, and faults of the
engine's processes. Faults at boundaries are drawn while it runs (`fate.py`).
"""

import random
from dataclasses import dataclass
from typing import NamedTuple


class Act(NamedTuple):
    """One thing that happens, so many seconds after the beginning."""

    at: float
    kind: str
    number: int
    """Which record, process or size: taken modulo what there is."""
    detail: float = 0.0
    """A freeze and an outage last so many seconds, a lack of calls three times as long; a clock is
    so many seconds ahead or behind.
    """

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {self.detail:.1f} at {self.at:.1f} s"


@dataclass(frozen=True)
class Plan:
    """The acts of a schedule, in order of time."""

    seed: int
    acts: tuple[Act, ...]


STORM_SECONDS = 30.0
_USERS = (
    ("create", 6),
    ("update", 8),
    ("delete", 2),
    ("undelete", 1),
    ("gap", 1),
    ("many", 1),
    ("write", 4),
    ("again", 1),
)
USERS = frozenset(kind for kind, _ in _USERS)
"""Acts of users and of outside systems."""
_QUIET_SHARE = 0.2
"""The share of schedules with few acts: later events do not heal a loss there."""
_SETTINGS = (
    ("quota", 0.2),  # an org with few calls left
    ("poll", 0.3),  # an object that is polled beside the stream
    ("second", 0.3),  # a second lane, so that changes of accounts come twice, in any order
    ("before", 0.3),  # records that are older than the engine: events tell the changed fields alone
    ("half", 0.3),  # a deployment half-way: workers of the release before take workflow tasks, too
)
"""Features that a schedule has from its beginning, each in a share of the schedules."""
_LOOK_SHARE = 0.5
"""The share of schedules that have a look at the engine's status."""
_TROUBLE = (
    ("kill", 3),
    ("freeze", 5),
    ("clock", 2),
    ("roll", 1),
    ("outage", 1),
    ("dark", 1),
    ("gone", 1),
    ("schema", 1),
    ("erase", 1),
    ("rotate", 1),
)


def draw_plan(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(f"plan {seed}")
    is_quiet = chance.random() < _QUIET_SHARE
    acts = [
        Act(
            round(chance.uniform(0, STORM_SECONDS), 2),
            _one_of(chance, _USERS),
            chance.randrange(1_000),
            chance.random(),
        )
        for _ in range(chance.randrange(1, 4) if is_quiet else chance.randrange(4, 18))
    ]
    acts += [
        Act(
            round(chance.uniform(2, STORM_SECONDS - 5), 2),
            _one_of(chance, _TROUBLE),
            chance.randrange(1_000),
            round(chance.choice([1, 5, 17, 17, 30]) * chance.uniform(0.7, 1.3), 1),
        )
        for _ in range(chance.choice([0, 1, 1, 2, 2, 3]))
    ]
    if chance.random() < _LOOK_SHARE:
        acts.append(Act(round(chance.uniform(5, STORM_SECONDS), 2), "look", 0))
    for kind, share in _SETTINGS:
        if chance.random() < share:
            acts.append(Act(0.0, kind, chance.randrange(1_000)))
    return Plan(seed, tuple(sorted(acts)))


def _one_of(chance: random.Random, kinds: tuple[tuple[str, int], ...]) -> str:
    return chance.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
