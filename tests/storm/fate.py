"""The fault at each boundary: drawn from the seed by the boundary's name and a count, so that one
draw more or less changes no other.

A schedule's faults are a list of `Strike`. They are drawn while it runs, or given: a shrunk
schedule is one whose list has become short.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Strike(NamedTuple):
    """A fault: the n-th passage of a boundary, counted from 1, and what it meets there."""

    boundary: str
    number: int
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.boundary} #{self.number}"


@dataclass(frozen=True)
class Weather:
    """How likely each kind of fault is at each boundary."""

    faults: Mapping[str, Sequence[tuple[str, float]]]
    """Boundary, or its beginning before a colon -> kinds, each with its probability."""


@dataclass
class Fate:
    """The draws of one schedule."""

    seed: int
    weather: Weather
    given: frozenset[Strike] | None = None
    """The strikes that there are; None = they are drawn."""
    struck: list[Strike] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """Every passage of a boundary, in order; its digest says whether two runs were the same."""
    is_calm: bool = False
    """True once the storm is over: nothing strikes any more."""
    _passed: Counter[str] = field(default_factory=Counter)
    _drawn: Counter[str] = field(default_factory=Counter)

    def strike(self, boundary: str) -> str | None:
        """The kind of fault that this passage of the boundary meets; None when it meets none."""
        self._passed[boundary] += 1
        number = self._passed[boundary]
        kind = self._kind(boundary, number)
        if kind is not None:
            self.struck.append(Strike(boundary, number, kind))
            self.log.append(f"! {self.struck[-1]}")
        return kind

    def seconds(self, boundary: str, usual: float) -> float:
        """How long a passage takes: mostly about `usual`, rarely much longer."""
        chance = self.chance(f"~{boundary}")
        if chance > 0.97 and not self.is_calm:
            return usual * 30 * chance
        return usual * (0.2 + 1.6 * chance)

    def chance(self, name: str) -> float:
        """The next number of that name, in [0, 1)."""
        self._drawn[name] += 1
        return number_of(self.seed, name, self._drawn[name])

    def note(self, line: str) -> None:
        """Put a line into the log."""
        self.log.append(line)

    def digest(self) -> str:
        """The digest of everything that happened."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()[:16]

    def _kind(self, boundary: str, number: int) -> str | None:
        if self.is_calm:
            return None
        kinds = self.weather.faults.get(boundary) or self.weather.faults.get(boundary.partition(":")[0])
        if not kinds:
            return None
        if self.given is not None:
            return next((kind for kind, _ in kinds if Strike(boundary, number, kind) in self.given), None)
        left = number_of(self.seed, boundary, number)
        for kind, probability in kinds:
            if left < probability:
                return kind
            left -= probability
        return None


def number_of(seed: int, name: str, number: int) -> float:
    """A number in [0, 1) that follows from its three arguments."""
    digest = hashlib.blake2b(f"{seed}/{name}/{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
