"""Real parts for the tests that need them: started once a session, on free ports, ended also when
tests fail.
"""

import asyncio
import faulthandler
import gc
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import HealthCheck, settings
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from clients.database.engine import open_engine
from clients.database.migrations import ensure_schema
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse import Warehouse, postgres_tables
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.redshift import RedshiftWarehouse
from sandbox import objectstore, postgres, temporal
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from sandbox.redshift import launch
from schemas.catalogue import default_catalogue
from tests.costly import mark_costly
from tests.databases import copying_clusters, new_database
from tests.support.memory_folder import use_memory_for_temporary_files
from tests.support.processes.warm_starts import starting_warm

CLEAN_UP_SECONDS = 120

# A slow example on a busy machine is not a failure. Here, and not in a folder: a test has the
# profile that is loaded when its file is imported.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# Nine thousand tests are collected, with a million objects that live until the end. Looking through
# them again and again is 40 % of the processor time of collecting them.
gc.disable()
use_memory_for_temporary_files()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before pytest leaves out what is not asked for by its markers."""
    mark_costly(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop() -> Generator[None, object, object]:
    gc.freeze()
    gc.enable()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """End the process when cleaning up hangs: a failure stops pytest's own clock for it."""
    seconds = float(item.config.getini("faulthandler_timeout"))
    faulthandler.dump_traceback_later(
        min(seconds, CLEAN_UP_SECONDS), exit=True, file=item.config.stash[fault_handler_stderr_fd_key]
    )
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> None:
    for name in [name for name in os.environ if name.startswith("TIDEGATE_")]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _quiet_libraries() -> None:
    for name in ("botocore", "boto3", "urllib3", "s3transfer"):
        logging.getLogger(name).setLevel(logging.INFO)


@pytest.fixture(scope="session", autouse=True)
def _certificates_once() -> Iterator[None]:
    """Read the machine's certificates once: httpx reads them for every client, which costs 20 ms,
    and tests make thousands.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", lru_cache(httpx.create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def _named_build() -> Iterator[None]:
    """Name the code of workers that name none: the SDK would hash each module that was imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("temporalio.worker._worker._default_build_id", "tests")
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_cluster() -> Iterator[None]:
    """Make the data of a PostgreSQL server once, and copy them: that is a tenth of the work."""
    with pytest.MonkeyPatch.context() as patch, copying_clusters(postgres.make_cluster) as copied:
        patch.setattr(postgres, "make_cluster", copied)
        yield


@pytest.fixture(scope="session", autouse=True)
def _warm_starts() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="tidegate-warm-") as folder, starting_warm(Path(folder)):
        yield


@pytest.fixture(scope="session")
def parts() -> Iterator[ProcessGroup]:
    """The group of every process that the session starts."""
    # Not pytest's own folder: the server's user must be able to enter it.
    folder = Path(tempfile.mkdtemp(prefix="tidegate-tests-"))
    folder.chmod(0o755)
    group = ProcessGroup(folder)
    yield group
    group.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_port(parts: ProcessGroup) -> int:
    port = free_port()
    postgres.start_postgres(parts, parts.folder / "postgres", port=port, databases=())
    return port


@pytest.fixture
def empty_database(postgres_port: int) -> Iterator[str]:
    """The connection string of a database of its own without a table."""
    with new_database(postgres_port) as dsn:
        yield dsn


@pytest.fixture
def database(empty_database: str) -> str:
    """The connection string of the test's database, which is empty. `database_with_tables` may
    stand in for it.
    """
    return empty_database


@pytest.fixture(scope="session")
def template(postgres_port: int) -> Iterator[str]:
    """The name of a database in which the engine has made its tables: to copy them is a quarter of
    what making them costs.
    """
    with new_database(postgres_port) as dsn:
        postgres_tables.ensure_tables(dsn, default_catalogue())
        engine = open_engine(dsn)
        ensure_schema(engine)
        engine.dispose()
        yield dsn.rpartition("/")[2]


@pytest.fixture
def database_with_tables(postgres_port: int, template: str) -> Iterator[str]:
    """The connection string of a database of its own with all tables of the shipped catalogue,
    which are empty.

    A module or a folder whose tests need them overrides `database` by it, so that `warehouse` and
    `engine` use it too.
    """
    with new_database(postgres_port, f"TEMPLATE {template}") as dsn:
        yield dsn


@pytest.fixture
def postgres_warehouse(database: str) -> Iterator[PostgresWarehouse]:
    opened = PostgresWarehouse(database)
    yield opened
    opened.close()


