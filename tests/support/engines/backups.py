"""Backups of a sandbox's databases, made and brought back by the commands of docs/deploy.md."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa

from sandbox.postgres import postgres_program
from tests.support.builders.waiting import SLOWNESS


@dataclass(frozen=True)
class Backups:
    """Dumps of databases of one server, by the name of the database."""

    folder: Path
    dsn: str
    """Of any database of the server, as its owner."""

    def take(self, databases: Iterable[str]) -> None:
        """Dump each of them, while others may write."""
        for name in databases:
            self._run("pg_dump", "--format=custom", f"--file={self._file(name)}", self._url(name))

    def destroy(self, name: str) -> None:
        """Drop a database; its connections are ended."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def bring_back(self, name: str) -> None:
        """Make the database again, as it was at its dump."""
        url = f"--dbname={self._url('postgres')}"
        self._run("pg_restore", "--create", "--exit-on-error", url, str(self._file(name)))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.dump"

    def _url(self, name: str) -> str:
        return sa.make_url(self.dsn).set(database=name).render_as_string(hide_password=False)

    def _run(self, program: str, *words: str) -> None:
        ended = subprocess.run(
            [str(postgres_program(program)), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=120 * SLOWNESS,
        )
        assert ended.returncode == 0, f"{program}: {ended.stderr[-2_000:]}"
