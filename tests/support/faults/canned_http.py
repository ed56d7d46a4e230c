"""An HTTP server of others: it counts requests, and gives every one the same bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field


@dataclass
class CannedServer:
    """The server as a client sees it."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    """The head of each, as it came."""


@asynccontextmanager
async def canned_http(
    body: bytes | Callable[[], bytes] = b"", *, status: str = "200 OK", head: str = "", drips: bool = False
) -> AsyncIterator[CannedServer]:
    """Serve `body`.

    Args:
        body: Of every answer, or what makes it.
        status: Its status line, after the version.
        head: A further line of its head.
        drips: Send a byte now and again, without an end, after the head.
    """
    made = CannedServer()
    answering: set[asyncio.Task[None]] = set()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.create_task(answer(reader, writer)))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError):
            made.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            sent = body() if callable(body) else body
            lines = [f"HTTP/1.1 {status}", "Connection: close", *([head] if head else [])]
            lines += [] if drips else [f"Content-Length: {len(sent)}"]
            writer.write("\r\n".join([*lines, "", ""]).encode() + sent)
            while drips:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
            await writer.drain()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for each in answering:
            each.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        await asyncio.sleep(0)  # a socket is closed by the loop's next turn
