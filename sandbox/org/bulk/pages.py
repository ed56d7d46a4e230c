"""A range of bytes of a result on its way to a client: read, compressed and sent piece by piece, in
bounded memory.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing
from pathlib import Path

from isal import isal_zlib
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_PIECE_BYTES = 1_048_576
_GZIP_WINDOW = 31
"""zlib's number for a gzip stream with the largest window."""
CSV = "text/csv"


class PageResponse(Response):
    """`before`, then the bytes `start` … `end` of `file` (None: nothing more).

    `cut` ends the connection in the middle: the `truncate` fault.
    """

    def __init__(
        self,
        before: bytes,
        file: Path | None,
        span: tuple[int, int],
        *,
        headers: Mapping[str, str],
        gzipped: bool,
        cut: bool = False,
    ) -> None:
        self.status_code = 200
        self.background = None
        self._before = before
        self._file = file
        self._start, self._end = span
        self._gzipped = gzipped
        self._cut = cut
        coding = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"} if gzipped else {}
        length = {} if gzipped else {"Content-Length": str(len(before) + self._end - self._start)}
        self.init_headers({"Content-Type": CSV, **headers, **coding, **length})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                is_last = self._cut and piece is not self._before
                sent = piece[: len(piece) // 2] if is_last else piece
                await send({"type": "http.response.body", "body": sent, "more_body": True})
                if is_last:
                    break
        if self._cut:
            # An application that ends without the last part makes the server drop the connection.
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        pieces = self._packed() if self._gzipped else self._plain()
        # The next piece is read and compressed while this one is sent.
        following = asyncio.create_task(asyncio.to_thread(next, pieces, None))
        try:
            while (piece := await following) is not None:
                following = asyncio.create_task(asyncio.to_thread(next, pieces, None))
                yield piece
        finally:
            # The thread may still be inside the generator; it must be out before the file is
            # closed.
            await asyncio.wait([following])
            pieces.close()

    def _plain(self) -> Generator[bytes, None, None]:
        if self._before:
            yield self._before
        if self._file is None:
            return
        with self._file.open("rb") as file:
            file.seek(self._start)
            left = self._end - self._start
            while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
                left -= len(piece)
                yield piece

    def _packed(self) -> Generator[bytes, None, None]:
        packer = isal_zlib.compressobj(isal_zlib.ISAL_BEST_SPEED, wbits=_GZIP_WINDOW)
        for piece in self._plain():
            if packed := packer.compress(piece):
                yield packed
        yield packer.flush()
