"""Faults on real parts: what strikes, and when."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
import psycopg

from benchmarks.real_storm.timeline import Timeline
from cli.local.engine_processes import ROLES
from cli.local.up import Running
from sandbox.postgres import SERVER_USER

FROZEN_SECONDS = 20.0
"""How long S3 and PostgreSQL say nothing."""
FULL_SECONDS = 20.0
"""How long the warehouse's disk has no room."""
OUTAGE_SHARE = 1 / 12
"""Of the storm: how long nothing of the engine runs."""
_DISK_BYTES = 1_048_576


@dataclass
class Faults:
    """Strikes a running engine and its remotes, each fault at its share of the whole time."""

    running: Running
    folder: Path
    timeline: Timeline
    seconds: float
    """Of the storm."""
    kill_every: float
    """Seconds from one kill to the next."""
    seed: int
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._draw = Random(self.seed)  # noqa: S311 -- the same storm each time
        self._over = threading.Event()
        self._calm = threading.Lock()
        """Held by a fault that no kill may cross."""

    def run(self) -> None:
        """Strike until the storm is over."""
        killing = threading.Thread(target=self._kill_now_and_again, daemon=True)
        killing.start()
        began = time.monotonic()
        for share, name, strike in self._plan():
            if self._over.wait(max(0.0, began + share * self.seconds - time.monotonic())):
                return
            with self._calm, self.timeline.fault(name):
                strike()
            self._count(name)
        self._over.wait(max(0.0, began + self.seconds - time.monotonic()))
        self.stop()
        killing.join()

    def stop(self) -> None:
        """Strike no more."""
        self._over.set()

    def _plan(self) -> Sequence[tuple[float, str, Callable[[], None]]]:
        return (
            (0.15, "S3 frozen", lambda: self._freeze("s3")),
            (0.30, "PostgreSQL frozen", lambda: self._freeze("postgres")),
            (0.45, "disk full", self._fill_the_disk),
            (0.60, "nothing of the engine runs", self._outage),
            (0.80, "rolling deployment", self._deploy),
        )

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def _kill_now_and_again(self) -> None:
        while not self._over.wait(self.kill_every):
            with self._calm:
                children = [each for each in self.running.engine.group.children if each.is_running()]
                if children:
                    struck = self._draw.choice(children)
                    self.timeline.mark(f"kill -9 {struck.name}")
                    struck.process.kill()
                    self._count("kill -9")

    def _freeze(self, name: str) -> None:
        child = next(each for each in self.running.sandbox.children if each.name == name)
        whole = psutil.Process(child.process.pid)
        frozen = [whole, *whole.children(recursive=True)]
        for each in frozen:
            os.kill(each.pid, signal.SIGSTOP)
        self._over.wait(FROZEN_SECONDS)
        for each in frozen:
            if each.is_running():
                os.kill(each.pid, signal.SIGCONT)

    def _fill_the_disk(self) -> None:
        """The warehouse's temporary tables lie on a disk without room, as all its tables would."""
        dsn = self.running.endpoints.warehouse.dsn
        with _mounted(self.folder / "full") as disk, psycopg.connect(dsn, autocommit=True) as connection:
            shutil.chown(disk, SERVER_USER)
            connection.execute(f"CREATE TABLESPACE full_disk LOCATION '{disk}'".encode())
            (disk / "ballast").write_bytes(b"0" * _DISK_BYTES)
            connection.execute("ALTER DATABASE warehouse SET temp_tablespaces = 'full_disk'")
            _end_sessions(connection)
            self._over.wait(FULL_SECONDS)
            connection.execute("ALTER DATABASE warehouse RESET temp_tablespaces")
            _end_sessions(connection)
            (disk / "ballast").unlink()
            connection.execute("DROP TABLESPACE full_disk")

    def _outage(self) -> None:
        self.running.engine.pause()
        self._over.wait(self.seconds * OUTAGE_SHARE)
        self.running.engine.go_on()

    def _deploy(self) -> None:
        """Each role's next process starts before its former one ends."""
        engine = self.running.engine
        for role in ROLES:
            former = [each for each in engine.group.children if each.name == f"worker-{role}"]
            engine.start_role(role)
            for each in former:
                engine.end(each)


@contextmanager
def _mounted(folder: Path) -> Iterator[Path]:
    """A small disk of its own. Raises `CalledProcessError` where this user may not mount one."""
    folder.mkdir()
    options = f"size={_DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)  # noqa: S603, S607
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)  # noqa: S603, S607


def _end_sessions(connection: psycopg.Connection) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = 'warehouse' AND pid <> pg_backend_pid()"
    )
