"""Drivers of PostgreSQL that do not know Redshift: pg8000 1.31.6, asyncpg 0.32.0, and petl 1.7.30
over psycopg2.
"""

import pytest

from tests.redshift_clients.client import driver

pytestmark = pytest.mark.redshift_client
ROWS = [[1, "one"], [2, "日本"]]


def test_pg8000_writes_reads_and_is_refused(redshift_database: str):
    assert driver("plain-drivers", "by_pg8000", redshift_database) == [ROWS, "42601"]


def test_asyncpg_prepares_and_walks(redshift_database: str):
    assert driver("plain-drivers", "by_asyncpg", redshift_database) == [[1, 2], "日本"]


def test_petl_appends_and_reads(redshift_database: str):
    assert driver("plain-drivers", "by_petl", redshift_database) == [["a", "b"], *ROWS]
