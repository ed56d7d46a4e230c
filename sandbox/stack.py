"""The whole sandbox: four real processes, started together, stopped together, state in one
folder.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import httpx

from sandbox import objectstore, postgres, temporal
from sandbox.endpoints import (
    AuditEndpoint,
    DatabaseEndpoint,
    Endpoints,
    OperationalEndpoint,
    RedshiftEndpoint,
    S3Endpoint,
    SalesforceEndpoint,
    TemporalEndpoint,
)
from sandbox.ports import free_port
from sandbox.processes import Child, ProcessGroup, wait_until
from sandbox.redshift import launch
from schemas.errors import SettingsError
from schemas.names import NAMESPACE
from schemas.salesforce.limits import API_VERSION

WAREHOUSE = "warehouse"
READ_COPY = "read_copy"
"""Beside a stand-in for Redshift."""
OPERATIONAL = "operational"


@dataclass(frozen=True)
class Ports:
    """TCP ports on loopback; 0 takes a free one."""

    salesforce: int = 0
    salesforce_tls: int = 0
    pubsub: int = 0
    s3: int = 0
    postgres: int = 0
    temporal: int = 0
    temporal_ui: int = 0
    redshift: int | None = None
    """Of a stand-in for Redshift before the warehouse. None = there is none."""

    def resolved(self) -> "Ports":
        """Every 0 replaced by a free port; raises `SettingsError` for a port that is taken."""
        chosen: dict[str, int] = {}
        for part in fields(self):
            wanted = getattr(self, part.name)
            if wanted is None:
                continue
            port = free_port(wanted)
            while port in chosen.values():
                port = free_port()
            chosen[part.name] = port
        return Ports(**chosen)


@dataclass(frozen=True)
class RunningSandbox:
    """A started sandbox: where everything is, and its processes."""

    endpoints: Endpoints
    group: ProcessGroup


@contextmanager
def running_sandbox(
    folder: Path,
    *,
    ports: Ports | None = None,
    fresh: bool = False,
    edition: str = "unlimited",
    allow: Mapping[str, int] | None = None,
    codec_endpoint: str | None = None,
) -> Iterator[RunningSandbox]:
    """Start the sandbox with its state in `folder`; yields when all is ready, stops it when left.

    `fresh` forgets what an earlier run left in the folder. `edition` chooses the org's limits
    (developer, enterprise, unlimited); `allow` gives it more or less of single allocations, by
    meter, such as `{"delivered_events": 4_500_000}`.
    `codec_endpoint`: where Temporal's Web UI has payloads decrypted.
    Raises `SettingsError` for a port that is taken or a folder in use, `UnavailableError` when a
    part does not start.
    """
    group = ProcessGroup(folder / "logs")
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        group.end_leftovers()
        if fresh:
            forget(folder)
        taken = (ports or Ports()).resolved()
        try:
            options = _org_options(edition, allow or {})
            yield RunningSandbox(_start(group, folder, taken, options, codec_endpoint), group)
        finally:
            group.stop()


def forget(folder: Path) -> None:
    """Delete the sandbox's state, but not its lock."""
    for name in ("logs", "salesforce", "s3", "postgres", "temporal"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _org_options(edition: str, allow: Mapping[str, int]) -> list[str]:
    options = ["--edition", edition]
    for name, maximum in allow.items():
        options += ["--allow", f"{name}={maximum}"]
    return options


def _start(
    group: ProcessGroup, folder: Path, ports: Ports, org_options: list[str], codec_endpoint: str | None
) -> Endpoints:
    """Launch all of them, then wait for each: a start is as long as the slowest, not as the sum."""
    server = temporal.launch_temporal(
        group,
        folder / "temporal",
        port=ports.temporal,
        ui_port=ports.temporal_ui,
        codec_endpoint=codec_endpoint,
    )
    org = _launch_salesforce(group, folder / "salesforce", ports, org_options)
    objects = objectstore.launch_objectstore(group, folder / "s3", port=ports.s3)
    postgres.start_postgres(
        group,
        folder / "postgres",
        port=ports.postgres,
        databases=(WAREHOUSE, OPERATIONAL, *(() if ports.redshift is None else (READ_COPY,))),
    )
    postgres.make_durable(ports.postgres, (OPERATIONAL,))
    objectstore.await_objectstore(objects, port=ports.s3)
    if ports.redshift is not None:
        launch.start_redshift(group, launch.RedshiftPorts(ports.redshift, ports.postgres, ports.s3))
    temporal.await_temporal(server, port=ports.temporal)
    return _endpoints(_await_salesforce(org, folder / "salesforce", ports), ports)


def _endpoints(salesforce: SalesforceEndpoint, ports: Ports) -> Endpoints:
    return Endpoints(
        salesforce=salesforce,
        s3=S3Endpoint(
            endpoint_url=objectstore.endpoint(ports.s3),
            region=objectstore.REGION,
            access_key=objectstore.ACCESS_KEY,
            secret_key=objectstore.SECRET_KEY,
            bucket=objectstore.BUCKET,
            kms_key_id=objectstore.KEY_ALIAS,
        ),
        warehouse=_warehouse(ports),
        operational=OperationalEndpoint(
            dsn=postgres.dsn(ports.postgres, OPERATIONAL, user=postgres.ENGINE_USER),
            owner_dsn=postgres.dsn(ports.postgres, OPERATIONAL),
        ),
        audit=AuditEndpoint(bucket=objectstore.AUDIT_BUCKET, signing_key_id=objectstore.SIGNING_ALIAS),
        temporal=TemporalEndpoint(
            address=f"127.0.0.1:{ports.temporal}",
            namespace=NAMESPACE,
            ui_url=f"http://127.0.0.1:{ports.temporal_ui}",
        ),
    )


def _warehouse(ports: Ports) -> DatabaseEndpoint:
    redshift = None
    if ports.redshift is not None:
        redshift = RedshiftEndpoint(
            dsn=launch.dsn(ports.redshift, WAREHOUSE),
            copy_role=launch.COPY_ROLE,
            read_copy=postgres.dsn(ports.postgres, READ_COPY),
        )
    return DatabaseEndpoint(dsn=postgres.dsn(ports.postgres, WAREHOUSE), redshift=redshift)


def _launch_salesforce(group: ProcessGroup, folder: Path, ports: Ports, options: list[str]) -> Child:
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "sandbox.org",
        "--port",
        str(ports.salesforce),
        "--tls-port",
        str(ports.salesforce_tls),
        "--pubsub-port",
        str(ports.pubsub),
        "--data",
        str(folder),
        *options,
    ]
    return group.start("salesforce", command)


