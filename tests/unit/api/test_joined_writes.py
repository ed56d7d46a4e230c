"""The head and the body of an answer, on a real connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send

from api.server.options import server_options
from sandbox.ports import free_port
from schemas.settings.api import ApiSettings
from tests.support.engines.served_org import QuietServer

HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
STREAM = HEAD | {"headers": []}


@asynccontextmanager
async def served(
    answer: Callable[[Send], object],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send)  # type: ignore[misc]

    port = free_port()
    options = server_options(ApiSettings(port=port)) | {"lifespan": "off", "loop": "none"}
    server = QuietServer(uvicorn.Config(app, **options))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn sets no event
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    yield reader, writer
    writer.close()
    server.should_exit = True
    await task


async def test_a_short_answer_comes_in_one_piece() -> None:
    async def answer(send: Send) -> None:
        await send(HEAD)
        await send({"type": "http.response.body", "body": b"gone"})

    async with served(answer) as (reader, writer):
        for _ in range(20):
            assert (await reader.read(65_536)).endswith(b"\r\n\r\ngone")
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")


async def test_the_head_of_a_stream_comes_before_its_first_event() -> None:
    may_go_on = asyncio.Event()

    async def answer(send: Send) -> None:
        await send(STREAM)
        await may_go_on.wait()
        await send({"type": "http.response.body", "body": b"event"})

    async with served(answer) as (reader, _):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        may_go_on.set()
        assert b"event" in await reader.readuntil(b"0\r\n\r\n")
