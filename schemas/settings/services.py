"""Settings of the services that the engine runs on: object store, warehouse, operational store,
Temporal.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import SecretStr, model_validator

from schemas.settings.base import SettingsGroup


class S3Settings(SettingsGroup):
    """The bucket for raw, staged and key objects."""

    bucket: str
    """Bucket name. One bucket may serve several orgs: the org ID is part of every key."""
    region: str = "us-east-1"
    """AWS region of the bucket and of the KMS key."""
    kms_key_id: str
    """KMS key ID or alias. It encrypts the bucket's objects (SSE-KMS) and the org's data key."""
    endpoint_url: str | None = None
    """URL of another S3 and KMS. None = AWS."""
    access_key: str | None = None
    """Access key ID. None = AWS' own credential chain, such as the machine's role."""
    secret_key: SecretStr | None = None
    """Secret access key. None = AWS' own credential chain."""


class WarehouseSettings(SettingsGroup):
    """The database of the curated tables."""

    kind: Literal["postgres", "redshift"] = "postgres"
    """SQL dialect and loading method."""
    dsn: SecretStr
    """Connection URL, `postgresql://user:password@host:port/database`."""
    copy_role: str | None = None
    """Redshift: ARN of the role with which COPY reads the bucket. None = PostgreSQL, which needs
    none.
    """


class OperationalSettings(SettingsGroup):
    """PostgreSQL for the audit log and the writebacks."""

    dsn: SecretStr
    """Connection URL, `postgresql://user:password@host:port/database`. Its role should be a member
    of `tidegate_engine`, which may add to the audit log and not change it.
    """
    owner_dsn: SecretStr | None = None
    """Connection URL of the role that owns the tables: a process that has it takes the migrations
    that are missing when it starts. None = `dsn` takes them, where its role may.
    """


class TemporalSettings(SettingsGroup):
    """The Temporal server."""

    address: str = "127.0.0.1:7233"
    """`host:port` of the frontend."""
    namespace: str = "default"
    """Namespace of this org's engine alone: two engines use the same task queue names. A worker
    refuses the activities of another org.
    """
    ui_url: str | None = None
    """Base URL of the Web UI, for links in output. None = no links."""
    tls: bool = False
    """Connect with TLS. A client certificate, a CA file or an API key turns it on, too."""
    ca_file: Path | None = None
    """PEM file of the authorities that may sign the server's certificate. None = the machine's."""
    server_name: str | None = None
    """Name in the server's certificate, where it is not the address's. None = the address's."""
    cert_file: Path | None = None
    """PEM file of this client's certificate (mTLS). None = no certificate. It is read again when
    it changes.
    """
    key_file: Path | None = None
    """PEM file of the certificate's private key."""
    api_key: SecretStr | None = None
    """API key, sent as a bearer token. None = none."""
    api_key_file: Path | None = None
    """File that holds the API key. It is read again when it changes. None = `api_key`."""
    codec: bool = False
    """Encrypt payloads: inputs, results, memos, summaries, heartbeats and failures. The key is
    wrapped by the KMS key of `s3`. Payloads are read whether they are encrypted or not.
    """

    @model_validator(mode="after")
    def _a_certificate_has_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: set both, or none")
        if self.api_key is not None and self.api_key_file is not None:
            raise ValueError("api_key and api_key_file name the key twice: set one")
        return self
