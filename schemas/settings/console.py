"""Settings of the console: the address that browsers use, and the key of its sessions."""

from datetime import timedelta
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from schemas.settings.base import SettingsGroup

SESSION_LENGTH: Final = timedelta(hours=8)
"""From the login. A shift; nothing prolongs it."""
SHORTEST_KEY: Final = 32


class ConsoleLogin(SettingsGroup):
    """Login to the console by the OpenID Connect issuer of `TIDEGATE_API__OIDC`: the authorization
    code flow with PKCE.
    """

    client_id: str
    """The console's client ID at the issuer, and the `aud` claim of its ID tokens."""
    client_secret: SecretStr | None = None
    """Its secret. None = a public client, which PKCE alone protects."""
    authorization_url: str
    """URL of the issuer's login page."""
    token_url: str
    """URL that turns a code into tokens."""
    scope: str = "openid profile"
    """Scopes to ask for, with blanks between them."""


class ConsoleSettings(SettingsGroup):
    """The console at `/console`."""

    public_url: str | None = None
    """Address by which browsers reach the API, `https://tidegate.example.org`. None = browsers on
    this machine only, by plain HTTP.
    """
    session_key: SecretStr | None = Field(default=None)
    """Key that signs sessions, 32 characters or more, the same for every API process. None = a
    random one a process: a session then ends with the process that began it.
    """
    login: ConsoleLogin | None = None
    """Login by the OpenID Connect issuer. None = by token only."""

    @field_validator("public_url")
    @classmethod
    def _is_an_https_origin(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("give scheme and host only, with https, as https://tidegate.example.org")
        return f"https://{parts.netloc}"

    @model_validator(mode="after")
    def _key_is_long_enough(self) -> Self:
        if self.session_key is not None and len(self.session_key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(
                f"session_key needs {SHORTEST_KEY} characters or more; `openssl rand -hex 32` makes one"
            )
        return self
