"""Run many schedules, one after the other or in several processes, and sum up their outcomes."""

import gc
import hashlib
import logging
import multiprocessing
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from tests.storm.fate import Weather
from tests.storm.plan import draw_plan
from tests.storm.planted import PLANTED
from tests.storm.schedule import Outcome, collect, run_schedule
from tests.storm.setting import storm_parts
from tests.storm.weather import STORM
from tests.storm.world import Parts


@dataclass
class Tally:
    """The sum of a number of schedules."""

    seeds: int = 0
    strikes: int = 0
    broken: list[Outcome] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    """How long they took by the machine's clock, without the set-up."""

    @property
    def an_hour(self) -> int:
        """Schedules an hour."""
        return round(self.seeds / self.seconds * 3_600) if self.seconds else 0

    @property
    def digest(self) -> str:
        """The digest of every seed's digest, in the order of the seeds."""
        lines = "\n".join(f"{seed} {found}" for seed, found in sorted(self.digests.items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:16]

    def take(self, outcome: Outcome) -> None:
        """Count one."""
        self.seeds += 1
        self.strikes += len(outcome.struck)
        self.digests[outcome.plan.seed] = outcome.digest
        if outcome.broken:
            self.broken.append(outcome)


def quiet() -> None:
    """Log nothing: a step that fails and is tried again is what a storm is for."""
    logging.basicConfig(level=logging.CRITICAL)


def bug(planted: str) -> AbstractContextManager[object]:
    """The context of a planted bug; "" = none."""
    return PLANTED[planted]() if planted else nullcontext()


def run_seeds(
    parts: Parts, seeds: Iterable[int], weather: Weather = STORM, *, planted: str = ""
) -> Iterator[Outcome]:
    """Run the schedules of some seeds."""
    with _frozen(), bug(planted):
        for seed in seeds:
            yield run_schedule(parts, draw_plan(seed), weather)


@contextmanager
def _frozen() -> Iterator[None]:
    """Let what is there now stay: a schedule's end need not look at it again."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        collect()
        gc.unfreeze()


def first_broken(parts: Parts, most: int, *, planted: str, first: int = 1) -> tuple[int, Outcome | None]:
    """How many schedules it took to find a law broken; None = none of them did. A seed that breaks
    one without the bug finds nothing.
    """
    with _frozen():
        for seed in range(first, first + most):
            plan = draw_plan(seed)
            with bug(planted):
                outcome = run_schedule(parts, plan, STORM)
            if outcome.broken and not run_schedule(parts, plan, STORM).broken:
                return seed - first + 1, outcome
    return most, None


def run_in_processes(seeds: range, jobs: int) -> Iterator[Outcome]:
    """Run them in several processes, each with a PostgreSQL of its own. The outcomes come in the
    order in which the schedules end.
    """
    kind = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[Outcome | None] = kind.Queue()
    workers = [kind.Process(target=_stripe, args=(seeds[place::jobs], found)) for place in range(jobs)]
    for each in workers:
        each.start()
    left = jobs
    while left:
        outcome = found.get()
        if outcome is None:
            left -= 1
        else:
            yield outcome
    for each in workers:
        each.join()


def _stripe(seeds: range, found: "multiprocessing.Queue[Outcome | None]") -> None:
    quiet()
    try:
        with storm_parts() as parts:
            for outcome in run_seeds(parts, seeds):
                found.put(outcome)
    finally:
        found.put(None)


def timed(outcomes: Iterator[Outcome], tally: Tally) -> Iterator[Outcome]:
    """Count outcomes and the time that they took, from the first one on."""
    began = time.monotonic()
    for outcome in outcomes:
        tally.take(outcome)
        tally.seconds = time.monotonic() - began
        yield outcome
