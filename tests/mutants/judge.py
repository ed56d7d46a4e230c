"""Judges mutants: tests are collected once, and each mutant gets a forked process of its own in
which the code of one function is exchanged.

The tests of a mutant are those that touch its statement, by coverage's contexts; the quickest come
first, and the first that fails ends it. Processor time is what is bounded: a busy machine makes no
mutant time out.
"""

import gc
import os
import signal
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.apart import apart
from tests.mutants.exchange import Functions, exchange_of, functions_of
from tests.mutants.mutate import Mutant
from tests.mutants.rooms import NOT_JUDGES, ROOT

MOST_EXAMPLES = 20
"""Random examples of a property, also of one that asks for more."""
MOST_SECONDS = 2.0
"""Processor time of the tests that judge one mutant, as they took without it."""
MOST_OF_A_TEST = 0.6
"""Processor time of a test that may judge, while its lines are watched."""
_LONGEST_WAIT, _LONGEST_WITH_PARTS = 5.0, 30.0
"""A test that sleeps for longer is no judge."""
_PARTS = ("template", "s3_port")
"""Fixtures of a session that start the processes which forks may share."""
_NOT_SHARED = frozenset({"temporal_server", "redshift_port", "s3_with_overlays"})
"""Fixtures that start others, or have threads."""
_TIMES_SLOWER, _LEAST_SECONDS = 10, 1


