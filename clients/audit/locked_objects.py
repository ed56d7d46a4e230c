"""S3 Object Lock: objects that nobody can overwrite or delete before their time.

A locked object is a version. Somebody may still put another version over it, or a delete marker;
so the first version of a key is the one that counts, and others are a sign of tampering.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from clients.storage.objects import S3Address, aws_client
from clients.storage.s3_errors import translated_s3

_MOST_KEYS = 1_000
"""Keys of one page of a listing.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
"""


@dataclass(frozen=True)
class LockedObject:
    """A key and its first version."""

    key: str
    version: str
    is_overlaid: bool
    """Somebody has put another version, or a delete marker, over it."""


class LockedObjects:
    """The objects of one bucket with Object Lock. Its methods block; threads may share it."""

    def __init__(self, address: S3Address, bucket: str) -> None:
        self.bucket = bucket
        self._s3: Any = aws_client("s3", replace(address, bucket=bucket))
        self._kms_key_id = address.kms_key_id

    def create(self, key: str, body: bytes, *, days: int) -> bool:
        """Write an object that stays for so many days; False when its key is taken."""
        if next(self.versions(key), None) is not None:
            return False  # a delete marker over it would let a conditional put through
        until = datetime.now(UTC) + timedelta(days=days)
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        with translated_s3("S3"):
            self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=self._kms_key_id,
                ChecksumSHA256=checksum,
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=until,
            )
        return True

    def get(self, found: LockedObject) -> bytes:
        """The first version's bytes."""
        with translated_s3("S3"):
            answer = self._s3.get_object(Bucket=self.bucket, Key=found.key, VersionId=found.version)
            body: bytes = answer["Body"].read()
            return body

    def is_locked(self, found: LockedObject) -> bool:
        """True when the first version cannot be deleted before its time."""
        with translated_s3("S3"):
            head = self._s3.head_object(Bucket=self.bucket, Key=found.key, VersionId=found.version)
        until = head.get("ObjectLockRetainUntilDate")
        return head.get("ObjectLockMode") == "COMPLIANCE" and until is not None and until > datetime.now(UTC)

    def keys_after(self, prefix: str, after: str) -> list[str]:
        """Up to a page of keys under `prefix` that come after the key `after`, in order."""
        with translated_s3("S3"):
            page = self._s3.list_objects_v2(
                Bucket=self.bucket, Prefix=prefix, StartAfter=after, MaxKeys=_MOST_KEYS
            )
        return [entry["Key"] for entry in page.get("Contents", [])]

    def versions(self, prefix: str) -> Iterator[LockedObject]:
        """Every key under `prefix` in order, hidden ones included."""
        for key, some in groupby(self._entries(prefix), key=lambda each: str(each[0])):
            entries = list(some)
            kept = [each for each in entries if each[3]]
            if kept:
                first = min(kept, key=lambda each: each[2])
                yield LockedObject(key, str(first[1]), is_overlaid=len(entries) > 1)

    def _entries(self, prefix: str) -> Iterator[tuple[str, str, datetime, bool]]:
        """Key, version, time, and whether it is an object and no delete marker; by key."""
        with translated_s3("S3"):
            for page in self._s3.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=prefix
            ):
                listed = [
                    (each["Key"], each["VersionId"], each["LastModified"], kind == "Versions")
                    for kind in ("Versions", "DeleteMarkers")
                    for each in page.get(kind, [])
                ]
                yield from sorted(listed, key=lambda each: each[0])
