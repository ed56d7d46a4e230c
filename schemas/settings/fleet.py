"""Settings of the fleet: the APIs of many orgs, which one command and one page ask."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from schemas.settings.base import SettingsGroup


class FleetMember(SettingsGroup):
    """The API of one org."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")
    """The org's name on the screen, up to 64 characters."""
    url: str
    """Base URL of its API, `https://tidegate.north.example.org`. `http` is taken for this machine's
    loopback only.
    """
    token: SecretStr | None = None
    """Token of the role `reader`, or a reference such as `secretsmanager:NAME#token`. It is read
    again when it is refused. None = `token_file` holds it.
    """
    token_file: Path | None = None
    """File that holds the token. It is read at each look. None = `token`."""
    console_url: str | None = None
    """Address of its console for people's browsers. None = `url` with `/console`."""
    org_id: str | None = None
    """Org ID that it must answer with. None = any: a URL of the wrong org goes unnoticed."""
    timeout: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0), le=timedelta(seconds=30))
    """Time for its answer. One that takes longer is unknown."""

    @field_validator("url", "console_url")
    @classmethod
    def _is_safe(cls, url: str | None) -> str | None:
        return None if url is None else _safe_url(url)

    @model_validator(mode="after")
    def _has_one_token(self) -> Self:
        if (self.token is None) == (self.token_file is None):
            raise ValueError(f"{self.name}: give token or token_file, and not both")
        return self

    @property
    def console(self) -> str:
        """Address of its console."""
        return self.console_url or f"{self.url}/console"


class FleetSettings(SettingsGroup):
    """The orgs that `tidegate fleet status` and the console's first page show, each by its own API.
    Empty = there is no fleet.
    """

    members: tuple[FleetMember, ...] = ()
    """JSON list of members."""
    file: Path | None = None
    """YAML or JSON file with more of them: `members:` and the list. None = no file."""
    ca_file: Path | None = None
    """PEM file of the authorities that the APIs' certificates are checked against. None =
    `SSL_CERT_FILE`, or the built-in list.
    """
    at_once: int = Field(default=50, ge=1, le=500)
    """APIs that are asked at the same time. Others wait for their turn."""

    @property
    def is_configured(self) -> bool:
        """False: there is no fleet."""
        return bool(self.members) or self.file is not None

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        check_members(self.members)
        return self


def check_members(members: tuple[FleetMember, ...]) -> None:
    """Raise `ValueError` for a name or a URL that stands twice: an org would be missing unseen."""
    for word, values in (
        ("name", [each.name for each in members]),
        ("url", [each.url for each in members]),
    ):
        if twice := sorted({each for each in values if values.count(each) > 1}):
            raise ValueError(f"two members have the same {word}: {', '.join(twice)}")


def _safe_url(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("give scheme and host, and a path at most, as https://tidegate.example.org")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError("the token would travel in plaintext: give https; http is for the loopback only")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
