"""Doctor advises how COPY can read the bucket and UNLOAD write to it, by the words of Redshift."""

import pytest

from clients.doctor.redshift_copy import remedy_of_copy
from clients.doctor.redshift_unload import remedy_of_unload
from clients.storage.objects import S3Address

ADDRESS = S3Address(bucket="raw", region="eu-central-1", kms_key_id="alias/tidegate")


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        (
            "User arn:aws:redshift is not authorized to assume IAM Role arn:role",
            "Attach arn:role to the cluster",
        ),
        (
            "S3ServiceException:The bucket is in this region: eu-west-1.,Status 301,Error PermanentRedirect",
            "raw is in eu-central-1",
        ),
        ("S3ServiceException: not authorized to perform: kms:Decrypt", "kms:Decrypt on alias/tidegate"),
        ("S3ServiceException:Access Denied,Status 403", "s3:GetObject and s3:ListBucket on raw"),
    ],
)
def test_the_advice_goes_by_what_redshift_says(told: str, advice: str) -> None:
    assert advice in remedy_of_copy(told, "raw", ADDRESS, "arn:role")


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ("is not authorized to assume IAM Role arn:role", "Attach arn:role to the cluster"),
        ("S3ServiceException:The bucket is in this region: eu-west-1.,Status 301", "raw is in eu-central-1"),
        ("not authorized to perform: kms:GenerateDataKey", "kms:GenerateDataKey on alias/tidegate"),
        ("S3ServiceException:Access Denied,Status 403", "s3:PutObject on raw/unload/*"),
    ],
)
def test_the_advice_on_unload_goes_by_what_redshift_says(told: str, advice: str) -> None:
    remedy = remedy_of_unload(told, "raw", ADDRESS, "arn:role")
    assert advice in remedy
    assert "read by pages" in remedy
