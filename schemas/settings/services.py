"""Settings of the services that the engine runs on: object store, warehouse, operational store,
Temporal.
"""

from typing import Literal

from pydantic import SecretStr

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
    confirms_puts: bool = True
    """Ask for each raw file after S3 has acknowledged it, before its manifest is written. False =
    the acknowledgement is believed.
    """


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
    """Connection URL, `postgresql://user:password@host:port/database`."""


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
