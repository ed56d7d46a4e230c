"""The archive's bucket: objects under Object Lock in COMPLIANCE mode, which nobody can delete or
shorten before their time, and their versions.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from clients.storage.objects import ObjectStore, S3Address, aws_client
from clients.storage.s3_errors import S3KeyAbsentError, translated_s3
from schemas.errors import CredentialsRejectedError, ObjectMissingError, SettingsError, TerminalError

_SYSTEM = "S3"
MODE = "COMPLIANCE"
_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchBucket", "InvalidRequest"}


class Lock(NamedTuple):
    """The lock of one version."""

    mode: str
    until: datetime

    def holds_until(self, at: datetime) -> bool:
        """True when nobody can delete the version before `at`. S3 keeps whole milliseconds."""
        return self.mode == MODE and (at - self.until).total_seconds() < 1


class Version(NamedTuple):
    """One version of an object."""

    key: str
    version_id: str


class ArchiveStore:
    """The objects of the archive. Its methods block."""

    def __init__(self, address: S3Address) -> None:
        """`address`: of the archive's bucket."""
        self.bucket = address.bucket
        self._kms_key_id = address.kms_key_id
        self._s3 = aws_client("s3", address)
        self.objects = ObjectStore(address)

    def check(self) -> None:
        """Return when the bucket has Object Lock; raise `SettingsError` that says what to do."""
        try:
            with translated_s3(_SYSTEM):
                found = self._s3.get_object_lock_configuration(Bucket=self.bucket)
        except TerminalError as error:
            cause = error.__cause__
            code = cause.response.get("Error", {}).get("Code", "") if isinstance(cause, ClientError) else ""
            if code not in _NO_LOCK:
                raise
            raise SettingsError(self._remedy()) from error
        if found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise SettingsError(self._remedy())

    def put_once(self, key: str, body: bytes, sha256: str, until: datetime) -> str | None:
        """As `put_locked`, unless the object is there with these bytes and that lock; returns its
        version.
        """
        try:
            with translated_s3(_SYSTEM):
                found = self._s3.head_object(Bucket=self.bucket, Key=key)
        except S3KeyAbsentError:
            return self.put_locked(key, body, until, sha256)
        lock = _lock(found)
        if found.get("Metadata", {}).get("sha256") == sha256 and lock is not None and lock.holds_until(until):
            version: str | None = found.get("VersionId")
            return version
        return self.put_locked(key, body, until, sha256)

    def put_locked(self, key: str, body: bytes, until: datetime, sha256: str = "") -> str | None:
        """Write an object that is locked until a time; returns its version."""
        with translated_s3(_SYSTEM):
            made = self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=self._kms_key_id,
                Metadata={"sha256": sha256} if sha256 else {},
                ObjectLockMode=MODE,
                ObjectLockRetainUntilDate=until.astimezone(UTC),
                # A lock needs a checksum with the request (S3 API reference, PutObject).
                ChecksumAlgorithm="SHA256",
            )
        version: str | None = made.get("VersionId")
        return version

    def get(self, key: str, version_id: str | None = None) -> bytes:
        """The object's bytes, of one version or the last one; raises `ObjectMissingError`."""
        which = {} if version_id is None else {"VersionId": version_id}
        try:
            body: bytes = self._s3.get_object(Bucket=self.bucket, Key=key, **which)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "NoSuchVersion", "404"}:
                raise ObjectMissingError(bucket=self.bucket, key=key) from error
            with translated_s3(_SYSTEM):
                raise
        return body

    def get_checked(self, key: str, version_id: str | None, sha256: str) -> bytes:
        """As `get`; raises `TerminalError` when it is not what was written."""
        body = self.get(key, version_id)
        if hashlib.sha256(body).hexdigest() != sha256:
            raise TerminalError(
                f"{self.bucket}/{key} is not the file that was archived: its SHA-256 differs. Read an earlier version, "
                "and find out who could write to the bucket."
            )
        return body

    def lock_of(self, key: str, version_id: str | None = None) -> Lock | None:
        """The lock of a version; None when it has none."""
        which = {} if version_id is None else {"VersionId": version_id}
        with translated_s3(_SYSTEM):
            return _lock(self._s3.head_object(Bucket=self.bucket, Key=key, **which))

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every version and delete marker below a prefix."""
        with translated_s3(_SYSTEM):
            pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                    yield Version(entry["Key"], entry["VersionId"])

    def delete_version(self, version: Version) -> None:
        """Delete a version for good; raises `TerminalError` while it is locked."""
        try:
            with translated_s3(_SYSTEM):
                self._s3.delete_object(Bucket=self.bucket, Key=version.key, VersionId=version.version_id)
        except CredentialsRejectedError as error:
            lock = self.lock_of(version.key, version.version_id)
            if lock is None:
                raise
            raise TerminalError(
                f"{version.key} is locked until {lock.until:%Y-%m-%d %H:%M} ({lock.mode}), and S3 deletes it no sooner."
            ) from error

    def _remedy(self) -> str:
        return (
            f"The archive's bucket {self.bucket} is missing or has no Object Lock, so what is archived could be deleted. "
            f"Make it: aws s3api create-bucket --bucket {self.bucket} --object-lock-enabled-for-bucket; "
            "or name another in TIDEGATE_RETENTION__ARCHIVE_BUCKET. Nothing was archived."
        )


def _lock(found: dict[str, Any]) -> Lock | None:
    mode, until = found.get("ObjectLockMode"), found.get("ObjectLockRetainUntilDate")
    return None if mode is None or until is None else Lock(mode, _moment(until))


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(str(value).replace("Z", "+00:00")).astimezone(UTC)
