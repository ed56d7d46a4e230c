"""Logins by AWS' identity instead of a password: Aurora and RDS, Redshift, Redshift Serverless.

A token of RDS is signed here and lives 15 minutes; Redshift gives one for 15 to 60 minutes. Each is
asked for at a connect, and a session outlives it.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
https://docs.aws.amazon.com/redshift/latest/mgmt/generating-user-credentials.html
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from clients.aws_region import environment_region
from clients.ca_bundle import ca_bundle
from schemas.errors import CredentialsRejectedError, SettingsError, UnavailableError

_QUICK = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
_RDS = re.compile(r".+\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?")
_SERVERLESS = re.compile(r"([a-z0-9-]+)\.\d+\.([a-z0-9-]+)\.redshift-serverless\.amazonaws\.com(?:\.cn)?")
_CLUSTER = re.compile(r"([a-z0-9-]+)\.[a-z0-9]+\.([a-z0-9-]+)\.redshift\.amazonaws\.com(?:\.cn)?")
_LOCK = threading.Lock()
_CLIENTS: dict[tuple[str, str], Any] = {}


@dataclass(frozen=True)
class Login:
    """A user and what proves it."""

    user: str
    password: str


def iam_login(*, host: str, port: int, database: str, user: str | None, is_redshift: bool) -> Login:
    """A login by the process's AWS identity. Blocks. `user`: of PostgreSQL; Redshift names its own.

    Raises:
        SettingsError: The host is no endpoint of AWS, or PostgreSQL's user is missing.
        CredentialsRejectedError: There is no AWS identity, or it may not log in.
        UnavailableError: AWS does not answer.
    """
    if is_redshift:
        return _redshift_login(host, database)
    if user is None:
        raise SettingsError("A login by IAM needs the database's user. Set USER beside HOST.")
    found = _RDS.fullmatch(host)
    client = _client("rds", found[1] if found else environment_region())
    with _translated():
        token = client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
    return Login(user, str(token))


def _redshift_login(host: str, database: str) -> Login:
    if found := _SERVERLESS.fullmatch(host):
        client = _client("redshift-serverless", found[2])
        with _translated():
            given = client.get_credentials(workgroupName=found[1], dbName=database)
        return Login(str(given["dbUser"]), str(given["dbPassword"]))
    if found := _CLUSTER.fullmatch(host):
        client = _client("redshift", found[2])
        with _translated():
            given = client.get_cluster_credentials_with_iam(ClusterIdentifier=found[1], DbName=database)
        return Login(str(given["DbUser"]), str(given["DbPassword"]))
    raise SettingsError(
        f"{host} is no endpoint of Redshift, so IAM has no login for it. Set HOST to WORKGROUP.ACCOUNT.REGION."
        "redshift-serverless.amazonaws.com or CLUSTER.ID.REGION.redshift.amazonaws.com, or AUTH to password."
    )


def _client(service: str, region: str | None) -> Any:
    if region is None:
        raise SettingsError("A login by IAM needs a region, and the host's name has none. Set AWS_REGION.")
    with _LOCK:
        if (service, region) not in _CLIENTS:
            verify = ca_bundle("AWS_CA_BUNDLE")
            _CLIENTS[service, region] = boto3.client(
                service, region_name=region, config=_QUICK, verify=verify
            )
        return _CLIENTS[service, region]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (NoCredentialsError, ClientError) as error:
        code = "NoCredentials"
        if isinstance(error, ClientError):
            code = str(error.response.get("Error", {}).get("Code", ""))
        raise CredentialsRejectedError(
            system="AWS", error_code=code, detail=str(error), setting="the role and its right to log in"
        ) from error
    except BotoCoreError as error:
        raise UnavailableError(system="AWS", detail=f"login by IAM: {type(error).__name__}") from error
