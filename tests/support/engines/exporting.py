"""An export's worker as a process of its own, for a test to kill."""

import asyncio
import subprocess
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.export import ExportTables
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from schemas.settings.model import ExportSettings
from tests.support.scripted.scripted_export import export_workers


def exports_to(
    warehouse: PostgresWarehouse, folder: Path, objects: tuple[str, ...] = (), page: int = 2
) -> ExportTables:
    """The activity: two rows a file, so that a table has several."""
    settings = ExportSettings(on=True, where=str(folder), objects=objects)
    return ExportTables(warehouse, default_catalogue(), settings, page)


def started_worker(address: str, dsn: str, folder: Path) -> subprocess.Popen[bytes]:
    """A process that exports Account to the folder."""
    return subprocess.Popen([sys.executable, "-m", __name__, address, dsn, str(folder)])


async def _serve(address: str, dsn: str, folder: str) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    async with export_workers(client, exports_to(PostgresWarehouse(dsn), Path(folder), ("Account",))):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