@pytest.fixture
def warehouse(postgres_warehouse: PostgresWarehouse) -> PostgresWarehouse:
    """PostgreSQL. A module whose tests hold on every kind overrides it by `any_warehouse`."""
    return postgres_warehouse


WAREHOUSES = ("postgres", "redshift") if find_spec("sandbox.redshift") else ("postgres",)
"""Kinds of warehouse that tests can have: Redshift where the sandbox has a stand-in for it."""


@pytest.fixture(params=WAREHOUSES)
def any_warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """An empty warehouse of each kind, one after the other."""
    name = "postgres_warehouse" if request.param == "postgres" else "redshift_warehouse"
    opened: Warehouse = request.getfixturevalue(name)
    return opened


@pytest.fixture(scope="session")
def s3_port(parts: ProcessGroup) -> int:
    port = free_port()
    objectstore.start_objectstore(parts, parts.folder / "s3", port=port)
    return port


@pytest.fixture(scope="session")
def s3_address(s3_port: int) -> S3Address:
    return S3Address(
        bucket=objectstore.BUCKET,
        region=objectstore.REGION,
        kms_key_id=objectstore.KEY_ALIAS,
        endpoint_url=objectstore.endpoint(s3_port),
        access_key=objectstore.ACCESS_KEY,
        secret_key=objectstore.SECRET_KEY,
    )


@pytest.fixture(scope="session")
def redshift_port(parts: ProcessGroup, postgres_port: int, s3_port: int) -> int:
    """Of the stand-in for Redshift, whose databases are those of the session's PostgreSQL."""
    port = free_port()
    launch.start_redshift(parts, launch.RedshiftPorts(port, postgres_port, s3_port))
    return port


@pytest.fixture
def redshift_database(redshift_port: int, database: str) -> str:
    """The connection string of an empty database of the stand-in."""
    return launch.dsn(redshift_port, database.rpartition("/")[2])


@pytest.fixture
def redshift_warehouse(redshift_database: str, store: ObjectStore) -> Iterator[RedshiftWarehouse]:
    opened = RedshiftWarehouse(redshift_database, store=store, copy_role=launch.COPY_ROLE)
    yield opened
    opened.close()


@pytest.fixture
def s3_with_overlays(tmp_path: Path, s3_address: S3Address) -> Iterator[S3Address]:
    """S3 that lets another version be put over a locked one, as AWS does."""
    group, port = ProcessGroup(tmp_path), free_port()
    objectstore.start_objectstore(group, tmp_path / "s3", port=port, overlays=True)
    yield replace(s3_address, endpoint_url=objectstore.endpoint(port))
    group.stop()


@pytest.fixture(scope="session")
def store(s3_address: S3Address) -> ObjectStore:
    return ObjectStore(s3_address)


@pytest.fixture(scope="session")
def temporal_server(parts: ProcessGroup) -> str:
    """The address of the session's Temporal, for what cleans up behind itself."""
    port, ui_port = free_port(), free_port()
    temporal.start_temporal(parts, parts.folder / "temporal", port=port, ui_port=ui_port)
    return f"127.0.0.1:{port}"


@pytest.fixture
async def client(temporal_server: str) -> AsyncIterator[Client]:
    """A client of the session's Temporal; what the test leaves running is ended, so that no later
    test serves it.
    """
    # The identity is written into histories; the SDK's own would name this machine.
    connected = await Client.connect(
        temporal_server, data_converter=pydantic_data_converter, identity="tests"
    )
    yield connected
    empty = 0
    while True:
        empty = 0 if await _end_workflows(connected) else empty + 1
        if empty == 2:
            break
        await asyncio.sleep(0.05)  # a workflow is listed some milliseconds after its start


@pytest.fixture
def temporal_address(temporal_server: str, client: Client) -> str:
    """As `temporal_server`, for what only has the address: what is started there ends with
    `client`.
    """
    return temporal_server


async def _end_workflows(client: Client) -> int:
    """End those that are listed as running; returns how many they were."""
    ids = [each.id async for each in client.list_workflows('ExecutionStatus = "Running"')]
    await asyncio.gather(*(_terminate(client, workflow_id) for workflow_id in ids))
    return len(ids)


async def _terminate(client: Client, workflow_id: str) -> None:
    try:
        await client.get_workflow_handle(workflow_id).terminate("end of the test")
    except RPCError:
        return  # it has ended meanwhile
