"""The parts that schedules share, made once: a PostgreSQL with the engine's tables, and an empty
org.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from clients.database.engine import open_engine
from clients.database.migrations import ensure_schema
from clients.warehouse import postgres_tables
from sandbox import postgres
from sandbox.org.server.app import open_org
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from schemas.catalogue import default_catalogue
from tests.databases import new_database
from tests.storm.tables import Database
from tests.storm.world import Parts

_MEMORY = Path("/dev/shm")


@contextmanager
def storm_parts(port: int | None = None) -> Iterator[Parts]:
    """The parts, until left. `port`: of a PostgreSQL that runs; None starts one."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-storm-", dir=_MEMORY if _MEMORY.is_dir() else None))
    folder.chmod(0o755)
    group = ProcessGroup(folder)
    # tables of a few rows: handing them to other threads costs more than the work
    pa.set_cpu_count(1)
    try:
        if port is None:
            port = free_port()
            postgres.start_postgres(group, folder / "postgres", port=port, databases=())
        with new_database(port) as dsn:
            postgres_tables.ensure_tables(dsn, default_catalogue())
            engine = open_engine(dsn)
            ensure_schema(engine)
            engine.dispose()
            org = open_org(folder / "template")
            org.store.close()
            database = Database(dsn)
            try:
                yield Parts(database, folder / "template", folder / "org")
            finally:
                database.close()
    finally:
        group.stop()
        shutil.rmtree(folder, ignore_errors=True)
