"""A request body sent in chunks: if the connection drops before the last chunk was handed over, the
org cannot have executed the write.
"""

from collections.abc import AsyncIterator, Callable

import httpx

_PIECE_BYTES = 32 * 1024
"""Of the piece that is on its way when a connection ends nobody knows how much has gone, so pieces
are small.
"""


class BodyInPieces(httpx.AsyncByteStream):
    """A body whose length is in the request's header. An org that lacks the last piece waits for
    it, and carries nothing out.
    """

    def __init__(self, content: bytes, before_last: Callable[[], None]) -> None:
        """`before_last` is called when all but the last piece has gone; what it raises keeps that
        one back.
        """
        self._content = content
        self._before_last = before_last
        self.may_be_whole = not content
        """False: the last piece was never asked for, so nobody can have all of it."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        last = max(len(self._content) - 1, 0) // _PIECE_BYTES * _PIECE_BYTES
        for start in range(0, last, _PIECE_BYTES):
            yield self._content[start : start + _PIECE_BYTES]
        self._before_last()
        self.may_be_whole = True
        yield self._content[last:]
