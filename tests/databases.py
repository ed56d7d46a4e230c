"""Databases of the tests' PostgreSQL."""

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from sandbox import postgres


@contextmanager
def new_database(port: int, *options: str) -> Iterator[str]:
    """The connection string of a new database, which is dropped at the end. `options` are of CREATE
    DATABASE.

    The kernel copies its files, in a third of the time in which the server writes them by its log.
    """
    name = f"t{uuid.uuid4().hex[:12]}"
    copy = "-c file_copy_method=clone"
    with psycopg.connect(postgres.dsn(port, "postgres"), autocommit=True, options=copy) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy {' '.join(options)}".encode())
        yield postgres.dsn(port, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


MakeCluster = Callable[[Path, str | None], None]
"""Makes the data of a new server in an empty folder, which the user owns."""


@contextmanager
def copying_clusters(make: MakeCluster) -> Iterator[MakeCluster]:
    """Make the first cluster by `make`, and each further one as a copy of it."""
    first: Path | None = None

    def copy(folder: Path, user: str | None) -> None:
        nonlocal first
        if first is None:
            made = Path(tempfile.mkdtemp(prefix="tidegate-cluster-"))
            if user is not None:
                shutil.chown(made, user, user)
            make(made, user)
            first = made
        subprocess.run(["cp", "-a", f"{first}/.", str(folder)], check=True)

    yield copy
    if first is not None:
        shutil.rmtree(first)
