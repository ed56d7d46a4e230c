"""S3's and KMS' part of a look at the engine: questions that leave nothing behind."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.config import Config

from clients.storage.data_key import DataKeys, checked_keys
from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.storage.s3_errors import translated_s3
from schemas.errors import UnavailableError
from schemas.security.ids import data_key_key
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
    """Asks for the KMS key, and for the org's data keys.

    Args:
        org: 18 characters.
        address: Of S3 and KMS.
        known: Gives key id -> fingerprint, of the register; raises when it cannot be asked.
    """

    def __init__(self, org: str, address: S3Address, known: Callable[[], Mapping[str, str]]) -> None:
        self._org = org
        self._key = address.place(data_key_key(org)).kms_key_id
        self._kms = aws_client("kms", address, _QUICK)
        self._keys = DataKeys(org, address, ObjectStore(address, _QUICK), _QUICK)
        self._known = known

    def ask(self) -> None:
        """Return when the key makes a data key and opens it, and every data key is what it was.
        Blocks. Raises a `TidegateError` that says why not.
        """
        self._ask_kms()
        try:
            known = self._known()
        except UnavailableError:
            known = {}  # another remote's fault, which is shown as that one's
        checked_keys(self._keys, known)

    def _ask_kms(self) -> None:
        context = {"org": self._org}
        with translated_s3("KMS"):
            made: dict[str, Any] = self._kms.generate_data_key(
                KeyId=self._key, NumberOfBytes=KEY_BYTES, EncryptionContext=context
            )
            self._kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