def _await_salesforce(child: Child, folder: Path, ports: Ports) -> SalesforceEndpoint:
    url = f"http://127.0.0.1:{ports.salesforce}"
    wait_until(lambda: is_healthy(url), child)
    return _salesforce_endpoint(folder, url, ports, child)


def _salesforce_endpoint(folder: Path, url: str, ports: Ports, child: Child) -> SalesforceEndpoint:
    try:
        identity = json.loads((folder / "org.json").read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"The org wrote no identity: {error}. Its log is {child.log}.") from error
    return SalesforceEndpoint(
        login_url=url,
        instance_url=url,
        tls_login_url=f"https://localhost:{ports.salesforce_tls}",
        tls_instance_url=f"https://localhost:{ports.salesforce_tls}",
        ca_file=str(folder / "ca.pem"),
        pubsub_endpoint=f"localhost:{ports.pubsub}",
        control_url=f"{url}/sandbox",
        api_version=API_VERSION,
        **{name: identity[name] for name in _IDENTITY},
    )


_IDENTITY = (
    "org_id",
    "username",
    "password",
    "client_id",
    "client_secret",
    "refresh_token",
    "private_key_file",
)


def is_healthy(url: str) -> bool:
    """True when the org at `url` serves."""
    try:
        return httpx.get(f"{url}/sandbox/health", timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; two sandboxes over one folder would destroy each other's state."""
    import fcntl  # Unix only, as is the sandbox

    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                f"Another sandbox is running with its state in {folder}. Stop it, or give another --home folder."
            ) from error
        yield
