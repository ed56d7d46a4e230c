"""The head of an answer and its body in one write.

The server below the application writes them one after the other, and each write of a small answer
is a system call and a packet, which wakes the caller for half of an answer.
"""

import asyncio
from typing import Any

_HEAD = b"HTTP/"


class JoinedWrites:
    """A connection's transport that holds a head back until the next write, which is its body; for
    one turn of the event loop at most, so that a stream's head goes out before its first event.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        """Write, what is held before it."""
        if not self._held and data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(self._take() + data)

    def close(self) -> None:
        """Write what is held, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held and not self._transport.is_closing():
            self._transport.write(self._take())

    def _take(self) -> bytes:
        held, self._held = self._held, b""
        return held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
