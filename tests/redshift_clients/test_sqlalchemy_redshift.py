"""sqlalchemy-redshift 1.0.0 over both drivers: DDL, DML, reflection."""

from functools import partial
from typing import Any

import pytest

from tests.redshift_clients.client import driver

pytestmark = pytest.mark.redshift_client


@pytest.fixture
def call(redshift_database: str) -> Any:
    return lambda name, **given: partial(driver, "sqlalchemy-redshift")(name, redshift_database, **given)


@pytest.mark.parametrize("native", [False, True], ids=["psycopg2", "redshift_connector"])
def test_rows_are_written_and_read(call: Any, native: bool):
    assert call("work", native=native) == [["b", "3.00"]]


def test_tables_are_reflected(call: Any):
    found = call("reflect")
    assert found["tables"] == ["things"]
    assert found["schemas"]
    assert found["columns"] == [
        ["id", "INTEGER", False],
        ["name", "VARCHAR(40)", False],
        ["price", "NUMERIC(9, 2)", True],
    ]
    assert found["key"] == ["id"]
