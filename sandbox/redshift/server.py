"""The listener: logs clients in and gives each a session."""

import asyncio
import contextlib
import logging
import ssl
import struct
from collections import defaultdict
from dataclasses import dataclass, field

import psycopg

from sandbox.redshift.catalogue.install import Installer
from sandbox.redshift.isolation import History, Isolation, Level
from sandbox.redshift.latency import Latency
from sandbox.redshift.load.copy import Loader
from sandbox.redshift.load.errors import LoadErrors
from sandbox.redshift.load.storage import Storage
from sandbox.redshift.load.unload import Unloader
from sandbox.redshift.plan.planner import Planner
from sandbox.redshift.statement_times import StatementTimes
from sandbox.redshift.wire import frames
from sandbox.redshift.wire.backend import Backend, BackendError, Server
from sandbox.redshift.wire.errors import redshift_fields
from sandbox.redshift.wire.login import Client, LoginRefusedError, Start, User
from sandbox.redshift.wire.session import Session, reported
from sandbox.redshift.worker import Worker

VERSION = "8.0.2"
"""https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html"""
_OPTIONS = "-c default_transaction_isolation=repeatable\\ read -c timezone=UTC -c extra_float_digits=0"
_log = logging.getLogger(__name__)


@dataclass
class StandIn:
    """One cluster."""

    server: Server
    storage: Storage
    users: dict[str, User]
    tls: ssl.SSLContext | None = None
    requires_tls: bool = False
    isolation: Level = "snapshot"
    latency: Latency = field(default_factory=Latency)
    times: StatementTimes = field(default_factory=StatementTimes)
    _planner: Planner = field(default_factory=Planner)
    _histories: dict[str, History] = field(default_factory=lambda: defaultdict(History))
    _installer: Installer = field(init=False)

    def __post_init__(self) -> None:
        self._installer = Installer(self.server, [*self.users])

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Accept clients on `port` of `host`."""
        return await asyncio.start_server(self._serve, host, port, limit=2**20)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(reader, writer)
        backend = None
        try:
            started = await client.begin(self.users, self.tls, requires_tls=self.requires_tls)
            if isinstance(started, bytes):
                await self._cancel(started)
                return
            backend = await self._open(started)
            self._greet(client, backend, started.parameters.get("client_encoding", ""))
            worker = self._worker(started.parameters["database"])
            await Session(client, backend, self._planner, worker, self.times.clock()).serve()
        except (LoginRefusedError, BackendError) as error:
            client.send(frames.error(redshift_fields(error.fields), severity="FATAL"))
        except psycopg.OperationalError as error:
            _log.info("no such database, or PostgreSQL is away: %s", error)
            client.send(frames.error({"C": "3D000", "M": _said(error)}, severity="FATAL"))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
            _log.info("a client has gone: %s", error)
        finally:
            if backend is not None:
                await backend.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.drain()
            writer.close()

    async def _open(self, started: Start) -> Backend:
        database = started.parameters["database"]
        await self._installer.install(database)
        user = started.user.role or started.user.name
        options = f"{_OPTIONS} {started.parameters.get('options', '')}".strip()
        return await Backend.connect(self.server, user, database, options)

    def _greet(self, client: Client, backend: Backend, encoding: str) -> None:
        """Report what Redshift reports, which is less than PostgreSQL does. `encoding`: the
        client's wish; empty = none.
        """
        client.send(
            frames.authentication(0),
            frames.parameter_status("server_version", VERSION),
            frames.parameter_status("server_encoding", "UNICODE"),
            frames.parameter_status("client_encoding", "UTF8" if encoding else "UNICODE"),
            frames.parameter_status("padb_revision", "stand-in"),
            frames.parameter_status("padb_version", f"PostgreSQL {VERSION} on a stand-in, Redshift 1.0.0"),
            *reported(backend.parameters),
            frames.Frame(b"K", backend.key),
            frames.ready(b"I"),
        )

    def _worker(self, database: str) -> Worker:
        return Worker(
            Isolation(self.isolation, self._histories[database]),
            Loader(self.storage, LoadErrors(self.server, database)),
            Unloader(self.storage),
            self.latency,
        )

    async def _cancel(self, key: bytes) -> None:
        """Hand a CancelRequest on: process and secret are PostgreSQL's own."""
        _, writer = await asyncio.open_connection(self.server.host, self.server.port)
        writer.write(struct.pack("!ii", 16, 80_877_102) + key[:8])
        await writer.drain()
        writer.close()


def _said(error: psycopg.Error) -> str:
    return str(error).rpartition("FATAL:")[2].strip() or "the database is not available"
