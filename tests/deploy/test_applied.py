"""Buckets and keys as an AWS emulator has them after `terraform apply`: what is there counts, not
the text.
"""

import pytest
from botocore.exceptions import ClientError

from tests.deploy.applied import ORG, Applied

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize(("kind", "prefix"), [("raw", "raw/"), ("staged", "staged/")])
def test_age_alone_ends_no_file_that_a_batch_may_need(applied: Applied, kind: str, prefix: str) -> None:
    rules = applied.client("s3").get_bucket_lifecycle_configuration(Bucket=applied.bucket(kind))["Rules"]
    expiring = {rule["Filter"].get("Prefix") for rule in rules if "Expiration" in rule}
    former = {
        rule["Filter"].get("Prefix"): rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules
        if "NoncurrentVersionExpiration" in rule
    }
    assert not {each for each in expiring if prefix.startswith(each or "")}
    assert former[prefix] == 7


def test_nothing_expires_keys(applied: Applied) -> None:
    rules = applied.client("s3").get_bucket_lifecycle_configuration(Bucket=applied.bucket("keys"))["Rules"]
    assert [rule for rule in rules if "Expiration" in rule or "NoncurrentVersionExpiration" in rule] == []


def test_the_archive_is_locked_for_seven_years(applied: Applied) -> None:
    answer = applied.client("s3").get_object_lock_configuration(Bucket=applied.bucket("archive"))
    retention = answer["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("COMPLIANCE", 2557)


def test_a_locked_version_cannot_be_deleted(applied: Applied) -> None:
    s3, bucket = applied.client("s3"), applied.bucket("archive")
    version = s3.put_object(Bucket=bucket, Key=f"archive/{ORG}/x", Body=b"x")["VersionId"]
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=bucket, Key=f"archive/{ORG}/x", VersionId=version)


def test_every_bucket_is_encrypted_by_the_key_of_its_class_and_closed_to_the_public(applied: Applied) -> None:
    s3, keys = applied.client("s3"), applied.outputs["keys"]
    expected = {
        "raw": "raw",
        "staged": "raw",
        "work": "pii",
        "keys": "pii",
        "intake": "raw",
        "archive": "audit",
    }
    for kind, key in expected.items():
        bucket = applied.bucket(kind)
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == keys[key], kind
        assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()), kind
        assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"], kind


def test_every_key_rotates(applied: Applied) -> None:
    kms = applied.client("kms")
    for kind, arn in applied.outputs["keys"].items():
        assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"], kind
