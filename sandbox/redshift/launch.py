"""Start the stand-in as a process of the sandbox."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox import objectstore
from sandbox.ports import LOOPBACK, accepts_connections
from sandbox.processes import Child, ProcessGroup, wait_until
from sandbox.redshift.__main__ import SECRETS

USER = "awsuser"
PASSWORD = "Sandbox-password-1"  # noqa: S105 -- of the sandbox
DIGEST_USER = "digest"
"""Its password is stored as sha256: login method 13."""
CLUSTER, WORKGROUP = "sandbox-cluster", "sandbox-workgroup"
COPY_ROLE = "arn:aws:iam::000000000000:role/tidegate-copy"
"""The role with which COPY reads `load/` of the sandbox's bucket, and UNLOAD writes `unload/`."""

LOAD_ROLE = "arn:aws:iam::000000000000:role/tidegate-load"
"""A role as of releases that unloaded nothing: COPY reads by it, and UNLOAD writes nothing."""


@dataclass(frozen=True)
class RedshiftPorts:
    """Where the stand-in listens, and its PostgreSQL and S3."""

    own: int
    postgres: int
    s3: int
    api: int | None = None
    """Of AWS' calls that give temporary logins. None = they are not served."""


def start_redshift(
    group: ProcessGroup,
    ports: RedshiftPorts,
    *,
    host: str = LOOPBACK,
    options: Sequence[str] = (),
    certificate: Path | None = None,
) -> Child:
    """Start the stand-in; returns when it listens. `options`: more of `python -m
    sandbox.redshift`.
    """
    command = [sys.executable, "-m", "sandbox.redshift", "--host", host, "--port", str(ports.own)]
    command += ["--postgres", str(ports.postgres), "--s3", objectstore.endpoint(ports.s3), *options]
    if ports.api is not None:
        command += ["--api-port", str(ports.api)]
    if certificate is not None:
        command += ["--certificate", str(certificate)]
    secrets = {
        "users": [
            [USER, PASSWORD, "md5", "postgres"],
            [DIGEST_USER, PASSWORD, "sha256", "postgres"],
        ],
        "roles": [
            [COPY_ROLE, [f"{objectstore.BUCKET}/load/*"], [f"{objectstore.BUCKET}/unload/*"]],
            [LOAD_ROLE, [f"{objectstore.BUCKET}/load/*"], []],
        ],
        "access_key": objectstore.ACCESS_KEY,
        "secret_key": objectstore.SECRET_KEY,
        "names": [CLUSTER, WORKGROUP],
        "owner": "postgres",
    }
    child = group.start("redshift", command, environment={SECRETS: json.dumps(secrets)})
    for port in filter(None, (ports.own, ports.api)):
        wait_until(partial(accepts_connections, port), child)
    return child


def dsn(port: int, database: str, *, user: str = USER) -> str:
    """Connection string of a database of the stand-in."""
    return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{port}/{database}"
