"""S3's and KMS' part of a look at the engine: questions that leave nothing behind."""

from typing import Any

from botocore.config import Config

from clients.storage.objects import S3Address, aws_client, translated_s3
from schemas.ids import data_key_key
from schemas.status import LOOK_SECONDS
from transforms.pii import KEY_BYTES

_QUICK = Config(
    connect_timeout=LOOK_SECONDS,
    read_timeout=LOOK_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 1},
)
"""A thread that asks ends by itself soon after nobody waits for it any more."""


class BucketLook:
    """Asks for the bucket, or for each where data classes have their own."""

    def __init__(self, address: S3Address) -> None:
        self._buckets = tuple(dict.fromkeys(place.bucket for place in address.places()))
        self._s3 = aws_client("s3", address, _QUICK)

    def ask(self) -> None:
        """Return when every bucket answers. Blocks. Raises a `TidegateError` that says why not."""
        with translated_s3("S3"):
            for bucket in self._buckets:
                self._s3.list_objects_v2(Bucket=bucket, MaxKeys=1, Prefix="keys/")


class KeyLook:
    """Asks for the key."""

    def __init__(self, org: str, address: S3Address) -> None:
        self._org = org
        self._key = address.place(data_key_key(org)).kms_key_id
        self._kms = aws_client("kms", address, _QUICK)

    def ask(self) -> None:
        """Return when the key makes a data key and opens it. Blocks. Raises a `TidegateError` that
        says why not.
        """
        context = {"org": self._org}
        with translated_s3("KMS"):
            made: dict[str, Any] = self._kms.generate_data_key(
                KeyId=self._key, NumberOfBytes=KEY_BYTES, EncryptionContext=context
            )
            self._kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
