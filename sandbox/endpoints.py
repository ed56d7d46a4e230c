"""The endpoints of a started sandbox: every address and credential, as `tidegate sandbox up --json`
prints them.
"""

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SalesforceEndpoint(_Part):
    login_url: str
    instance_url: str
    tls_login_url: str
    tls_instance_url: str
    ca_file: str
    """PEM file of the authority that signed the certificates of HTTPS and of the Pub/Sub API."""
    pubsub_endpoint: str
    """host:port, gRPC over TLS."""
    control_url: str
    """Prefix of the sandbox's own routes (traffic, faults, state); Salesforce has no such thing."""
    org_id: str
    """18 characters."""
    username: str
    password: str
    client_id: str
    client_secret: str
    refresh_token: str
    private_key_file: str
    """PEM file of the key that signs JWT bearer assertions."""
    api_version: str


class S3Endpoint(_Part):
    endpoint_url: str
    region: str
    access_key: str
    secret_key: str
    bucket: str
    kms_key_id: str
    """KMS key or alias for SSE-KMS and for the engine's data keys; the KMS API is at `endpoint_url`
    too.
    """


class RedshiftEndpoint(_Part):
    dsn: str
    """Of the stand-in, whose rows are in the PostgreSQL of the warehouse's own DSN."""
    copy_role: str
    """ARN of the role with which COPY reads the bucket."""
    read_copy: str
    """Of the PostgreSQL database from which the API reads records."""


class DatabaseEndpoint(_Part):
    dsn: str
    """PostgreSQL, also where a stand-in for Redshift is before it."""
    redshift: RedshiftEndpoint | None = None
    """The stand-in; None = the engine's warehouse is PostgreSQL itself."""


class OperationalEndpoint(_Part):
    dsn: str
    """Of the engine's role, which may add to the audit log and not change it."""
    owner_dsn: str
    """Of the role that owns the tables and makes them."""


class AuditEndpoint(_Part):
    bucket: str
    """Made with Object Lock, for the audit log's anchors."""
    signing_key_id: str
    """KMS key that signs them."""


class TemporalEndpoint(_Part):
    address: str
    namespace: str
    ui_url: str


class Endpoints(_Part):
    """One object for everything, printed when all of it is ready."""

    salesforce: SalesforceEndpoint
    s3: S3Endpoint
    warehouse: DatabaseEndpoint
    operational: OperationalEndpoint
    audit: AuditEndpoint
    temporal: TemporalEndpoint
