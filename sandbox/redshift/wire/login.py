"""The beginning of a session: TLS, parameters, and the password by one of Redshift's methods.

Method 5 is md5. Method 13 is Redshift's own digest, for passwords that are stored as sha256; libpq
does not know it, and gives up. A temporary password proves itself by md5 as well.
"""

import asyncio
import hashlib
import os
import secrets
import ssl
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sandbox.redshift.wire import frames

_SSL_REQUEST, _GSS_REQUEST, CANCEL_REQUEST, _PROTOCOL = 80_877_103, 80_877_104, 80_877_102, 196_608
_MD5, _DIGEST = 5, 13
START_PARAMETERS = frozenset(
    {
        "user",
        "database",
        "options",
        "application_name",
        "client_encoding",
        "DateStyle",
        "datestyle",
        "TimeZone",
        "timezone",
        "extra_float_digits",
        "replication",
        "client_protocol_version",
        "driver_version",
        "os_version",
        "driver_discovery_version",
        "plugin_name",
        "search_path",
        "statement_timeout",
        "query_group",
    }
)
"""Names that Redshift's own drivers send, and those of the server's settings."""


class LoginRefusedError(Exception):
    """The session cannot begin: SQLSTATE and message."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.fields = {"C": sqlstate, "M": message}


@dataclass
class User:
    """Who may log in. `method`: how the password is stored."""

    name: str
    password: str = field(repr=False)
    method: Literal["md5", "sha256"] = "md5"
    until: float | None = None
    """Epoch seconds at which a temporary password expires; None = never."""
    role: str | None = None
    """PostgreSQL's role behind it; None = the same name."""
    former: tuple[str, ...] = field(default=(), repr=False)
    """Temporary passwords that were given before and have not expired."""


@dataclass(frozen=True)
class Start:
    """A session that may begin."""

    user: User
    parameters: Mapping[str, str]


class Client:
    """The client's side of a session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *sent: frames.Frame) -> None:
        for frame in sent:
            self.writer.write(frame.packed())

    async def begin(
        self, users: Mapping[str, User], tls: ssl.SSLContext | None, *, requires_tls: bool = False
    ) -> Start | bytes:
        """Log the client in; the body of a CancelRequest when it is one. Raises
        `LoginRefusedError`.
        """
        code, body = await frames.read_start(self.reader)
        is_encrypted = False
        while code in (_SSL_REQUEST, _GSS_REQUEST):
            accepted = code == _SSL_REQUEST and tls is not None and not is_encrypted
            self.writer.write(b"S" if accepted else b"N")
            await self.writer.drain()
            if accepted and tls is not None:
                await self.writer.start_tls(tls)
                is_encrypted = True
            code, body = await frames.read_start(self.reader)
        if code == CANCEL_REQUEST:
            return body
        if code >> 16 != _PROTOCOL >> 16:
            raise LoginRefusedError("08P01", f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}")
        parameters = _parameters(body)
        if requires_tls and not is_encrypted:
            raise LoginRefusedError("28000", "no pg_hba.conf entry for host, SSL off")
        user = users.get(parameters["user"])
        await self._prove(parameters["user"], user)
        if user is None or (user.until is not None and user.until < time.time()):
            raise _refused(parameters["user"])
        return Start(user, parameters)

    async def _prove(self, name: str, user: User | None) -> None:
        """Ask for the password and compare. An unknown user is asked, too."""
        if user is not None and user.method == "sha256":
            await self._prove_by_digest(user)
            return
        salt = os.urandom(4)
        self.send(frames.authentication(_MD5, salt))
        answer = await self._answer(b"p")
        given = answer.rstrip(b"\0")
        passwords = () if user is None else (user.password, *user.former)
        if not any(secrets.compare_digest(given, _md5(name, password, salt)) for password in passwords):
            raise _refused(name)

    async def _prove_by_digest(self, user: User) -> None:
        salt, nonce = os.urandom(16), os.urandom(16)
        more = struct.pack("!ii", 0, len(salt)) + salt + struct.pack("!i", len(nonce)) + nonce
        self.send(frames.authentication(_DIGEST, more))
        answer = await self._answer(b"d")
        (length,) = struct.unpack("!i", answer[:4])
        digest, rest = answer[4 : 4 + length], answer[4 + length :]
        (length,) = struct.unpack("!i", rest[:4])
        stored = hashlib.sha256(user.password.encode() + salt).digest()
        wanted = hashlib.sha256(stored + nonce + rest[4 : 4 + length]).digest()
        if not secrets.compare_digest(digest, wanted):
            raise _refused(user.name)

    async def _answer(self, kind: bytes) -> bytes:
        await self.writer.drain()
        frame = await frames.read_frame(self.reader)
        if frame.kind != kind:
            raise LoginRefusedError("08P01", f"expected password response, got message type {frame.kind!r}")
        return frame.body


def _parameters(body: bytes) -> dict[str, str]:
    every = body.decode().split("\0")
    pairs = zip(every[::2], every[1::2], strict=False)  # a value may be empty, a name may not
    found = {name: value for name, value in pairs if name}
    for name in found:
        if name not in START_PARAMETERS and not name.startswith("_pq_."):
            raise LoginRefusedError("42704", f'unrecognized configuration parameter "{name}"')
    if not found.get("user"):
        raise LoginRefusedError("28000", "no Redshift user name specified in startup packet")
    return {"database": found["user"], **found}


def _md5(name: str, password: str, salt: bytes) -> bytes:
    inner = hashlib.md5((password + name).encode(), usedforsecurity=False).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode()


def _refused(name: str) -> LoginRefusedError:
    return LoginRefusedError("28000", f'password authentication failed for user "{name}"')
