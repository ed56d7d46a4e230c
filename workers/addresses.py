"""Addresses for the clients, made from their settings: the only place where a secret is unwrapped
for a client.
"""

from functools import partial

from pydantic import SecretStr

from clients.aws_region import environment_region
from clients.database.address import DatabaseAddress, url_of_parts
from clients.database.iam import iam_login
from clients.database.tls import TlsDemand
from clients.oidc import IssuerAddress
from clients.salesforce.session import SalesforceAddress, SessionSource
from clients.salesforce.streaming.pubsub_address import PubsubAddress
from clients.secrets import SECRETS
from clients.storage.objects import Place, S3Address
from clients.temporal.connection import TemporalAddress
from schemas.errors import SettingsError
from schemas.security.data_classes import DataClass
from schemas.settings.api import OidcSettings
from schemas.settings.salesforce import SalesforceSettings
from schemas.settings.services import (
    DatabaseSettings,
    DataClassSettings,
    OperationalSettings,
    ReadCopySettings,
    S3Settings,
    TemporalSettings,
    WarehouseSettings,
)

_POSTGRES_PORT, _REDSHIFT_PORT = 5432, 5439


def warehouse_address(settings: WarehouseSettings) -> DatabaseAddress:
    """The warehouse, whose URL is made at each connect."""
    is_redshift = settings.kind == "redshift"
    return _database_address(settings, "TIDEGATE_WAREHOUSE", is_redshift=is_redshift)


def read_copy_address(settings: ReadCopySettings) -> DatabaseAddress:
    """The read copy, whose URL is made at each connect."""
    return _database_address(settings, "TIDEGATE_READ_COPY", is_redshift=False)


def operational_address(settings: OperationalSettings) -> DatabaseAddress:
    """The operational store, whose URL is made at each connect."""
    return _database_address(settings, "TIDEGATE_OPERATIONAL", is_redshift=False)


def _database_address(settings: DatabaseSettings, name: str, *, is_redshift: bool) -> DatabaseAddress:
    demand = TlsDemand(settings.tls, settings.ca_file, name)
    url = partial(_database_url, settings, is_redshift=is_redshift)
    return DatabaseAddress(lambda: demand.applied(url()), renew=SECRETS.forget)


def _database_url(settings: DatabaseSettings, *, is_redshift: bool) -> str:
    """The present URL, with the present password or a new token. Blocks."""
    if settings.dsn is not None:
        return SECRETS.read(settings.dsn.get_secret_value())
    host, database = settings.host or "", settings.database or ""
    port = settings.port or (_REDSHIFT_PORT if is_redshift else _POSTGRES_PORT)
    user = None if settings.user is None else SECRETS.read(settings.user)
    password = _plain(settings.password)
    if settings.auth == "iam":
        login = iam_login(host=host, port=port, database=database, user=user, is_redshift=is_redshift)
        user, password = login.user, login.password
    return url_of_parts(host=host, port=port, database=database, user=user or "", password=password)


def salesforce_sessions(settings: SalesforceSettings) -> SessionSource:
    """The org's sessions. Secrets are read at each login, and again when one was refused."""
    return SessionSource(partial(salesforce_address, settings), on_refused=SECRETS.forget)


def salesforce_address(settings: SalesforceSettings) -> SalesforceAddress:
    """The token endpoint and the login, with secrets in plaintext. Blocks when they are
    references.
    """
    return SalesforceAddress(
        login_url=settings.login_url.rstrip("/"),
        client_id=settings.client_id,
        grant=settings.grant,
        client_secret=_plain(settings.client_secret),
        username=settings.username,
        password=_plain(settings.password),
        private_key=_plain(settings.private_key),
        private_key_file=settings.private_key_file,
        api_version=settings.api_version,
    )


def pubsub_address(settings: SalesforceSettings) -> PubsubAddress:
    """The Pub/Sub API's endpoint."""
    return PubsubAddress(endpoint=settings.pubsub_endpoint, org_id=settings.org_id, ca_file=settings.ca_file)


def s3_address(settings: S3Settings) -> S3Address:
    """The buckets and their credentials, with the secret key in plaintext."""
    return S3Address(
        bucket=settings.bucket,
        region=_region(settings),
        kms_key_id=settings.kms_key_id,
        endpoint_url=settings.endpoint_url,
        access_key=settings.access_key,
        secret_key=_plain(settings.secret_key),
        kms_endpoint_url=settings.kms_endpoint_url,
        confirms_puts=settings.confirms_puts,
        classes=_classes(settings),
    )


def _region(settings: S3Settings) -> str:
    region = settings.region or environment_region()
    if region is None and settings.endpoint_url is None:
        raise SettingsError(
            "The region of the bucket is not known. Set TIDEGATE_S3__REGION, or AWS_REGION in the environment."
        )
    return region or _ANY_REGION


_ANY_REGION = "us-east-1"
"""For another S3 than AWS', whose requests are signed for some region."""


def _classes(settings: S3Settings) -> dict[DataClass, Place]:
    """The classes that have a bucket or a key of their own."""
    groups = {kind: getattr(settings, kind, DataClassSettings()) for kind in DataClass}
    return {
        kind: Place(group.bucket or settings.bucket, group.kms_key_id or settings.kms_key_id)
        for kind, group in groups.items()
        if group != DataClassSettings()
    }


def temporal_address(settings: TemporalSettings) -> TemporalAddress:
    """The server, and this client's credentials."""
    return TemporalAddress(
        address=settings.address,
        namespace=settings.namespace,
        tls=settings.tls,
        ca_file=settings.ca_file,
        server_name=settings.server_name,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        api_key=_plain(settings.api_key),
        api_key_file=settings.api_key_file,
    )


def issuer_address(settings: OidcSettings) -> IssuerAddress:
    """The issuer, the audience and the address of its keys."""
    return IssuerAddress(issuer=settings.issuer, audience=settings.audience, jwks_url=settings.jwks_url)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else SECRETS.read(secret.get_secret_value())
