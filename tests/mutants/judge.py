"""Judges mutants: tests are collected once, and each mutant gets a forked process of its own in
which the code of one function is exchanged.

The tests of a mutant are those that touch its statement, by coverage's contexts; the quickest come
first, and the first that fails ends it. Processor time is what is bounded: a busy machine makes no
mutant time out.
"""

import gc
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.mutate import Mutant
from tests.mutants.rooms import NOT_JUDGES, ROOT

MOST_SECONDS = 1.5
"""Processor time of the tests that judge one mutant, as they took without it."""
MOST_OF_A_TEST = 0.3
"""Processor time of a test that may judge, while its lines are watched."""
_LONGEST_WAIT = 5.0
"""A test that sleeps for longer is no judge."""
_TIMES_SLOWER, _LEAST_SECONDS = 10, 5


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
    items: dict[str, pytest.Item] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """Processor time of each test that passes."""
    touching: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """File and line -> tests."""
    _functions: dict[tuple[str, str, int], list[FunctionType]] = field(default_factory=dict)

    def pytest_configure(self) -> None:
        """Fewer examples, always the same ones, and none made small: a failure is enough."""
        import hypothesis

        hypothesis.settings.register_profile(
            "mutants",
            max_examples=30,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave tests that start processes."""
        items[:] = [
            item
            for item in items
            if item.path.name not in NOT_JUDGES
            and item.get_closest_marker("service") is None
            and "parts" not in getattr(item, "fixturenames", ())
        ]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running them all."""
        self.items = {item.nodeid: item for item in session.items}
        # of a fork beside threads, which only wait here
        warnings.simplefilter("ignore", DeprecationWarning)
        self._look_at_tests()
        self._functions = _functions_of({str(ROOT / file) for file in self.files})
        gc.freeze()  # a fork copies no page because of a collection
        self.work(self)
        return True

    def verdict(self, mutant: Mutant) -> tuple[Verdict, str]:
        """How it ends, and the test that killed it."""
        names = {name for line in mutant.lines for name in self.touching.get((mutant.file, line), ())}
        if not names:
            return Verdict.NO_TEST, ""
        exchange = self._exchange(mutant)
        if exchange is None:
            return Verdict.NOT_JUDGED, ""
        chosen = list(self._quickest(names))
        allowed = _LEAST_SECONDS + _TIMES_SLOWER * sum(self.seconds[name] for name in chosen)

        def judged() -> str:
            exchange()
            return next((name for name in chosen if not self._passes(name)), "")

        code, said = _apart(judged, allowed)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return Verdict.TIMED_OUT, ""
        if code:  # the interpreter itself gave up
            return Verdict.KILLED, chosen[0]
        return (Verdict.KILLED, said) if said else (Verdict.SURVIVED, "")

    def _quickest(self, names: set[str]) -> Iterator[str]:
        spent = 0.0
        for name in sorted(names, key=lambda each: (self.seconds[each], each)):
            spent += self.seconds[name]
            if spent > MOST_SECONDS:
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
            watch.start()
            took = []
            for name in self.items:
                watch.switch_context(name)
                began = time.process_time()
                if self._is_quick(name):
                    took.append(f"{time.process_time() - began:.4f} {name}")
            watch.stop()
            watch.save()
            return "\n".join(took)

        code, said = _apart(looked, 3_600)
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
        signal.setitimer(signal.ITIMER_PROF, MOST_OF_A_TEST)
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_WAIT)
        try:
            return self._passes(name)
        except BaseException:  # the time may be over between two of pytest's own steps
            return False
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _passes(self, name: str) -> bool:
        reports = runtestprotocol(self.items[name], log=False, nextitem=None)
        return not any(report.failed for report in reports)

    def _exchange(self, mutant: Mutant) -> Callable[[], None] | None:
        """A function that puts the mutant's code in the place of its function's."""
        file = str(ROOT / mutant.file)
        changed = _code_of(compile(mutant.source, file, "exec", dont_inherit=True), mutant)
        found = (
            []
            if changed is None
            else self._functions.get((file, mutant.function, changed.co_firstlineno), [])
        )
        if (
            changed is None
            or not found
            or any(len(each.__code__.co_freevars) != len(changed.co_freevars) for each in found)
        ):
            return None
        code = changed

        def exchange() -> None:
            for function in found:
                function.__code__ = code

        return exchange


def _functions_of(files: set[str]) -> dict[tuple[str, str, int], list[FunctionType]]:
    """Every function in memory that stands in one of the files, whatever is wrapped around it."""
    found: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in files:
            code = each.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno].append(each)
    return found


def _code_of(module: CodeType, mutant: Mutant) -> CodeType | None:
    """The code of the mutant's function; of several with one name, the last before its line."""
    waiting, found = [module], []
    while waiting:
        for each in waiting.pop().co_consts:
            if isinstance(each, CodeType):
                waiting.append(each)
                if each.co_qualname == mutant.function and each.co_firstlineno <= mutant.line:
                    found.append(each)
    return max(found, key=lambda each: each.co_firstlineno, default=None)


def _apart(work: Callable[[], str], seconds: float) -> tuple[int, str]:
    """Do it in a forked process with so much processor time; its end as
    `os.waitstatus_to_exitcode`, and its answer.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(reader)
        _be_quiet(seconds)
        said: Any = ""
        try:
            said = work()
        except BaseException as error:  # whatever it is, it is this mutant's
            said = f"{type(error).__name__} outside of a test"
        _write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = _read(pipe.fileno(), child, 60 + 20 * seconds)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), answer.decode()


def _be_quiet(seconds: float) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    used = time.process_time()
    limit = int(used + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)


def _write(place: int, answer: bytes) -> None:
    while answer:
        answer = answer[os.write(place, answer) :]


def _read(place: int, child: int, seconds: float) -> bytes:
    """Everything until the pipe's end; one that sleeps for longer is killed."""
    ends = time.monotonic() + seconds
    pieces: list[bytes] = []
    while True:
        ready, _, _ = select.select([place], [], [], max(0.0, ends - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            return b""
        piece = os.read(place, 65_536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
