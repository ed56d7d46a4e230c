"""Requests that come packed: unpacked before any API sees them, so each of them takes
`Content-Encoding: gzip` and `deflate` alike (REST API Developer Guide, "Use Compression"; SOAP API
Developer Guide, "Compression").

A body is unpacked piece by piece as it is read: an API with a limit of its own refuses as early as
for a plain body.
"""

from collections.abc import Iterable

from isal import isal_zlib
from isal.igzip_lib import IsalError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.org.errors import SalesforceError
from schemas.salesforce.limits import BULK_INGEST_MAX_BYTES, REQUEST_MAX_BYTES

_PIECE_BYTES = 2**20
_GZIP, _ZLIB, _RAW = 31, 15, -15
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_NAMES = _GZIP_NAMES | {"deflate"}
_BULK_PATHS = ("/services/async/", "/jobs/")
_OURS = frozenset({b"content-encoding", b"content-length"})
_ZLIB_METHOD = 8
_CHECK_MODULUS = 31


class UnpackedBodies:
    """Serves `app` with the bodies of requests as they were before they were packed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encodings = _encodings(scope["headers"]) if scope["type"] == "http" else []
        if not encodings:
            await self._app(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0].lower() not in _OURS]
        body = _Body(receive, encodings, _bound(scope["path"]))
        await self._app({**scope, "headers": headers}, body, send)


def _encodings(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The names in Content-Encoding, in the order in which they were applied, without
    `identity`.
    """
    named = (value.decode("latin-1") for name, value in headers if name.lower() == b"content-encoding")
    words = [word.strip().lower() for value in named for word in value.split(",")]
    return [word for word in words if word not in ("", "identity")]


def _bound(path: str) -> int:
    return BULK_INGEST_MAX_BYTES + 1 if any(each in path for each in _BULK_PATHS) else REQUEST_MAX_BYTES


class _Body:
    """The server's `receive`, unpacking. It raises `SalesforceError` where the body is read, so
    that the API called words the refusal.
    """

    def __init__(self, receive: Receive, encodings: list[str], bound: int) -> None:
        self._receive = receive
        self._encodings = encodings
        self._bound = bound
        self._unpacker: isal_zlib.Decompress | None = None
        self._rest = b""
        self._size = 0
        self._is_last = self._is_over = self._may_hold_more = False

    async def __call__(self) -> Message:
        while not self._is_over:
            if not self._rest and not self._may_hold_more:
                if self._is_last:
                    return self._end()
                message = await self._receive()
                if message["type"] != "http.request":
                    return message
                self._rest, self._is_last = message.get("body", b""), not message.get("more_body")
            elif piece := self._piece():
                return {"type": "http.request", "body": piece, "more_body": True}
        return await self._receive()

    def _end(self) -> Message:
        if self._unpacker is not None and not self._unpacker.eof:
            raise _broken("it ends too early")
        self._is_over = True
        return {"type": "http.request", "body": b"", "more_body": False}

    def _piece(self) -> bytes:
        """Unpack the bytes at hand, to a piece and no more."""
        if self._unpacker is None or (self._unpacker.eof and self._rest):
            self._unpacker = self._next_unpacker()
        try:
            piece = self._unpacker.decompress(self._rest, _PIECE_BYTES)
        except IsalError as error:  # type: ignore[misc]  # its stubs do not say that it is an exception
            raise _broken(f"{error}") from None
        self._rest = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
        self._may_hold_more = len(piece) == _PIECE_BYTES and not self._unpacker.eof
        self._size += len(piece)
        if self._size > self._bound:
            message = f"The request unpacks to more than {self._bound} bytes. Send it in parts."
            raise SalesforceError("EXCEEDED_MAX_SIZE_REQUEST", message, 413)
        return piece

    def _next_unpacker(self) -> isal_zlib.Decompress:
        """For the first member of the body; gzip may have more than one (RFC 1952)."""
        name = self._encodings[0]
        if len(self._encodings) > 1 or name not in _NAMES:
            shown = ", ".join(self._encodings)
            message = f"Content-Encoding {shown} is not supported. Send gzip, deflate or a plain body."
            raise SalesforceError("UNSUPPORTED_MEDIA_TYPE", message, 415)
        if self._unpacker is not None and name not in _GZIP_NAMES:
            raise _broken("bytes follow its end")
        window = _GZIP if name in _GZIP_NAMES else _deflate_window(self._rest)
        return isal_zlib.decompressobj(window)


def _deflate_window(begin: bytes) -> int:
    """`deflate` is zlib's format by the standard, and bare by the habit of some clients (RFC 9110,
    "Deflate Coding").
    """
    is_zlib = (
        begin[0] & 0xF == _ZLIB_METHOD and int.from_bytes(begin[:2].ljust(2, b"\0")) % _CHECK_MODULUS == 0
    )
    return _ZLIB if is_zlib or len(begin) == 1 else _RAW


def _broken(why: str) -> SalesforceError:
    """The wording is ours: no page says what a broken body is answered with."""
    message = f"The request cannot be unpacked as its Content-Encoding says: {why}. Pack it again."
    return SalesforceError("INVALID_REQUEST_BODY", message)
