"""Start the stand-in as a process of the sandbox."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import objectstore
from sandbox.ports import LOOPBACK, accepts_connections
from sandbox.processes import Child, ProcessGroup, wait_until
from sandbox.redshift.__main__ import SECRETS

USER = "awsuser"
PASSWORD = "Sandbox-password-1"  # noqa: S105 -- of the sandbox
COPY_ROLE = "arn:aws:iam::000000000000:role/tidegate-copy"
"""The role with which COPY reads `load/` of the sandbox's bucket."""


@dataclass(frozen=True)
class RedshiftPorts:
    """Where the stand-in listens, and its PostgreSQL and S3."""

    own: int
    postgres: int
    s3: int


def start_redshift(
    group: ProcessGroup,
    ports: RedshiftPorts,
    *,
    host: str = LOOPBACK,
    options: Sequence[str] = (),
    certificate: Path | None = None,
) -> Child:
    """Start the stand-in; returns when it listens. `options`: more of `python -m sandbox.redshift`."""
    command = [sys.executable, "-m", "sandbox.redshift", "--host", host, "--port", str(ports.own)]
    command += ["--postgres", str(ports.postgres), "--s3", objectstore.endpoint(ports.s3), *options]
    if certificate is not None:
        command += ["--certificate", str(certificate)]
    secrets = {
        "users": [
            [USER, PASSWORD, "md5", "postgres"],
            ["digest", PASSWORD, "sha256", "postgres"],
        ],
        "roles": [[COPY_ROLE, [f"{objectstore.BUCKET}/*"], [f"{objectstore.BUCKET}/*"]]],
        "access_key": objectstore.ACCESS_KEY,
        "secret_key": objectstore.SECRET_KEY,
    }
    child = group.start("redshift", command, environment={SECRETS: json.dumps(secrets)})
    wait_until(lambda: accepts_connections(ports.own), child)
    return child


def dsn(port: int, database: str, *, user: str = USER) -> str:
    """Connection string of a database of the stand-in."""
    return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{port}/{database}"
