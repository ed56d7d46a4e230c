"""A remote that is frozen: it takes connections and never says a word."""

import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def silent_address() -> Iterator[str]:
    """host:port of a socket that nobody reads: the kernel takes connections, as it does for a
    process that is stopped.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=64) as door:
        yield f"127.0.0.1:{door.getsockname()[1]}"


@contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Processes of the test's own that are stopped (SIGSTOP) within it."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
