"""Memory and descriptors of named processes over time, and whether they are flat.

Two figures of memory: the proportional set size counts a page that n processes share as 1/n in
each, so the sum over processes is what they take of the machine. The resident set size counts the
page whole in each: a sum of it counts PostgreSQL's shared buffers once a session.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil

ALL = "all processes"
_SHORTEST_SECONDS = 600.0
"""Of a run that shows whether memory is flat: caches fill in the first minutes."""
_TENTH = 10
_GROWTH = 0.1
_GROWTH_MB = 10
_GROWTH_DESCRIPTORS = 10


@dataclass(frozen=True)
class Held:
    """Memory in bytes and open descriptors of the processes of one name."""

    pss: int = 0
    """Proportional set sizes."""
    rss: int = 0
    """Resident set sizes."""
    descriptors: int = 0

    def __add__(self, other: "Held") -> "Held":
        return Held(self.pss + other.pss, self.rss + other.rss, self.descriptors + other.descriptors)


Look = Mapping[str, Held]
"""Name -> what its processes hold at one moment."""


def held_by(process: psutil.Process) -> Held:
    """Memory and descriptors of one process. Raises `psutil.Error` when it has ended or is
    another user's.
    """
    memory = process.memory_full_info()
    return Held(memory.pss, memory.rss, process.num_fds())


def total(look: Look) -> Held:
    """The sum over every name."""
    return sum(look.values(), Held())


def highest(looks: Iterable[Look]) -> Held:
    """The sum of the look with the largest one, by proportional set sizes."""
    return max(map(total, looks), key=lambda held: held.pss, default=Held())


def memory_figures(looks: Sequence[Look], seconds: float) -> dict[str, Any]:
    """Memory and descriptors of each name at the start, in the middle and at the end of `seconds`,
    and the most.

    Start, middle and end are medians over a tenth of the looks. `flat`: neither memory nor
    descriptors of any name have grown from the middle to the end, but for a tenth, 10 MB or ten
    descriptors; `growing` names those that have. None = the run was too short to tell, under ten
    minutes.
    """
    names = sorted({name for look in looks for name in look})
    courses = {name: [look.get(name, Held()) for look in looks] for name in names}
    courses[ALL] = [total(look) for look in looks]
    figures = {name: _course(course) for name, course in courses.items() if course}
    if seconds < _SHORTEST_SECONDS:
        return {"by_process": figures, "growing": None, "flat": None}
    growing = [name for name, found in figures.items() if _grows(found)]
    return {"by_process": figures, "growing": growing, "flat": not growing}


def _course(course: Sequence[Held]) -> dict[str, dict[str, int]]:
    return {
        "pss_mb": _points([round(held.pss / 1e6) for held in course]),
        "rss_mb": _points([round(held.rss / 1e6) for held in course]),
        "descriptors": _points([held.descriptors for held in course]),
    }


def _points(values: Sequence[int]) -> dict[str, int]:
    width = max(1, len(values) // _TENTH)
    half = (len(values) - width) // 2
    return {
        "start": round(median(values[:width])),
        "middle": round(median(values[half : half + width])),
        "end": round(median(values[-width:])),
        "peak": max(values),
    }


def _grows(found: Mapping[str, Mapping[str, int]]) -> bool:
    """True when memory or descriptors are more at the end than in the middle."""
    least = {"pss_mb": _GROWTH_MB, "descriptors": _GROWTH_DESCRIPTORS}
    return any(
        found[name]["end"] - found[name]["middle"] > max(least[name], _GROWTH * found[name]["middle"])
        for name in least
    )
