"""A bucket and a key a class of data."""

import uuid
from typing import Any

import pytest

from clients.storage.data_key import org_data_key
from clients.storage.objects import ObjectStore
from clients.writeback.rows_apart import rows_apart
from schemas import ids
from schemas.security.data_classes import DataClass, data_class
from schemas.security.ids import data_key_key
from schemas.settings.services import S3Settings
from schemas.writeback.files import FileFormat
from workers.addresses import s3_address

pytestmark = pytest.mark.service

CLASSES = ("raw", "staged", "keys", "intake", "archive")


@pytest.fixture
def settings(aws: Any, aws_port: int) -> S3Settings:
    """A bucket and a key for every class, and for the rest."""
    mark = uuid.uuid4().hex[:8]
    kms = aws("kms")
    made = {}
    for name in ("rest", *CLASSES):
        aws("s3").create_bucket(
            Bucket=f"{name}-{mark}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        made[name] = {"bucket": f"{name}-{mark}", "kms_key_id": kms.create_key()["KeyMetadata"]["KeyId"]}
    rest = made.pop("rest")
    return S3Settings(
        **rest,
        **made,
        endpoint_url=f"http://127.0.0.1:{aws_port}",
        access_key="tests",
        secret_key="tests",
        region="eu-central-1",
    )


def test_every_object_is_in_the_bucket_of_its_class_and_under_its_key(settings: S3Settings, aws: Any) -> None:
    store = ObjectStore(s3_address(settings))
    keys = {
        "raw": ids.manifest_key("o", "lane", "7"),
        "staged": ids.staged_key("o", "lane", "7", "case"),
        "intake": f"{ids.intake_prefix('o')}file.csv",
        "archive": "archive/o/2026.parquet",
        "rest": ids.describe_key("o", "Case"),
    }
    for name, key in keys.items():
        assert store.create(key, b"x")
        place = settings if name == "rest" else getattr(settings, name)
        head = aws("s3").head_object(Bucket=place.bucket, Key=key)
        assert head["SSEKMSKeyId"].rpartition("/")[2] == place.kms_key_id
        assert store.get(key) == b"x"
        assert list(store.keys(key.rpartition("/")[0] + "/")) == [key]
    assert store.size(keys["raw"]) == 1
    store.delete(keys["raw"])
    assert store.find(keys["raw"]) is None


def test_the_data_key_is_wrapped_by_the_key_of_its_class(settings: S3Settings, aws: Any) -> None:
    address = s3_address(settings)
    made = org_data_key("o", address, ObjectStore(address))
    assert org_data_key("o", address, ObjectStore(address)).key == made.key
    assert aws("s3").head_object(Bucket=settings.keys.bucket, Key=data_key_key("o"))
    assert settings.keys.kms_key_id == address.place(data_key_key("o")).kms_key_id


def test_a_file_of_writebacks_is_read_from_the_bucket_of_its_class(settings: S3Settings, aws: Any) -> None:
    address, key = s3_address(settings), f"{ids.intake_prefix('o')}billing/day.csv"
    aws("s3").put_object(Bucket=settings.intake.bucket, Key=key, Body=b"external_id,Status\nC-1,Decided\n")
    (rows,) = rows_apart(address, key, FileFormat.CSV)
    assert [each.row for each in rows] == [{"external_id": "C-1", "Status": "Decided"}]


def test_one_bucket_for_all_is_the_default() -> None:
    address = s3_address(S3Settings(bucket="b", kms_key_id="k", region="r"))
    assert {(place.bucket, place.kms_key_id) for place in address.places()} == {("b", "k")}
    assert address.place("raw/o/l/x").bucket == "b"


def test_a_class_may_have_a_key_of_its_own_in_the_bucket_of_all() -> None:
    given = {"bucket": "b", "kms_key_id": "k", "region": "r", "raw": {"kms_key_id": "raw-key"}}
    place = s3_address(S3Settings.model_validate(given)).place("raw/o/l/x")
    assert (place.bucket, place.kms_key_id) == ("b", "raw-key")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("raw/o/", DataClass.RAW),
        ("chain/o/l/", DataClass.RAW),
        ("rawish/o", DataClass.OTHER),
        ("load/x.parquet", DataClass.STAGED),
        ("jobs/o/l", DataClass.OTHER),
        ("anchors/o/", DataClass.ARCHIVE),
    ],
)
def test_the_first_part_of_a_key_is_its_class(key: str, expected: DataClass) -> None:
    assert data_class(key) is expected


@pytest.mark.parametrize(
    ("environment", "given", "expected"),
    [
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, None, "a"),
        ({"AWS_DEFAULT_REGION": "b"}, None, "b"),
        ({"AWS_REGION": "a"}, "c", "c"),
    ],
)
def test_the_region_is_the_settings_then_the_environments(
    environment: dict[str, str], given: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert s3_address(S3Settings(bucket="b", kms_key_id="k", region=given)).region == expected
