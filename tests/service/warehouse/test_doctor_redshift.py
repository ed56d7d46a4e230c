"""Doctor tries COPY and UNLOAD with the role that the engine would use, before the stand-in."""

import pytest

from clients.doctor.warehouse import WarehouseAddress, examine_warehouse
from clients.storage.objects import ObjectStore, S3Address
from sandbox.redshift import launch
from schemas.catalogue import default_catalogue
from schemas.doctor import CheckResult

pytestmark = pytest.mark.service
LOADS = ("warehouse.copy", "warehouse.unload", "warehouse.no_copy", "warehouse.no_unload")


def found(dsn: str, bucket: S3Address, role: str) -> dict[str, CheckResult]:
    address = WarehouseAddress("redshift", dsn, bucket, role)
    return {each.code: each for each in examine_warehouse(address, default_catalogue()) if each.code in LOADS}


def left_in(store: ObjectStore) -> set[str]:
    """Keys where a question of doctor may leave something."""
    return {key for folder in ("load/doctor", "unload/") for key in store.keys(folder)}


def test_a_role_with_all_rights_is_well(redshift_database: str, s3_address: S3Address, store: ObjectStore):
    before = left_in(store)
    told = found(redshift_database, s3_address, launch.COPY_ROLE)
    assert {code: each.state for code, each in told.items()} == {
        "warehouse.copy": "ok",
        "warehouse.unload": "ok",
    }
    assert left_in(store) <= before


def test_everything_that_is_asked_of_the_stand_in_is_answered(redshift_database: str, s3_address: S3Address):
    address = WarehouseAddress("redshift", redshift_database, s3_address, launch.COPY_ROLE)
    assert {each.state for each in examine_warehouse(address, default_catalogue())} == {"ok"}


def test_a_role_that_may_not_write_is_a_warning_with_the_right_to_give(
    redshift_database: str, s3_address: S3Address
):
    told = found(redshift_database, s3_address, launch.LOAD_ROLE)
    assert {code: each.state for code, each in told.items()} == {
        "warehouse.copy": "ok",
        "warehouse.no_unload": "warning",
    }
    remedy = told["warehouse.no_unload"].remedy
    assert f"Allow {launch.LOAD_ROLE} s3:PutObject on {s3_address.bucket}/unload/*" in remedy


def test_a_role_that_is_not_attached_is_named_by_both(redshift_database: str, s3_address: S3Address):
    told = found(redshift_database, s3_address, "arn:aws:iam::000000000000:role/nobody")
    assert told.keys() == {"warehouse.no_copy", "warehouse.no_unload"}
    assert all("Attach arn:aws:iam::000000000000:role/nobody" in each.remedy for each in told.values())
