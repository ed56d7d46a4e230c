"""Parts of a deployment beside the engine: AWS' secrets, a database that asks for passwords, and
Terraform's resources on an emulator.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from sandbox import postgres
from sandbox.ports import accepts_connections, free_port
from sandbox.processes import ProcessGroup, wait_until
from tests.databases import new_database
from tests.deploy.applied import Applied, applied_deployment

USER = "tidegate"
FIRST_PASSWORD = "first"
REGION = "eu-central-1"


@pytest.fixture(scope="session")
def aws_port(parts: ProcessGroup) -> int:
    """Secrets Manager and Parameter Store of the emulator, which the sandbox starts without
    them.
    """
    port, folder = free_port(), parts.folder / "aws"
    environment = {
        "SERVICES": "secretsmanager,ssm,s3,kms",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "S3_DATA_DIR": str(folder / "objects"),
        "STATE_DIR": str(folder / "state"),
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "sandbox.s3_server"]
    child = parts.start("aws", command, environment=environment)
    wait_until(lambda: accepts_connections(port), child)
    return port


@pytest.fixture
def aws(aws_port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes clients of the emulator; the engine's own find it by the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{aws_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the identity that it found first
    return lambda service: boto3.client(service, region_name=REGION)


@dataclass(frozen=True)
class Guarded:
    """A server whose users other than its owner need a password, from this machine, too."""

    port: int

    def owner(self, database: str) -> str:
        return postgres.dsn(self.port, database)

    def user(self, database: str, password: str) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def guarded(parts: ProcessGroup) -> Guarded:
    port = free_port()
    logins = postgres.Logins(FIRST_PASSWORD, (USER,))
    postgres.start_postgres(parts, parts.folder / "guarded", port=port, databases=(), logins=logins)
    return Guarded(port)


@pytest.fixture
def guarded_database(guarded: Guarded) -> Iterator[str]:
    """The name of an empty database of the guarded server."""
    with new_database(guarded.port) as dsn:
        yield dsn.rpartition("/")[2]


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """One for all tests: to apply takes a minute. Tests add objects and change no resource."""
    with applied_deployment(tmp_path_factory.mktemp("applied")) as found:
        yield found
