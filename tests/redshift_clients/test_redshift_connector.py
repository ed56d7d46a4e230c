"""redshift_connector 2.2.0, Amazon's own driver for Python: it prepares each statement, and sends
Flush where others send Sync.
"""

import io
import uuid
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clients.storage.objects import ObjectStore
from sandbox.redshift import launch
from tests.redshift_clients.client import driver

pytestmark = pytest.mark.redshift_client


@pytest.fixture
def call(redshift_database: str) -> Any:
    return lambda name, **given: partial(driver, "redshift-connector")(name, redshift_database, **given)


@pytest.mark.parametrize("user", [launch.USER, launch.DIGEST_USER])
def test_it_logs_in_by_either_method(call: Any, user: str):
    assert call("login", user=user) == 1


def test_each_type_comes_back(call: Any):
    names, row = call("types")
    assert names == list("sibrdonvatz")
    assert row == [
        "1", "2", "1099511627776", "0.5", "0.25", "True", "1.50", "日本", "2026-01-02", "2026-01-02 03:04:05",
        "2026-01-02 03:04:05+00:00",
    ]  # fmt: skip


def test_many_rows_are_inserted(call: Any):
    assert call("many") == [40, sum(range(10, 50))]


def test_a_refusal_leaves_a_usable_session(call: Any):
    assert call("refusals") == [["42883", "42P01", "0A000"], 1]


def test_a_rollback_takes_rows_back(call: Any):
    assert call("rollback") == [2]


def test_tables_and_columns_are_listed(call: Any):
    assert call("metadata") == [["t"], ["a", "b"]]


def test_a_parquet_object_is_copied(call: Any, store: ObjectStore):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2]}), buffer)
    key = f"load/{uuid.uuid4().hex}.parquet"
    store.put(key, buffer.getvalue())
    assert call("copy", url=f"s3://{store.bucket_of(key)}/{key}", role=launch.COPY_ROLE) == [1, 2]


def test_a_large_result_comes_whole(call: Any):
    assert call("large") == 100_000
