"""A forward proxy, as a network with controlled egress has one: it notes every target."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """A running proxy."""

    url: str = ""
    targets: list[str] = field(default_factory=list)
    """host:port of every request, in order."""
    routes: dict[str, int] = field(default_factory=dict)
    """host:port -> port of this machine where it really is."""


@asynccontextmanager
async def forward_proxy(routes: dict[str, int]) -> AsyncIterator[Proxy]:
    """Serves `CONNECT` and plain requests for the hosts of `routes`; refuses any other."""
    proxy = Proxy(routes=routes)
    server = await asyncio.start_server(lambda r, w: _serve(proxy, r, w), "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()


async def _serve(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, ValueError):
        head = await reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        method, target, version = first.decode().split()
        place = urlsplit(target if "://" in target else f"//{target}")
        asked = f"{place.hostname}:{place.port or 80}"
        proxy.targets.append(asked)
        port = proxy.routes.get(asked)
        if port is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = f"{place.path or '/'}{'?' + place.query if place.query else ''}"
            lines = rest.replace(b"Connection: keep-alive", b"Connection: close")
            up_writer.write(f"{method} {path} {version}\r\n".encode() + lines)
        await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    with suppress(OSError, RuntimeError):
        target.close()
