"""Settings of the services that the engine runs on: object store, warehouse, operational store,
Temporal.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from schemas.settings.base import SettingsGroup

USUAL_TURN_SECONDS = 30.0
"""On Redshift."""


class DataClassSettings(SettingsGroup):
    """A bucket and a key of one class of data."""

    bucket: str | None = None
    """Bucket name. None = the bucket of all."""
    kms_key_id: str | None = None
    """KMS key ID or alias. None = the key of all."""


class S3Settings(SettingsGroup):
    """The bucket for raw, staged and key objects."""

    bucket: str
    """Bucket name. One bucket may serve several orgs: the org ID is part of every key."""
    region: str | None = None
    """AWS region of the bucket and of the KMS key. None = `AWS_REGION` or `AWS_DEFAULT_REGION` of
    the environment.
    """
    kms_key_id: str
    """KMS key ID or alias. It encrypts the bucket's objects (SSE-KMS) and the org's data key."""
    raw: DataClassSettings = DataClassSettings()
    """Batches as received, and their manifests: `raw/`, `chain/`."""
    staged: DataClassSettings = DataClassSettings()
    """Typed changes on their way to the warehouse: `staged/`, `load/`; its rows on their way back:
    `unload/`. They may expire after days.
    """
    keys: DataClassSettings = DataClassSettings()
    """The wrapped data key: `keys/`. It must never expire."""
    intake: DataClassSettings = DataClassSettings()
    """Files of writebacks: `intake/`, `intake-refused/`, `preview/`."""
    archive: DataClassSettings = DataClassSettings()
    """Records under lock: `archive/`, `anchors/`. Anchors lie in the bucket of
    `TIDEGATE_AUDIT__BUCKET`.
    """
    endpoint_url: str | None = None
    """URL of another S3. None = AWS."""
    kms_endpoint_url: str | None = None
    """URL of another KMS. None = that of `endpoint_url`, or AWS."""
    access_key: str | None = None
    """Access key ID. None = AWS' own credential chain, such as the machine's role."""
    secret_key: SecretStr | None = None
    """Secret access key. None = AWS' own credential chain."""
    confirms_puts: bool = True
    """Ask for each raw file after S3 has acknowledged it, before its manifest is written. False =
    the acknowledgement is believed.
    """


class DatabaseSettings(SettingsGroup):
    """A database: a whole connection URL, or its parts."""

    dsn: SecretStr | None = None
    """Connection URL, `postgresql://user:password@host:port/database`. None = `HOST` and the other
    parts say it.
    """
    host: str | None = None
    """Host name. None = `DSN` says it."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """Port. None = 5432, or 5439 for Redshift."""
    database: str | None = None
    """Name of the database. None = `DSN` says it."""
    user: str | None = None
    """User, or a reference such as `secretsmanager:NAME#username`. None = `DSN` says it, or IAM."""
    password: SecretStr | None = None
    """Password, or a reference such as `secretsmanager:NAME#password`. It is read again when the
    login is refused, so a rotation needs no restart. None = none is sent.
    """
    auth: Literal["password", "iam"] = "password"
    """`iam` = AWS' identity logs in, with a new token at every connect."""
    tls: Literal["verify-full", "off"] = "verify-full"
    """`verify-full` = the server's certificate must name the host. This machine's loopback is
    exempt. `off` = the URL decides; for a sandbox only.
    """
    ca_file: Path | None = None
    """PEM file of the authorities that the certificate is checked against, such as AWS' bundle for
    RDS. None = `SSL_CERT_FILE`, or the system's list.
    """

    @model_validator(mode="after")
    def _is_given_in_one_way(self) -> Self:
        parts = {"host": self.host, "database": self.database, "user": self.user, "password": self.password}
        given = [name for name, value in parts.items() if value is not None]
        if self.dsn is not None:
            if given:
                raise ValueError(f"give dsn, or the parts: {', '.join(given)} would be ignored beside dsn")
            if self.auth == "iam":
                raise ValueError("auth iam takes the parts (host, database, user), not dsn")
            return self
        needed = ["host", "database"] if self.auth == "iam" else ["host", "database", "user"]
        if missing := [name for name in needed if parts[name] is None]:
            raise ValueError(f"{', '.join(missing)} missing: give dsn, or {', '.join(needed)} and password")
        return self


class WarehouseSettings(DatabaseSettings):
    """The database of the curated tables."""

    kind: Literal["postgres", "redshift"] = "postgres"
    """SQL dialect and loading method."""
    copy_role: str | None = None
    """Redshift: ARN of the role with which COPY reads the bucket. None = PostgreSQL, which needs
    none.
    """
    turn_seconds: float | None = Field(default=None, ge=0, le=60)
    """Seconds from one transaction that applies everything that waits, of all objects, to the next.
    0 = an object's batches are committed as they come. None = 0, or 30 for Redshift, which commits
    one transaction after another.
    """

    @property
    def seconds_of_turns(self) -> float:
        """`turn_seconds`, or what is usual for the kind."""
        if self.turn_seconds is not None:
            return self.turn_seconds
        return USUAL_TURN_SECONDS if self.kind == "redshift" else 0


class ReadCopySettings(DatabaseSettings):
    """PostgreSQL beside a Redshift warehouse, from which the API reads records and changes. A
    database of its own: its schemas are called as the warehouse's.
    """


class OperationalSettings(DatabaseSettings):
    """PostgreSQL for the audit log and the writebacks."""

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
