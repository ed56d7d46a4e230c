"""Everything that `tidegate doctor` asks, set up well, and the handles by which an administrator
sets it up wrongly.
"""

import asyncio
import subprocess
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import sqlalchemy as sa

from clients.database.engine import open_engine
from clients.database.migrations import ensure_schema
from clients.doctor.run_check import DoctorDeadline
from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.warehouse import postgres_tables
from sandbox.org.pubsub.server import PubSubAddress
from sandbox.org.server.tls import ensure_certificates
from sandbox.ports import free_port
from sandbox.temporal import temporal_binary
from schemas.catalogue import default_catalogue
from schemas.doctor import CHECK_SECONDS, TOTAL_SECONDS, Diagnosis, Remote, State
from schemas.names import SEARCH_ATTRIBUTES
from schemas.salesforce.limits import API_VERSION
from tests.sandbox.org_in_process import http_client
from tests.support.builders.waiting import SLOWNESS, until
from tests.support.engines.served_org import ServedOrg, served_org
from workers.doctor import EVERYTHING, examine
from workers.settings import Settings

REST = f"/services/data/v{API_VERSION}"
EVERY_DAY = {"temporal.no_worker"}
"""No engine runs in these tests."""


@dataclass
class Estate:
    """The remotes of one test, and the settings that lead to them."""

    served: ServedOrg
    admin: httpx.AsyncClient
    """Of the org: its control plane and its APIs."""
    store: ObjectStore
    temporal: str
    warehouse: str
    """Connection strings of the databases' owner."""
    operational: str
    values: dict[str, Any] = field(default_factory=dict)
    """The settings; a test may change them."""

    async def look(self, *only: Remote) -> Diagnosis:
        """Run doctor over these settings, with as much time as a slow machine needs."""
        deadline = DoctorDeadline(TOTAL_SECONDS * SLOWNESS, each=CHECK_SECONDS * SLOWNESS)
        settings = Settings.model_validate(self.values)
        return await examine(settings, only or EVERYTHING, deadline=deadline)

    async def take(self, **rights: Any) -> None:
        """Turn the integration user's permissions."""
        answer = await self.admin.patch("/sandbox/permissions", json=rights)
        assert answer.status_code == 200, answer.text

    async def control(self, path: str, body: Any) -> None:
        answer = await self.admin.post(f"/sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text

    async def deselect(self, object_name: str) -> None:
        """Take an object out of Change Data Capture's selected entities."""
        soql = f"SELECT Id FROM PlatformEventChannelMember WHERE SelectedEntity = '{object_name}ChangeEvent'"
        answer = await self.admin.get(f"{REST}/tooling/query", params={"q": soql})
        [row] = answer.json()["records"]
        gone = await self.admin.delete(f"{REST}/tooling/sobjects/PlatformEventChannelMember/{row['Id']}")
        assert gone.status_code == 204, gone.text

    async def make(self, kind: str, name: str, **metadata: Any) -> None:
        """Make a channel or a member of one."""
        body = {"FullName": name, "Metadata": metadata}
        answer = await self.admin.post(f"{REST}/tooling/sobjects/{kind}", json=body)
        assert answer.status_code == 201, answer.text

    async def namespace(self, *, retention: str = "720h", **attributes: str) -> str:
        """A new namespace of the server, with these search attributes; the settings name it."""
        name = f"n{uuid.uuid4().hex[:8]}"
        await self.operator("namespace", "create", "-n", name, "--retention", retention)
        for attribute, kind in attributes.items():
            made = ("search-attribute", "create", "-n", name, "--name", attribute, "--type", kind)
            await until(lambda made=made: self._could(*made))  # type: ignore[misc]
        self.values["temporal"]["namespace"] = name
        return name

    async def operator(self, *arguments: str) -> None:
        assert await self._could(*arguments)

    async def _could(self, *arguments: str) -> bool:
        command = [temporal_binary(), "operator", *arguments, "--address", self.temporal]
        return (
            await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        ).returncode == 0

    def sql(self, *statements: str, dsn: str | None = None) -> None:
        """Statements of the warehouse's owner, or of another database's."""
        with psycopg.connect(dsn or self.warehouse, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def user_of_the_warehouse(self, *grants: str) -> str:
        """A new user who may log in, and has the grants; the settings name it. Grants have {user}
        and {database}.
        """
        name, parts = f"u{uuid.uuid4().hex[:8]}", sa.make_url(self.warehouse)
        self.sql(
            f"CREATE ROLE {name} LOGIN", *(each.format(user=name, database=parts.database) for each in grants)
        )
        dsn = parts.set(username=name).render_as_string(hide_password=False)
        self.values["warehouse"]["dsn"] = dsn
        return name


@asynccontextmanager
async def running_estate(
    folder: Path, *, s3: S3Address, temporal: str, warehouse: str, operational: str
) -> AsyncIterator[Estate]:
    """All remotes as the engine wants them: tables made, migrations taken, and a bucket of its own.
    In the tests' bucket others land under the org's id, with keys that are not there.
    """
    s3 = replace(s3, bucket=f"estate-{uuid.uuid4().hex[:12]}")
    aws_client("s3", s3).create_bucket(Bucket=s3.bucket)
    postgres_tables.ensure_tables(warehouse, default_catalogue())
    engine = open_engine(operational)
    ensure_schema(engine)
    engine.dispose()
    made, port = ensure_certificates(folder), free_port()
    pubsub = PubSubAddress("127.0.0.1", port, made.certificate, made.key)
    async with served_org(folder, pubsub=pubsub) as served, http_client(served.app, served.org) as admin:
        values = settings_values(served, s3, temporal, warehouse, operational)
        values["salesforce"] |= {"pubsub_endpoint": f"localhost:{port}", "ca_file": str(made.ca_file)}
        yield Estate(served, admin, ObjectStore(s3), temporal, warehouse, operational, values)


def settings_values(
    served: ServedOrg, s3: S3Address, temporal: str, warehouse: str, operational: str
) -> dict[str, Any]:
    identity = served.org.identity
    return {
        "salesforce": {
            "org_id": identity.org_id,
            "login_url": served.url,
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
        },
        "s3": {
            "bucket": s3.bucket,
            "region": s3.region,
            "kms_key_id": s3.kms_key_id,
            "endpoint_url": s3.endpoint_url,
            "access_key": s3.access_key,
            "secret_key": s3.secret_key,
        },
        "warehouse": {"kind": "postgres", "dsn": warehouse},
        "operational": {"dsn": operational},
        "temporal": {"address": temporal, "namespace": "default"},
    }


def problems(found: Diagnosis, but: Collection[str] = EVERY_DAY) -> set[tuple[str, str]]:
    """Code and place of everything that is not well, unknown things as `?check`."""
    return {
        (f"?{each.code}" if each.state is State.UNKNOWN else each.code, each.where)
        for each in found.findings
        if each.state is not State.OK and each.code not in but
    }


ATTRIBUTES = dict(SEARCH_ATTRIBUTES)
