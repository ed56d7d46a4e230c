"""`python -m sandbox.serve PART`: one part of the sandbox as a service of its own, until SIGTERM.

For containers: each part has its own image command, address and volume. `tidegate sandbox up`
starts all of them on one machine instead.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.ports import accepts_connections
from sandbox.processes import Child, ProcessGroup, wait_until
from schemas.errors import TidegateError

PASSWORD_VARIABLE = "SANDBOX_DATABASE_PASSWORD"  # noqa: S105 -- the name of a variable
"""Environment variable with the password of the database's logins."""
READY_FILE = Path(tempfile.gettempdir()) / "sandbox-ready"
"""There while the part serves, for a container's health check."""
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class _Request:
    """The part's arguments."""

    host: str
    data: Path
    names: tuple[str, ...]
    logins: tuple[str, ...]
    options: tuple[str, ...]
    """Handed on to the org."""


def _temporal(group: ProcessGroup, asked: _Request) -> Child:
    from sandbox.temporal import start_temporal

    return start_temporal(group, asked.data, port=7233, ui_port=8233, host=asked.host)


def _postgres(group: ProcessGroup, asked: _Request) -> Child:
    from sandbox.postgres import Logins, make_durable, start_postgres
    from sandbox.stack import OPERATIONAL, WAREHOUSE

    password = os.environ.get(PASSWORD_VARIABLE)
    child = start_postgres(
        group,
        asked.data,
        port=5432,
        databases=(WAREHOUSE, OPERATIONAL),
        host=asked.host,
        logins=None if password is None else Logins(password, asked.logins),
    )
    make_durable(5432, (OPERATIONAL,))
    return child


def _s3(group: ProcessGroup, asked: _Request) -> Child:
    from sandbox.objectstore import start_objectstore

    return start_objectstore(group, asked.data, port=4566, host=asked.host)


def _salesforce(group: ProcessGroup, asked: _Request) -> Child:
    from sandbox.stack import is_healthy

    command = [sys.executable, "-m", "sandbox.org", "--host", asked.host, "--data", str(asked.data)]
    command += ["--port", "8080", "--tls-port", "8443", "--pubsub-port", "7443", *asked.options]
    for name in asked.names:
        command += ["--name", name]
    child = group.start("salesforce", command)
    wait_until(lambda: accepts_connections(8080) and is_healthy("http://127.0.0.1:8080"), child)
    return child


_PARTS: Mapping[str, Callable[[ProcessGroup, _Request], Child]] = {
    "temporal": _temporal,
    "postgres": _postgres,
    "s3": _s3,
    "salesforce": _salesforce,
}


def main() -> int:
    """Serve the part of the arguments. Exit code 1: it did not start, or ended by itself."""
    parser = _parser()
    arguments, options = parser.parse_known_args()
    if options and arguments.part != "salesforce":
        parser.error(f"unknown options: {' '.join(options)}")
    asked = _Request(
        host=arguments.host,
        data=arguments.data.resolve(),
        names=tuple(arguments.name),
        logins=tuple(arguments.login),
        options=tuple(options),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return _serve(arguments.part, asked, stop)


def _serve(part: str, asked: _Request, stop: threading.Event) -> int:
    # The logs lie outside of the data: PostgreSQL wants its folder empty at first.
    group = ProcessGroup(asked.data.with_name(f"{asked.data.name}-logs"))
    try:
        child = _PARTS[part](group, asked)
        READY_FILE.touch()
        sys.stdout.write(f"{part} is ready\n")
        sys.stdout.flush()
        while not stop.wait(_LOOK_SECONDS):
            if not child.is_running():
                sys.stderr.write(f"{part} ended; the end of its log:\n{child.last_lines()}\n")
                return 1
    except TidegateError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    finally:
        READY_FILE.unlink(missing_ok=True)
        group.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sandbox.serve",
        description="One part of the sandbox: its state in --data, further options go to the org.",
    )
    parser.add_argument("part", choices=sorted(_PARTS))
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 -- of a container
    parser.add_argument("--data", type=Path, required=True, help="folder of its state; made when missing")
    parser.add_argument(
        "--name", action="append", default=[], help="salesforce: another host by which TLS clients reach it"
    )
    parser.add_argument(
        "--login",
        action="append",
        default=[],
        help=f"postgres: a user without rights, to whom `tidegate migrate` gives them; password in {PASSWORD_VARIABLE}",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
