"""Child processes that never outlive the sandbox.

A child dies in one of three ways: `stop` ends it in order; the kernel ends it when the sandbox
is killed (Linux' parent-death signal); and whatever a crash of the machine's user session still
left behind is ended by the next start, which reads the pids from the state folder and checks
that each is still the same process.

The kernel takes the thread that started a child for its parent (prctl(2)). So one thread starts
all of them and lives as long as this process: a child outlives the thread that asked for it.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from schemas.errors import UnavailableError

STOP_SECONDS = 10.0
"""How long a child may take to stop in order before it is killed."""
READY_SECONDS = 60.0
"""How long a child may take until it serves."""
_PR_SET_PDEATHSIG = 1
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")


class Process(Protocol):
    """A started process: the part of `subprocess.Popen` that is used here."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Launch:
    """A command that is to run, and where."""

    command: Sequence[str]
    log: Path
    """Its output is added to it."""
    environment: Mapping[str, str]
    """All of it."""
    user: str | None
    """None = ours."""
    stop_signal: signal.Signals
    """Sent by the kernel when the thread that starts it has ended."""


@dataclass
class Child:
    """One started process and how to end it."""

    name: str
    process: Process
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    start: Callable[[], Process] | None = None
    """Starts the same command once more; None = it cannot be."""
    _is_asked: bool = False

    def is_running(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Have the process end in order, and wait for nothing. It is asked once."""
        if self.is_running() and not self._is_asked:
            self._is_asked = True
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """End the process: in order first, by force after `STOP_SECONDS`. Returns at once when it
        has ended.
        """
        if not self.is_running():
            return
        self.ask_to_stop()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_lines(self, count: int = 12) -> str:
        """The end of the process's log, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


@dataclass
class ProcessGroup:
    """The children of one sandbox or engine, with their logs and pids in one folder."""

    folder: Path
    """Holds `<name>.log` of each child and `pids.json`."""
    children: list[Child] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Child:
        """Start `command` in the background; its output goes to `<name>.log`. `user` None keeps
        ours.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{name}.log"
        given = dict(os.environ) | dict(environment or {})
        wanted = Launch(list(command), log, given, user, stop_signal)

        def start() -> Process:
            return _STARTER.submit(lambda: launch(wanted)).result()

        child = Child(name, start(), log, stop_signal, start)
        self.children.append(child)
        self._record()
        return child

    def start_again(self, child: Child) -> None:
        """Start a child that has ended once more, with the same command."""
        if child.start is not None:
            child.process = child.start()
            self._record()

    def stop(self) -> None:
        """Stop every child: all are asked at once, then each is waited for."""
        for child in reversed(self.children):
            child.ask_to_stop()
        while self.children:
            self.children.pop().stop()
        self._record()

    def discard(self, child: Child) -> None:
        """Forget a child that has ended."""
        self.children.remove(child)
        self._record()

    def end_leftovers(self) -> list[str]:
        """End what an earlier, crashed group left running; returns the names."""
        ended = []
        for name, pid, started in _read_pids(self.folder / "pids.json"):
            try:
                process = psutil.Process(pid)
                # A pid may have been given to a stranger since: only the same start time is the
                # same process.
                if abs(process.create_time() - started) <= 1:
                    _end(process)
                    ended.append(name)
            except psutil.NoSuchProcess:
                continue
        return ended

    def _record(self) -> None:
        entries = []
        for child in self.children:
            try:
                started = psutil.Process(child.process.pid).create_time()
            except psutil.NoSuchProcess:
                continue
            entries.append({"name": child.name, "pid": child.process.pid, "started_epoch_s": started})
        if self.folder.exists():
            (self.folder / "pids.json").write_text(json.dumps(entries))


def launch(wanted: Launch) -> Process:
    """Start a process in the background."""
    with wanted.log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 -- commands are ours
            list(wanted.command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(wanted.environment),
            user=wanted.user,
            group=wanted.user,
            extra_groups=[] if wanted.user else None,
            # Ctrl-C reaches the sandbox alone, which then stops them in order
            start_new_session=True,
            preexec_fn=die_with_parent(wanted.stop_signal),
        )


def _end(process: psutil.Process) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()


def _read_pids(path: Path) -> list[tuple[str, int, float]]:
    """Name, pid and start time (epoch seconds) of each process that was recorded."""
    try:
        entries = json.loads(path.read_text())
        return [(entry["name"], entry["pid"], entry["started_epoch_s"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def die_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """For a process to call before it begins: the kernel sends it `how` once its parent has ended.
    None = the kernel cannot.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(how))

    return ask_kernel


def wait_until(ready: Callable[[], bool], child: Child, *, seconds: float = READY_SECONDS) -> None:
    """Return when `ready()` is true; raise `UnavailableError` with the log's end when the child
    ends or time does.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if not child.is_running() or time.monotonic() > deadline:
            how = "ended" if not child.is_running() else f"was not ready after {seconds:.0f} s"
            raise UnavailableError(
                system=child.name,
                detail=f"its process {how}; the end of {child.log}:\n{child.last_lines()}\n",
            )
        time.sleep(0.05)
