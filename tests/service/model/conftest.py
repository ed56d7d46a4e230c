"""The reporting model, compiled once for each file of tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from tests.databases import new_database
from tests.support.engines.modelling import CompiledModel


@pytest.fixture(scope="module")
def model(postgres_port: int) -> Iterator[CompiledModel]:
    catalogue = default_catalogue()
    with new_database(postgres_port) as dsn, tempfile.TemporaryDirectory() as folder:
        warehouse = PostgresWarehouse(dsn)
        warehouse.ensure_tables(catalogue)
        warehouse.close()
        made = CompiledModel(dsn, Path(folder), catalogue)
        made.compile()
        yield made
