"""awswrangler 3.17.1, over redshift_connector and S3: frames in and out."""

import uuid
from typing import Any

import pytest

from clients.storage.objects import ObjectStore
from sandbox import objectstore
from sandbox.redshift import launch
from tests.redshift_clients.client import driver

pytestmark = pytest.mark.redshift_client
ONE = ["1", "one", "1.5", "2026-01-02 03:04:05", "True"]
ZWEI = ["2", "zwei", "2.25", "2026-06-07 08:09:10", "False"]
TWO = ["2", "two", "1.5", "2026-01-02 03:04:05", "True"]
THREE = ["3", "three", "2.25", "2026-06-07 08:09:10", "False"]


@pytest.fixture
def call(redshift_database: str, store: ObjectStore, s3_address: Any) -> Any:
    own = uuid.uuid4().hex
    bucket = store.bucket_of(f"load/{own}")
    given = {
        "endpoint": s3_address.endpoint_url,
        "access_key": s3_address.access_key,
        "secret_key": s3_address.secret_key,
        "region": s3_address.region,
        "role": launch.COPY_ROLE,
        "load": f"s3://{bucket}/load/{own}/",
        "unload": f"s3://{bucket}/unload/{own}/",
    }
    return lambda name, **more: driver("awswrangler", name, redshift_database, **given, **more)


def test_a_frame_is_copied_twice(call: Any):
    assert call("copy") == [ONE, ONE, ZWEI, ZWEI]


def test_rows_are_appended_overwritten_and_upserted(call: Any):
    assert call("write") == [{"append": [2, 4], "overwrite": [2]}, [ONE, TWO, THREE]]


def test_each_way_to_overwrite_leaves_the_frame(call: Any):
    assert call("overwrite") == dict.fromkeys(("drop", "cascade", "truncate", "delete"), 2)


def test_a_frame_is_upserted_by_copy_under_a_lock(call: Any):
    assert call("upsert_by_copy") == [ONE, TWO, THREE]


def test_an_upsert_finds_the_key(call: Any):
    assert call("upsert_by_found_key") == [ONE, ZWEI]


def test_a_query_is_unloaded(call: Any):
    assert call("unload") == [[1, "one", 1.5], [2, "zwei", 2.25]]


def test_a_query_is_unloaded_under_a_key(call: Any):
    found = call("unload", options={"kms_key_id": objectstore.KEY_ALIAS, "parallel": False})
    assert found == [[1, "one", 1.5], [2, "zwei", 2.25]]


def test_what_the_stand_in_lacks_is_refused_as_a_gap(call: Any):
    """As docs/redshift-standin.md lists them; a size need not be a whole number."""
    assert call("refused") == {
        "cleanpath": "taken",
        "size": "taken",
        "csv": "Stand-in rule unload-format",
        "partitions": "Stand-in rule unload-format",
    }


def test_keys_stand_for_a_role(call: Any):
    assert call("by_keys") == [ONE, ZWEI]


def test_a_query_and_a_table_are_read(call: Any):
    assert call("read") == [["zwei"], [1, 1], ["name"]]
