"""Processes of the engine that are forked from one which has imported its packages.

Importing takes 1.3 s of processor time, an engine has five processes, and the tests start some
thirty engines. So one process imports once, and a command `python -m MODULE …` that it knows
becomes a fork of it: with the command's arguments, environment, log and session, killed and ended
as any other. How the commands themselves start is proved where tests run `tidegate up`,
`tidegate demo` and others.

The first process has one thread of Python, so that a fork finds no lock held. Elsewhere than on
Linux nothing is forked: libraries of macOS do not allow it.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sandbox import processes
from sandbox.processes import Child, Launch, Process, ProcessGroup, die_with_parent, wait_until

IMPORTED = {
    "cli.main": (
        "cli.worker",
        "workers.salesforce",
        "workers.writeback",
        "clients.telemetry.otel",
        "temporalio.contrib.opentelemetry",
        "requests",
        *(f"workers.queues.{name}" for name in ("batches", "lanes", "backfill", "writebacks")),
    ),
    "api": ("api.app", "api.server.options"),
    "sandbox.org": ("sandbox.org.server.app", "sandbox.org.server.tls"),
}
"""Module of a command -> what is imported before it is asked for."""
_MOST_BYTES = 1 << 20
"""Of a message: a command with its environment."""


@dataclass
class WarmProcess:
    """A fork, as `subprocess.Popen` shows a process."""

    pid: int
    command: Sequence[str]
    connection: socket.socket
    """Says the exit code when the process has ended."""
    returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raise `subprocess.TimeoutExpired` after `timeout` seconds. None = wait
        until it ends.
        """
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.command, timeout or 0)
        return code

    def _ended_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self.connection], [], [], seconds)[0]:
            # Nothing is said when the first process was killed, and its forks with it.
            self.returncode = int(self.connection.recv(_MOST_BYTES) or -signal.SIGKILL)
            self.connection.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class WarmStarts:
    """Starts commands as forks where it can. Its first process starts with the first of them."""

    def __init__(self, folder: Path) -> None:
        self._group = ProcessGroup(folder)
        self._path = folder / "warm.socket"
        self._cold = processes.launch
        self._first: Child | None = None

    def launch(self, wanted: Launch) -> Process:
        """Start a process in the background."""
        command = wanted.command
        if command[:2] != [sys.executable, "-m"] or command[2] not in IMPORTED or wanted.user is not None:
            return self._cold(wanted)
        connection = self._connect()
        asked = {
            "command": list(command[2:]),
            "log": str(wanted.log),
            "environment": dict(wanted.environment),
            "stop_signal": int(wanted.stop_signal),
            "folder": str(Path.cwd()),
        }
        connection.send(json.dumps(asked).encode())
        return WarmProcess(int(connection.recv(_MOST_BYTES)), command, connection)

    def close(self) -> None:
        """End the first process, and what it has forked."""
        self._group.stop()

    def _connect(self) -> socket.socket:
        if self._first is None:
            self._first = self._start()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(str(self._path))
        return connection

    def _start(self) -> Child:
        command = [sys.executable, "-m", __name__, str(self._path)]
        log = self._path.with_suffix(".log")
        # numpy's library of linear algebra, which nobody uses, would start threads.
        wanted = Launch(command, log, os.environ | {"OPENBLAS_NUM_THREADS": "1"}, None, signal.SIGKILL)
        # Not by the group's own `start`, whose thread is the one that waits for us.
        child = Child("warm", self._cold(wanted), log, signal.SIGKILL)
        self._group.children.append(child)
        wait_until(self._path.exists, child)
        return child


@contextmanager
def starting_warm(folder: Path) -> Iterator[None]:
    """Start every process that allows it as a fork, on Linux."""
    if not sys.platform.startswith("linux"):
        yield
        return
    starts, before = WarmStarts(folder), processes.launch
    processes.launch = starts.launch
    yield
    processes.launch = before
    starts.close()


class _FirstProcess:
    """Imports, forks, and says how each fork ended."""

    def __init__(self, path: Path) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._forks: dict[int, socket.socket] = {}
        woken, waking = socket.socketpair()
        for end in (woken, waking):
            end.setblocking(False)
        self._woken, self._waking = woken, waking
        signal.set_wakeup_fd(waking.fileno())
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        # The name appears when it is listening.
        self._server.bind(str(path.with_suffix(".binding")))
        self._server.listen(64)
        path.with_suffix(".binding").rename(path)

    def serve(self) -> dict[str, Any]:
        """Return what is asked of it, in each fork."""
        while True:
            ready, _, _ = select.select([self._server, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(4096)
                self._tell_of_ended()
            if self._server in ready:
                connection, _ = self._server.accept()
                asked: dict[str, Any] = json.loads(connection.recv(_MOST_BYTES))
                pid = os.fork()
                if pid == 0:
                    self._forget()
                    connection.close()
                    return asked
                self._forks[pid] = connection
                connection.send(str(pid).encode())

    def _tell_of_ended(self) -> None:
        while self._forks:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._forks.pop(pid) as connection, suppress(BrokenPipeError):
                connection.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _forget(self) -> None:
        """A fork keeps nothing of the first process open."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (self._server, self._woken, self._waking, *self._forks.values()):
            each.close()


def _become(asked: dict[str, Any]) -> None:
    """Run the command, with this process as its own."""
    if (die := die_with_parent(signal.Signals(asked["stop_signal"]))) is not None:
        die()
    os.setsid()
    os.chdir(asked["folder"])
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    os.environ.clear()
    os.environ.update(asked["environment"])
    module, *arguments = asked["command"]
    sys.argv = [module, *arguments]
    gc.enable()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    """Import, and become what is asked for."""
    gc.disable()
    for module in [each for named in IMPORTED.values() for each in named]:
        import_module(module)
    # The collector would write into memory that the forks share.
    gc.freeze()
    _become(_FirstProcess(Path(sys.argv[1])).serve())


if __name__ == "__main__":
    main()
