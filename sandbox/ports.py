"""TCP ports on loopback for servers that are about to start.

Between the choice of a port and its server's start lies a second or more. So a port is chosen
below the range that the kernel gives to outgoing connections, and is locked on this machine for
as long as the process that chose it lives: two sandboxes that start at once would else choose
the same one now and then.
"""

import fcntl
import os
import socket
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import SystemRandom

from schemas.errors import SettingsError

LOOPBACK = "127.0.0.1"
"""Where the sandbox listens, unless a part runs as a service of its own."""
_OWN_PORTS = range(15_000, 32_000)
_TRIES = 200
_CHANCE = SystemRandom()
_CHOSEN: set[int] = set()


def free_port(wanted: int = 0) -> int:
    """A TCP port on loopback: `wanted` if it is free, any free one when `wanted` is 0. Raises
    `SettingsError` when it is taken.
    """
    if wanted:
        try:
            return _bound(wanted)
        except OSError as error:
            raise SettingsError(
                f"Port {wanted} on 127.0.0.1 is already taken ({error.strerror}). "
                "Give another one, or leave the option away to get a free port."
            ) from error
    for _ in range(_TRIES):
        port = _CHANCE.choice(_OWN_PORTS)
        with suppress(OSError):
            if _is_ours(port):
                return _bound(port)
    return _bound(0)


def free_pair() -> int:
    """A free port whose next one is free, too."""
    for _ in range(_TRIES):
        first = free_port()
        with suppress(OSError):
            if _is_ours(first + 1):
                _bound(first + 1)
                return first
    raise SettingsError("No two free ports stand side by side on 127.0.0.1. End what takes so many.")


def accepts_connections(port: int) -> bool:
    """True when something listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _bound(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def _is_ours(port: int) -> bool:
    """True when nobody had chosen the port; raises `BlockingIOError` when another process has."""
    if port in _CHOSEN:  # a process never stands in its own way
        return False
    fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    _CHOSEN.add(port)
    return True


@cache
def _locks() -> int:
    """A file of which each byte stands for a port. It stays open: closing it once would let go of
    every lock.
    """
    path = Path(tempfile.gettempdir()) / f"tidegate-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
