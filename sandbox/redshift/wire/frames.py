"""Frames of the wire protocol: reading one, and making those that the stand-in sends itself.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LARGEST_FRAME = 256 * 1024 * 1024
"""Bytes. A longer frame is a broken client."""
LARGEST_START = 10_000
"""Bytes of a startup message, as in PostgreSQL."""

_PARAMETER = re.compile(r"\$(\d+)")
_TEXT, _UNKNOWN = 25, 705
"""OIDs of types."""

AUTHENTICATION = b"R"
ERROR = b"E"
NOTICE = b"N"
READY = b"Z"
PARAMETER_STATUS = b"S"


@dataclass(frozen=True)
class Frame:
    """One message: its type, a single byte, and what follows its length."""

    kind: bytes
    body: bytes = b""

    def packed(self) -> bytes:
        return self.kind + struct.pack("!i", len(self.body) + 4) + self.body


PARSE_COMPLETE = Frame(b"1")
BIND_COMPLETE = Frame(b"2")
CLOSE_COMPLETE = Frame(b"3")
NO_DATA = Frame(b"n")
NO_PARAMETERS = Frame(b"t", struct.pack("!h", 0))
FLUSH = Frame(b"H")
SYNC = Frame(b"S")


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame. Raises `asyncio.IncompleteReadError` at the end of the stream."""
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!i", head[1:])
    if not 4 <= length <= LARGEST_FRAME:
        raise ConnectionError(f"a frame of {length} bytes")
    return Frame(head[:1], await reader.readexactly(length - 4))


async def read_start(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Code and rest of the first message, which has no type."""
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    if not 8 <= length <= LARGEST_START:
        raise ConnectionError(f"a startup message of {length} bytes")
    body = await reader.readexactly(length - 4)
    return struct.unpack("!i", body[:4])[0], body[4:]


def texts(body: bytes) -> Iterator[str]:
    """The zero-terminated texts of a body, until an empty one."""
    for part in body.split(b"\0"):
        if not part:
            return
        yield part.decode()


def first_text(body: bytes) -> tuple[str, bytes]:
    """The zero-terminated text at the beginning, and the rest."""
    text, _, rest = body.partition(b"\0")
    return text.decode(), rest


def authentication(method: int, more: bytes = b"") -> Frame:
    return Frame(AUTHENTICATION, struct.pack("!i", method) + more)


def parameter_status(name: str, value: str) -> Frame:
    return Frame(PARAMETER_STATUS, f"{name}\0{value}\0".encode())


def ready(status: bytes) -> Frame:
    """`status`: I idle, T in a transaction, E in a failed one."""
    return Frame(READY, status)


def complete(tag: str) -> Frame:
    return Frame(b"C", f"{tag}\0".encode())


def query(text: str) -> Frame:
    return Frame(b"Q", text.encode() + b"\0")


def parse(name: str, text: str, types: bytes = b"\0\0") -> Frame:
    """`types`: count and OIDs of the parameters, packed; empty = the server infers them."""
    return Frame(b"P", f"{name}\0{text}\0".encode() + types)


def spare_types(text: str, types: bytes) -> bytes:
    """The parameters' types with TEXT for those that the text does not name. Redshift takes more
    parameters than are used; PostgreSQL cannot say what type an unused one has.
    """
    (count,) = struct.unpack("!h", types[:2])
    oids = list(struct.unpack(f"!{count}I", types[2 : 2 + 4 * count]))
    used = max((int(place) for place in _PARAMETER.findall(text)), default=0)
    oids[used:] = [_TEXT if oid in (0, _UNKNOWN) else oid for oid in oids[used:]]
    return struct.pack(f"!h{count}I", count, *oids)


def bind(portal: str, name: str) -> Frame:
    """Bind without parameters; all columns come as text."""
    return Frame(b"B", f"{portal}\0{name}\0".encode() + struct.pack("!hhh", 0, 0, 0))


def execute(portal: str) -> Frame:
    return Frame(b"E", f"{portal}\0".encode() + struct.pack("!i", 0))


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or a NoticeResponse, by their letter."""
    return {text[0]: text[1:] for text in texts(body)}


def error(fields: Mapping[str, str], *, severity: str = "ERROR") -> Frame:
    """An ErrorResponse as of protocol 3.0 of old: without V, the severity that is not
    translated.
    """
    every = {"S": severity, **{name: value for name, value in fields.items() if name not in "SV"}}
    return Frame(ERROR, b"".join(f"{name}{value}\0".encode() for name, value in every.items()) + b"\0")


def values(body: bytes) -> tuple[str | None, ...]:
    """The columns of a DataRow in text format."""
    (count,) = struct.unpack("!h", body[:2])
    found: list[str | None] = []
    place = 2
    for _ in range(count):
        (length,) = struct.unpack("!i", body[place : place + 4])
        place += 4
        found.append(None if length < 0 else body[place : place + length].decode())
        place += max(length, 0)
    return tuple(found)
