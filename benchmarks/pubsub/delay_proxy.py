"""A TCP proxy that makes a round trip longer: every byte waits half of it in each direction, and
none more than that.

Bandwidth stays unlimited, so what a client loses to the distance is its own doing.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

_APART = 1e-6
"""Seconds between two deliveries, so that timers of one moment cannot change places."""


class _Delayed(asyncio.Protocol):
    """One direction's receiver: hands what comes to the other side, later."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._latest = 0.0
        self._transport: asyncio.Transport | None = None
        self.other: _Delayed | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._later(self._forward, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._later(self._close_other)

    def _later(self, act: object, *given: object) -> None:
        self._latest = max(self._loop.time() + self._delay, self._latest + _APART)
        self._loop.call_at(self._latest, act, *given)  # type: ignore[arg-type]

    def _forward(self, data: bytes) -> None:
        other = self.other._transport if self.other else None
        if other is not None and not other.is_closing():
            other.write(data)

    def _close_other(self) -> None:
        if self.other is not None and self.other._transport is not None:
            self.other._transport.close()


class _Accepting(_Delayed):
    def __init__(self, delay: float, port: int) -> None:
        super().__init__(delay)
        self._port = port
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        accepted = cast("asyncio.Transport", transport)
        accepted.pause_reading()
        self._connecting = self._loop.create_task(self._connect(accepted))

    async def _connect(self, transport: asyncio.Transport) -> None:
        far = _Delayed(self._delay)
        far.other, self.other = self, far
        await self._loop.create_connection(lambda: far, "127.0.0.1", self._port)
        transport.resume_reading()


@contextmanager
def delayed(port: int, round_trip: float) -> Iterator[int]:
    """A port that leads to `port` of this machine with a round trip of so many seconds; served by a
    thread until left.
    """
    if round_trip == 0:
        yield port
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="delay-proxy", daemon=True)
    thread.start()

    async def start() -> asyncio.Server:
        accept = lambda: _Accepting(round_trip / 2, port)  # noqa: E731
        return await loop.create_server(accept, "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
