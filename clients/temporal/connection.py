"""The connection to Temporal: TLS, a client certificate, an API key; credentials that change are
taken without a restart.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client, Interceptor, Plugin
from temporalio.common import HeaderCodecBehavior
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime
from temporalio.service import RPCError, TLSConfig

from schemas.errors import SettingsError, UnavailableError

_log = logging.getLogger(__name__)
CONNECTED_WITHIN = 20.0
"""Seconds: a Temporal that takes the connection and says nothing would be waited for without
end.
"""
LOOK_EVERY = 10.0
"""Seconds between two looks at the files of credentials."""


@dataclass(frozen=True)
class TemporalAddress:
    """Where Temporal is, and how this process shows who it is."""

    address: str
    namespace: str
    tls: bool = False
    ca_file: Path | None = None
    server_name: str | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    api_key: str | None = field(default=None, repr=False)
    api_key_file: Path | None = None

    def tls_config(self) -> TLSConfig | bool:
        """The certificates as they are in their files now. Raises `SettingsError`."""
        files = (self.ca_file, self.cert_file, self.key_file)
        if not any(files) and self.server_name is None:
            return self.tls or self.present_key() is not None
        ca, cert, key = (None if each is None else _content(each) for each in files)
        return TLSConfig(
            server_root_ca_cert=ca, domain=self.server_name, client_cert=cert, client_private_key=key
        )

    def present_key(self) -> str | None:
        """The API key as it is now; None = there is none. Raises `SettingsError`."""
        if self.api_key_file is None:
            return self.api_key
        return _content(self.api_key_file).decode(errors="replace").strip()

    def has_files(self) -> bool:
        """True when credentials are read from files, which may change."""
        return any((self.ca_file, self.cert_file, self.api_key_file))


@dataclass(frozen=True)
class Spoken:
    """How a client speaks: its converter, and what stands between it and the server."""

    converter: DataConverter
    interceptors: Sequence[Interceptor] = ()
    plugins: Sequence[Plugin] = ()
    runtime: Runtime | None = None
    """None = the SDK's usual one, which serves no metrics."""


async def connect(where: TemporalAddress, spoken: Spoken, *, lazy: bool = False) -> Client:
    """A client. Raises `UnavailableError` that says where it looked. A lazy one connects when it is
    first used.
    """
    try:
        async with asyncio.timeout(CONNECTED_WITHIN):
            return await Client.connect(
                where.address,
                namespace=where.namespace,
                data_converter=spoken.converter,
                interceptors=spoken.interceptors,
                lazy=lazy,
                plugins=spoken.plugins,
                runtime=spoken.runtime,
                tls=where.tls_config(),
                api_key=where.present_key(),
                header_codec_behavior=HeaderCodecBehavior.CODEC,
            )
    except (RuntimeError, TimeoutError, RPCError) as error:
        detail = f"no answer at {where.address}{_hint(where)}; start it, or set TIDEGATE_TEMPORAL__ADDRESS"
        raise UnavailableError(system="Temporal", detail=detail) from error


@asynccontextmanager
async def following_credentials(
    client: Client, where: TemporalAddress, spoken: Spoken, renewed: Callable[[], None]
) -> AsyncIterator[None]:
    """Take a new API key, or new certificates, when their files change.

    The client stays the same object: its connection is replaced. `renewed` is called then, for
    workers, which hold the connection by themselves.
    """
    if not where.has_files():
        yield
        return
    # Read before the task begins: a file that changes meanwhile would be taken for the old one.
    known = _credentials(where)
    task = asyncio.create_task(_follow(client, (where, spoken), renewed, known))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


_Credentials = tuple[tuple[bytes | None, ...], str | None]
"""Contents of the files of certificates, and the API key."""


async def _follow(
    client: Client, to: tuple[TemporalAddress, Spoken], renewed: Callable[[], None], known: _Credentials
) -> None:
    where, spoken = to
    seen = known
    while True:
        await asyncio.sleep(LOOK_EVERY)
        try:
            found = _credentials(where)
            is_settled, seen = found == seen, found
            # A certificate and its key are two files: both have been written when two looks agree.
            if found == known or not is_settled:
                continue
            if found[0] == known[0]:
                client.api_key = found[1]
            else:
                new = await connect(where, spoken)
                client._config["service_client"] = new.service_client
                renewed()
            known = found
            _log.info("Temporal's credentials have changed, and the new ones are in use")
        except (SettingsError, UnavailableError) as error:
            # The old connection is kept: half of a renewal may be on the disk by now.
            _log.warning("Temporal's new credentials cannot be used yet: %s", error)


def _credentials(where: TemporalAddress) -> _Credentials:
    files = (where.ca_file, where.cert_file, where.key_file)
    return tuple(None if each is None else _content(each) for each in files), where.present_key()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}. Correct TIDEGATE_TEMPORAL__CA_FILE, __CERT_FILE, "
            "__KEY_FILE or __API_KEY_FILE."
        ) from error


def _hint(where: TemporalAddress) -> str:
    if where.tls_config() is False:
        return " without TLS (TIDEGATE_TEMPORAL__TLS)"
    return " with TLS, or its certificate or ours was refused"
