"""Work in a forked process, whose processor time is bounded."""

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any


def apart(work: Callable[[], str], seconds: float) -> tuple[int, str]:
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