class Verdict(StrEnum):
    """How a mutant ended."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    """Killed, too: a loop that no longer ends."""
    SURVIVED = "survived"
    NO_TEST = "no test"
    NOT_JUDGED = "not judged"
    """Its function is not in memory, or cannot be exchanged."""


class _TooLongError(BaseException):
    """Not an `Exception`: no test catches it."""


def _end_test(*_: object) -> None:
    raise _TooLongError


@dataclass
class Judge:
    """A plugin of pytest: it has the tests collected, and runs those that it needs."""

    files: Sequence[str]
    work: Callable[["Judge"], None]
    with_parts: bool = False
    """Tests with the session's PostgreSQL and S3 judge too."""
    times: int = 1
    """How often the bounds of processor time may be taken."""
    items: dict[str, pytest.Item] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """Processor time of each test that passes."""
    touching: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """File and line -> tests."""
    _functions: Functions = field(default_factory=dict)
    _killed: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """File and function -> tests that killed a mutant of it: they are asked first."""

    def pytest_configure(self) -> None:
        """Fewer examples, always the same ones, and none made small: a failure is enough."""
        import hypothesis

        hypothesis.settings.register_profile(
            "mutants",
            max_examples=MOST_EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave tests that start processes of their own."""
        items[:] = [item for item in items if item.path.name not in NOT_JUDGES and self._may_judge(item)]
        for item in items:
            _take_fewer_examples(item)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running them all."""
        self.items = {item.nodeid: item for item in session.items}
        # of a fork beside threads, which only wait here
        warnings.simplefilter("ignore", DeprecationWarning)
        self._open_parts()
        self._look_at_tests()
        # every fork has what the session's fixtures make, and makes nothing again
        self._passes(min(self.seconds, key=lambda name: self.seconds[name]))
        # tests/conftest.py froze what was collected, and frozen functions are not found
        gc.unfreeze()
        self._functions = functions_of({str(ROOT / file) for file in self.files})
        if not self._functions:
            raise RuntimeError("no function of the files is in memory: every mutant would go unjudged")
        gc.freeze()  # a fork copies no page because of a collection
        self.work(self)
        return True

    def _may_judge(self, item: pytest.Item) -> bool:
        needs = set(getattr(item, "fixturenames", ()))
        if "parts" not in needs:
            return self.with_parts or item.get_closest_marker("service") is None
        return self.with_parts and not needs & _NOT_SHARED

    def _open_parts(self) -> None:
        """Start them before the first fork, so that all have the same."""
        for each in _PARTS:
            item: Any = next(
                (one for one in self.items.values() if each in getattr(one, "fixturenames", ())), None
            )
            if item is not None:
                state = item.session._setupstate
                state.setup(item)
                item._request.getfixturevalue(each)
                state.teardown_exact(item.session)

    def verdict(self, mutant: Mutant) -> tuple[Verdict, str]:
        """How it ends, and the test that killed it."""
        names = {name for line in mutant.lines for name in self.touching.get((mutant.file, line), ())}
        if not names:
            return Verdict.NO_TEST, ""
        exchange = exchange_of(mutant, self._functions)
        if exchange is None:
            return Verdict.NOT_JUDGED, ""
        killers = self._killed[mutant.file, mutant.function]
        chosen = sorted(self._quickest(names), key=lambda name: name not in killers)
        allowed = _LEAST_SECONDS + _TIMES_SLOWER * sum(self.seconds[name] for name in chosen)

        def judged() -> str:
            exchange()
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            return next((name for name in chosen if not self._passes_in_time(name)), "")

        code, said = apart(judged, allowed)
        if code in (-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGKILL):
            return Verdict.TIMED_OUT, ""
        if code:  # the interpreter itself gave up
            return Verdict.KILLED, chosen[0]
        self._killed[mutant.file, mutant.function] |= {said} & self.items.keys()
        return (Verdict.KILLED, said) if said else (Verdict.SURVIVED, "")

    def _quickest(self, names: set[str]) -> Iterator[str]:
        spent = 0.0
        for name in sorted(names, key=lambda each: (self.seconds[each], each)):
            spent += self.seconds[name]
            if spent > MOST_SECONDS * self.times:
                return
            yield name

    def _look_at_tests(self) -> None:
        """Run every test once, unchanged, and note its lines and its time."""
        data = ROOT / "var" / "mutants" / f"coverage-{os.getpid()}"
        data.parent.mkdir(parents=True, exist_ok=True)

        def looked() -> str:
            watch = coverage.Coverage(data_file=str(data), include=[str(ROOT / each) for each in self.files])
            signal.signal(signal.SIGPROF, _end_test)
            signal.signal(signal.SIGALRM, _end_test)
            # A test that is ended amid a look of its own leaves another one behind; the next test
            # has ours again.
            watch.set_option("run:disable_warnings", ["trace-changed"])
            took = []
            for name in self.items:
                watch.start()
                watch.switch_context(name)
                began = time.process_time()
                if self._is_quick(name):
                    took.append(f"{time.process_time() - began:.4f} {name}")
                watch.stop()
            watch.save()
            return "\n".join(took)

        code, said = apart(looked, 3_600)
        if code:
            raise RuntimeError(f"the tests ended with {code} before any mutant")
        pairs = (line.partition(" ") for line in said.splitlines())
        self.seconds = {name: float(seconds) for seconds, _, name in pairs}
        found = coverage.CoverageData(str(data))
        found.read()
        for file in found.measured_files():
            short = str(Path(file).relative_to(ROOT))
            for line, contexts in found.contexts_by_lineno(file).items():
                self.touching[short, line] |= self.seconds.keys() & set(contexts)
        data.unlink()

    def _is_quick(self, name: str) -> bool:
        """It passes in the time of one that may judge."""
        signal.setitimer(signal.ITIMER_PROF, MOST_OF_A_TEST * self.times)
        longest = _LONGEST_WITH_PARTS if self.with_parts or self.times > 1 else _LONGEST_WAIT
        signal.setitimer(signal.ITIMER_REAL, longest)
        try:
            return self._passes(name)
        except BaseException:  # the time may be over between two of pytest's own steps
            return False
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _passes_in_time(self, name: str) -> bool:
        """As `_passes`; a test that no longer ends ends the process."""
        signal.setitimer(signal.ITIMER_PROF, _LEAST_SECONDS + _TIMES_SLOWER * self.seconds[name])
        return self._passes(name)

    def _passes(self, name: str) -> bool:
        item = self.items[name]
        # The session stands for a next test: what its fixtures have made stays.
        reports = runtestprotocol(item, log=False, nextitem=item.session)  # type: ignore[arg-type]
        return not any(report.failed for report in reports)


def _take_fewer_examples(item: pytest.Item) -> None:
    """The settings of a test itself go before the profile; the bounds of time would
    leave it out.
    """
    import hypothesis

    test: Any = getattr(item, "obj", None)
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if own is not None and own.max_examples > MOST_EXAMPLES:
        few = hypothesis.settings(own, max_examples=MOST_EXAMPLES)
        test._hypothesis_internal_use_settings = few
