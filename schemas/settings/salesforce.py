"""Settings of the Salesforce connection."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from schemas.salesforce.limits import API_VERSION
from schemas.settings.base import SettingsGroup

Grant = Literal["client_credentials", "jwt_bearer", "password"]


class SalesforceSettings(SettingsGroup):
    """The Salesforce org and the login of the integration user."""

    org_id: str
    """Org ID, 18 characters. It is part of every workflow ID and object key, so it never changes.
    """
    login_url: str
    """Base URL of the token endpoint, such as `https://example.my.salesforce.com`."""
    grant: Grant = "client_credentials"
    """OAuth grant. `client_credentials` needs `CLIENT_SECRET`; `jwt_bearer` needs `USERNAME` and
    `PRIVATE_KEY` or `PRIVATE_KEY_FILE`; `password` needs `CLIENT_SECRET`, `USERNAME` and
    `PASSWORD`.
    """
    client_id: str
    """Consumer key of the connected app."""
    client_secret: SecretStr | None = None
    """Consumer secret of the connected app. None = the grant does not use one."""
    username: str | None = None
    """Integration user's name. None = the grant does not use one."""
    password: SecretStr | None = None
    """Integration user's password. None = the grant does not use one."""
    private_key: SecretStr | None = None
    """Private key of the JWT bearer grant as PEM text, its lines parted by line ends or by `\\n`;
    or a reference. None = `PRIVATE_KEY_FILE` has it, or another grant is used.
    """
    private_key_file: Path | None = None
    """PEM file with the private key of the JWT bearer grant. None = another grant is used."""
    api_version: str = API_VERSION
    """REST API version. Change it only when the org does not serve this one."""
    pubsub_endpoint: str = Field(default="api.pubsub.salesforce.com:7443", pattern=r"^[^\s/]+:\d+$")
    """`host:port` of the Pub/Sub API, for lanes with `transport` `pubsub`. Change it for a regional
    endpoint.
    """
    ca_file: Path | None = None
    """PEM file of the authorities that the Pub/Sub API's certificate is checked against. None =
    `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` or `SSL_CERT_FILE`, else gRPC's own list.
    """
