"""Writes to somebody who takes the bytes slowly, or answers in drips: what may have been done is in
doubt, the rest is not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from clients.salesforce.request import Call, Deadline
from schemas.errors import UnavailableError, UnknownOutcomeError
from schemas.governor import LeaseClass
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.served_org import ServedOrg, served_org

MUCH = bytes(16 * 1024 * 1024)
"""More than the sockets between us hold."""
WAITS = 2.0


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as found:
        yield found


class Peer:
    """Stands where the org should be."""

    def __init__(self, *, drips: bool) -> None:
        self.drips = drips
        self.body = 0
        """Bytes that came of a body."""
        self.is_over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            if self.drips:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            await asyncio.sleep(WAITS)
            while piece := await reader.read(1024 * 1024):
                self.body += len(piece)
        except ConnectionError:
            return
        finally:
            self.is_over.set()
            writer.close()


@asynccontextmanager
async def before(served: ServedOrg, *, drips: bool = False) -> AsyncIterator[Peer]:
    """The peer, which the session takes for the org."""
    peer = Peer(drips=drips)
    async with await asyncio.start_server(peer.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        session = await served.sessions.session()
        object.__setattr__(session, "instance_url", f"http://127.0.0.1:{port}")
        yield peer
        async with asyncio.timeout(10 * SLOWNESS):
            await peer.is_over.wait()


async def write(served: ServedOrg, content: bytes, not_after: Deadline | None = None) -> None:
    call = Call("PATCH", "/x", LeaseClass.WRITEBACK, body=content, is_long=True)
    await served.http.write(call, not_after=not_after)


async def test_a_write_whose_time_is_over_while_its_body_goes_is_not_sent_whole(served: ServedOrg) -> None:
    async with before(served) as peer:
        not_after = Deadline.within(timedelta(seconds=WAITS / 2))
        with pytest.raises(UnavailableError, match="not in time") as caught:
            await write(served, MUCH, not_after)
        assert not isinstance(caught.value, UnknownOutcomeError)
    assert 0 < peer.body < len(MUCH)


async def test_an_answer_that_drips_in_is_given_up_and_what_was_written_is_in_doubt(
    served: ServedOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.salesforce.http._LONG_SECONDS", 0.5)
    async with before(served, drips=True):
        with pytest.raises(UnknownOutcomeError, match="TimeoutError") as caught:
            await write(served, b"{}")
        assert not caught.value.is_over
