"""Addresses for the clients, made from their settings: the only place where a secret is unwrapped
for a client.
"""

from pydantic import SecretStr

from clients.oidc import IssuerAddress
from clients.salesforce.session import SalesforceAddress
from clients.salesforce.streaming.pubsub_address import PubsubAddress
from clients.storage.objects import S3Address
from schemas.settings.api import OidcSettings
from schemas.settings.salesforce import SalesforceSettings
from schemas.settings.services import S3Settings


def salesforce_address(settings: SalesforceSettings) -> SalesforceAddress:
    """The token endpoint and the login, with secrets in plaintext."""
    return SalesforceAddress(
        login_url=settings.login_url.rstrip("/"),
        client_id=settings.client_id,
        grant=settings.grant,
        client_secret=_plain(settings.client_secret),
        username=settings.username,
        password=_plain(settings.password),
        private_key_file=settings.private_key_file,
        api_version=settings.api_version,
    )


def pubsub_address(settings: SalesforceSettings) -> PubsubAddress:
    """The Pub/Sub API's endpoint."""
    return PubsubAddress(endpoint=settings.pubsub_endpoint, org_id=settings.org_id, ca_file=settings.ca_file)


def s3_address(settings: S3Settings) -> S3Address:
    """The bucket and its credentials, with the secret key in plaintext."""
    return S3Address(
        bucket=settings.bucket,
        region=settings.region,
        kms_key_id=settings.kms_key_id,
        endpoint_url=settings.endpoint_url,
        access_key=settings.access_key,
        secret_key=_plain(settings.secret_key),
    )


def issuer_address(settings: OidcSettings) -> IssuerAddress:
    """The issuer, the audience and the address of its keys."""
    return IssuerAddress(issuer=settings.issuer, audience=settings.audience, jwks_url=settings.jwks_url)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
