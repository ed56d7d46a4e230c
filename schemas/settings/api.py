"""Settings of the HTTP API: its address, its bearer tokens, an OpenID Connect issuer."""

from datetime import datetime
from ipaddress import ip_network
from typing import Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from schemas.security.access import ANYTHING, NO_RECORDS, OUR_NAMES, CallerRole, RecordScope, WriterScope
from schemas.settings.api_limits import ApiLimits
from schemas.settings.base import SettingsGroup, renamed
from schemas.settings.console import ConsoleSettings

CALLER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"


class ApiToken(SettingsGroup):
    """A bearer token of the HTTP API, as its hash. Only the caller has the token itself."""

    name: str = Field(pattern=CALLER_NAME)
    """The caller's name, up to 64 characters. It is recorded with every act."""
    role: CallerRole
    """The caller's permissions: `reader`, `auditor`, `operator`, `writer` or `guest`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the token, in hex. `tidegate api token` prints it."""
    expires_at: AwareDatetime | None = None
    """From then on the token is refused. None = it does not expire."""
    writer: WriterScope = ANYTHING
    """A writer's objects and fields. Default: all."""
    records: RecordScope = NO_RECORDS
    """The records that the caller may read: `objects`, and the protected fields to `decrypt`.
    Default: none.
    """

    @model_validator(mode="after")
    def _scopes_fit_the_role(self) -> Self:
        if self.writer != ANYTHING and self.role is not CallerRole.WRITER:
            raise ValueError(f"`writer` limits the role writer; {self.name} has the role {self.role}")
        if self.records != NO_RECORDS and not self.role.includes(CallerRole.READER):
            raise ValueError(f"`records` is of a reader or operator; {self.name} has the role {self.role}")
        return self

    def is_over(self, now: datetime) -> bool:
        """True when it has expired."""
        return self.expires_at is not None and self.expires_at <= now


class OidcSettings(SettingsGroup):
    """An issuer of signed tokens (OpenID Connect), in addition to the listed tokens."""

    issuer: str
    """The `iss` claim of its tokens."""
    audience: str
    """The `aud` claim of tokens for this API."""
    jwks_url: str
    """URL of the issuer's public keys."""
    role_claim: str = "roles"
    """Claim that names the caller's roles, a text or a list."""
    roles: dict[str, CallerRole] = Field(default={role.value: role for role in CallerRole})
    """Value of the claim -> role. The highest role of several is used; a caller without one is
    refused.
    """
    writers: dict[str, WriterScope] = Field(default={})
    """Value of the claim -> objects and fields of its writers. A writer without one has all."""
    records: dict[str, RecordScope] = Field(default={})
    """Value of the claim -> the records that its callers may read. Several add up; without one a
    caller reads none.
    """


class ApiSettings(SettingsGroup):
    """The HTTP API."""

    host: str = "127.0.0.1"
    """Address to listen on. The API speaks plain HTTP: outside one machine, put a proxy that ends
    TLS before it.
    """
    port: int = Field(default=8400, ge=1, le=65_535)
    """Port to listen on."""
    tokens: tuple[ApiToken, ...] = ()
    """Accepted bearer tokens. `tidegate api token` makes a token and prints its entry."""
    oidc: OidcSettings | None = None
    """OpenID Connect issuer. None = listed tokens only."""
    console: ConsoleSettings = ConsoleSettings()
    """The console: `public_url`, its https address for browsers on other machines (none: this
    machine only); `session_key`, 32 characters or more that sign its sessions, the same for every
    API process (none: a random one a process); `login`, its client at the issuer of `oidc`
    (`client_id`, `client_secret`, `authorization_url`, `token_url`, `scope`).
    """
    codec_origins: tuple[str, ...] = ()
    """Origins, such as `https://temporal.example.org`, whose pages may have payloads decrypted by
    `/v1/codec/decode`, beside that of `TIDEGATE_TEMPORAL__UI_URL`.
    """
    max_body_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1_024, validation_alias=renamed("max_body_bytes", old="most_bytes")
    )
    """Bytes of a request body. 50,000 IDs take 1.1 MB, 10,000 writebacks of 1,500 bytes take 15 MB.
    """

    limits: ApiLimits = ApiLimits()
    """Bounds of requests and files; what one may cost the process."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` names the caller. Default: none, the
    caller is the address that connects.
    """

    @field_validator("proxies")
    @classmethod
    def _proxies_are_addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            ip_network(each)
        return given

    @model_validator(mode="after")
    def _console_logs_in_by_a_known_issuer(self) -> Self:
        if self.console.login is not None and (self.oidc is None or self.console.public_url is None):
            raise ValueError("console.login needs oidc (who issues) and console.public_url (where to return)")
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len({token.name for token in self.tokens}) < len(self.tokens):
            raise ValueError(
                "two tokens have the same name, so the audit log could not tell their callers apart"
            )
        if taken := sorted({token.name for token in self.tokens} & OUR_NAMES):
            raise ValueError(f"{', '.join(taken)}: the engine records its own acts under that name")
        return self
