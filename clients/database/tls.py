"""TLS to the databases: outside this machine only a server that proves its name is spoken to."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict

from clients.ca_bundle import system_bundle
from clients.database.address import with_parameters
from schemas.errors import SettingsError

Tls = Literal["verify-full", "off"]
_DEMANDED = "verify-full"


@dataclass(frozen=True)
class TlsDemand:
    """How far a database must prove itself."""

    mode: Tls
    """`verify-full`: its certificate names the host and is signed by an authority we trust. `off`:
    the URL decides.
    """
    ca_file: Path | None
    """PEM file of the authorities. None = `SSL_CERT_FILE`, else the system's."""
    setting: str
    """Prefix of the settings, such as `TIDEGATE_WAREHOUSE`, for errors."""

    def applied(self, url: str) -> str:
        """The URL, made to demand what the settings do. Raises `SettingsError` for one that asks
        for less, or that is none.
        """
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            # libpq's sentence would quote the URL, password and all.
            raise SettingsError(
                f"{self.setting}__DSN is no connection URL. Write postgresql://user:password@host:port/database."
            ) from error
        if self.mode == "off" or _is_local(given):
            return url
        asked = given.get("sslmode")
        if asked not in (None, _DEMANDED):
            raise SettingsError(
                f"{self.setting}__DSN asks for sslmode={asked}, with which anybody on the network may pose as "
                f"{given.get('host')}. Write sslmode={_DEMANDED}, or leave it out. "
                f"{self.setting}__TLS=off is for a sandbox."
            )
        wanted = {} if asked else {"sslmode": _DEMANDED}
        if self.ca_file is not None or not given.get("sslrootcert"):
            wanted["sslrootcert"] = self._bundle()
        return with_parameters(url, **wanted)

    def _bundle(self) -> str:
        found = system_bundle() if self.ca_file is None else str(self.ca_file)
        if found is None or not Path(found).is_file():
            raise SettingsError(
                f"There is no file {found or 'of certificate authorities'} to check the database's certificate with. "
                f"Set {self.setting}__CA_FILE; for RDS and Aurora to AWS' bundle global-bundle.pem."
            )
        return found


def _is_local(given: Mapping[str, object]) -> bool:
    """True for this machine: a loopback address, or a socket file."""
    hosts = str(given.get("hostaddr") or given.get("host") or "").split(",")
    return all(not host or host.startswith(("/", "@")) or is_loopback(host) for host in hosts)


def is_loopback(host: str) -> bool:
    """True for `localhost` and for a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
