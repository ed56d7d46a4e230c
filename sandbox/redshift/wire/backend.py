"""The connection to the PostgreSQL behind one session.

Every exchange is in lock step: a frame is sent with Flush, and its answers are read until the last
one. So the stand-in can put statements of its own between those of the client, in the same
transaction, also in the middle of a pipeline.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from sandbox.redshift.wire import frames
from sandbox.redshift.wire.frames import Frame

_OWN = "stand_in"
"""Name of our own prepared statement and portal: the client's unnamed ones stay as they are."""
_PROTOCOL = 196_608


class BackendError(Exception):
    """PostgreSQL has refused; `fields` of its ErrorResponse, by letter."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = fields


@dataclass(frozen=True)
class Server:
    """Where PostgreSQL is; it trusts loopback."""

    port: int
    host: str = "127.0.0.1"


class Backend:
    """One session of PostgreSQL."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = b"I"
        """As of the last ReadyForQuery, or of a statement that has begun or ended a transaction."""
        self.aside: Callable[[Frame], Awaitable[None]] = _ignore
        """Gets what comes unasked: notices and parameters that have changed."""
        self.key = b""
        self.parameters: dict[str, str] = {}

    @classmethod
    async def connect(cls, server: Server, user: str, database: str, options: str) -> "Backend":
        """Log in. Raises `BackendError` when PostgreSQL refuses, such as an unknown database."""
        backend = cls(*await asyncio.open_connection(server.host, server.port, limit=2**22))
        start = {"user": user, "database": database, "options": options, "client_encoding": "UTF8"}
        body = b"".join(f"{name}\0{value}\0".encode() for name, value in start.items()) + b"\0"
        backend._writer.write(struct.pack("!ii", len(body) + 8, _PROTOCOL) + body)
        async for frame in backend.answers(frames.READY):
            if frame.kind == frames.ERROR:
                raise BackendError(frames.error_fields(frame.body))
            if frame.kind == b"K":
                backend.key = frame.body
        return backend

    def send(self, *sent: Frame) -> None:
        """Queue frames; they leave with the next answer that is waited for."""
        for frame in sent:
            self._writer.write(frame.packed())

    async def answers(self, *last: bytes) -> AsyncIterator[Frame]:
        """The frames until one of the kinds in `last`, which is the final one, or an error."""
        await self._writer.drain()
        while True:
            frame = await frames.read_frame(self._reader)
            if frame.kind == frames.PARAMETER_STATUS:
                name, rest = frames.first_text(frame.body)
                self.parameters[name] = frames.first_text(rest)[0]
            if frame.kind in (frames.PARAMETER_STATUS, frames.NOTICE):
                await self.aside(frame)
                continue
            if frame.kind == frames.READY:
                self.status = frame.body
            yield frame
            if frame.kind in last or (frame.kind == frames.ERROR and frames.READY not in last):
                return

    async def exchange(self, sent: Frame, *last: bytes) -> list[Frame]:
        """Send one frame of the extended protocol; its answers."""
        self.send(sent, frames.FLUSH)
        return [frame async for frame in self.answers(*last)]

    async def run(self, statement: str) -> list[tuple[str | None, ...]]:
        """Run a statement of our own within the present transaction; its rows, as texts.

        Raises `BackendError`; PostgreSQL then ignores everything until `sync`.
        """
        self._start(statement)
        return [frames.values(frame.body) async for frame in self._answered() if frame.kind == b"D"]

    async def results(self, statement: str) -> AsyncIterator[Frame]:
        """As `run`; the frames of its result, which begins with a RowDescription."""
        self._start(statement, describe=True)
        async for frame in self._answered():
            yield frame
        # A portal that is left open keeps its tables from being dropped in the same transaction.
        self.send(Frame(b"C", f"P{_OWN}\0".encode()), frames.FLUSH)
        await self._until(b"3")

    async def _answered(self) -> AsyncIterator[Frame]:
        async for frame in self.answers(b"C", b"I"):
            if frame.kind == frames.ERROR:
                raise BackendError(frames.error_fields(frame.body))
            yield frame

    async def copy_in(self, statement: str, data: Iterable[bytes]) -> None:
        """Run COPY … FROM STDIN within the present transaction. Raises `BackendError`."""
        self._start(statement)
        await self._until(b"G")
        for chunk in data:
            self.send(Frame(b"d", chunk))
            await self._writer.drain()
        self.send(Frame(b"c"), frames.FLUSH)
        await self._until(b"C")

    async def _until(self, last: bytes) -> None:
        async for frame in self.answers(last):
            if frame.kind == frames.ERROR:
                raise BackendError(frames.error_fields(frame.body))

    def _start(self, statement: str, *, describe: bool = False) -> None:
        """Begin a statement of our own. What the last one has left is closed first: after an error
        it cannot be.
        """
        self.send(
            Frame(b"C", f"P{_OWN}\0".encode()),
            Frame(b"C", f"S{_OWN}\0".encode()),
            frames.parse(_OWN, statement),
            frames.bind(_OWN, _OWN),
            *([Frame(b"D", f"P{_OWN}\0".encode())] if describe else []),
            frames.execute(_OWN),
            frames.FLUSH,
        )

    async def sync(self) -> list[Frame]:
        """End the pipeline: PostgreSQL listens again, after an error too."""
        self.send(frames.SYNC)
        return [frame async for frame in self.answers(frames.READY)]

    async def close(self) -> None:
        self._writer.close()


async def _ignore(_: Frame) -> None:
    return
