"""Make the stand-in's own objects in a database, once."""

import asyncio
from collections.abc import Sequence
from importlib.resources import files

import psycopg
from psycopg import sql

from sandbox.redshift.wire.backend import Server

_SCRIPTS = ("install.sql", "functions.sql", "views.sql")
_LOCK = 5_439


_MAKE_USER = sql.SQL(
    "DO $$ BEGIN CREATE ROLE {} SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
)
"""Roles belong to the whole server, so another database may have made it, or be making it."""


class Installer:
    """Installs into each database before its first session."""

    def __init__(self, server: Server, users: Sequence[str] = ()) -> None:
        """`users`: names that statements may give, as in AUTHORIZATION and GRANT."""
        self._server = server
        self._users = tuple(users)
        self._done: dict[str, asyncio.Lock] = {}
        self._installed: set[str] = set()

    async def install(self, database: str) -> None:
        """Return when the database has everything. Raises `psycopg.OperationalError` when there is
        no such database.
        """
        async with self._done.setdefault(database, asyncio.Lock()):
            if database in self._installed and await asyncio.to_thread(self._is_there, database):
                return
            await asyncio.to_thread(self._install, database)
            self._installed.add(database)

    def _connect(self, database: str) -> psycopg.Connection:
        server = self._server
        return psycopg.connect(host=server.host, port=server.port, user="postgres", dbname=database)

    def _is_there(self, database: str) -> bool:
        """A database may have been dropped and made again."""
        with self._connect(database) as connection:
            row = connection.execute("SELECT to_regnamespace('stand_in') IS NOT NULL").fetchone()
            return bool(row and row[0])

    def _install(self, database: str) -> None:
        with self._connect(database) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            for name in _SCRIPTS:
                connection.execute(files(__package__).joinpath(name).read_bytes())
            for user in self._users:
                connection.execute(_MAKE_USER.format(sql.Identifier(user)))
