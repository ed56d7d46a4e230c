"""S3: whole objects in and out, and the conditional put on which the chain of batches stands.

Every put names the KMS key (SSE-KMS). Calls block; callers run them in threads.
"""

import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from clients.ca_bundle import ca_bundle
from clients.metrics.calls import meter_aws
from clients.storage.object_facts import ObjectEntry, ObjectFacts, hex_checksum
from clients.storage.s3_errors import S3KeyAbsentError, S3KeyTakenError, translated_s3
from schemas.errors import ObjectMissingError, TerminalError, UnavailableError
from schemas.security.data_classes import DataClass, data_class

_SYSTEM = "S3"


@dataclass(frozen=True)
class Place:
    """The bucket of a class of data, and the key that encrypts it."""

    bucket: str
    kms_key_id: str


@dataclass(frozen=True)
class S3Address:
    """Where objects go. `endpoint_url` None is AWS itself; keys None take AWS' own credential
    chain.
    """

    bucket: str
    region: str
    kms_key_id: str
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    kms_endpoint_url: str | None = None
    """None: `endpoint_url`."""
    confirms_puts: bool = True
    """As of the setting of this name."""
    classes: Mapping[DataClass, Place] = field(default_factory=dict, hash=False)
    """Classes of data with a place of their own. Every other has `bucket` and `kms_key_id`."""

    def place(self, key: str) -> Place:
        """The place of an object's key, or of a prefix that names its class."""
        return self.classes.get(data_class(key)) or Place(self.bucket, self.kms_key_id)

    def places(self) -> Mapping[Place, DataClass]:
        """Every place there is, each once, with a class of data that it holds."""
        found = {Place(self.bucket, self.kms_key_id): DataClass.OTHER}
        for kind, place in self.classes.items():
            found.setdefault(place, kind)
        return found


def aws_client(service: str, address: S3Address, changed: Config | None = None) -> Any:
    """A boto3 client of `service` for this address; safe to share between threads.

    `changed`: other times and tries than the engine's own; None: those.
    """
    usual = _config(address)
    client = boto3.client(
        service,
        endpoint_url=(service == "kms" and address.kms_endpoint_url) or address.endpoint_url,
        region_name=address.region,
        aws_access_key_id=address.access_key,
        aws_secret_access_key=address.secret_key,
        config=usual if changed is None else usual.merge(changed),
        verify=ca_bundle("AWS_CA_BUNDLE"),
    )
    meter_aws(client)
    return client


def _config(address: S3Address) -> Config:
    return Config(
        s3={"addressing_style": "path"} if address.endpoint_url else {},
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 3},
        max_pool_connections=32,
        # Puts bring a checksum of their own; a second one per request only costs time.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


class ObjectStore:
    """The objects of one engine: of one bucket, or of a bucket a class of data."""

    def __init__(self, address: S3Address, changed: Config | None = None) -> None:
        """`changed`: as of `aws_client`."""
        self._address = address
        self._confirms = address.confirms_puts
        self._s3 = aws_client("s3", address, changed)

    def bucket_of(self, key: str) -> str:
        """The bucket of an object's key."""
        return self._address.place(key).bucket

    def put(self, key: str, body: bytes) -> None:
        """Write an object, replacing what is there. S3 refuses a body that arrives otherwise than
        it was sent.
        """
        with translated_s3(_SYSTEM):
            self._s3.put_object(**self._request(key, body))

    def put_confirmed(self, key: str, body: bytes, sha256: str) -> None:
        """As `put`, of an object on which others will stand; returns when it is surely there.

        Args:
            key: Of the object.
            body: Its bytes.
            sha256: Their SHA-256, hex; S3 keeps it with the object.

        Raises:
            UnavailableError: S3 has acknowledged the object and does not show it.
        """
        digest = b64encode(bytes.fromhex(sha256)).decode()
        with translated_s3(_SYSTEM):
            self._s3.put_object(**self._stored(key, body), ChecksumAlgorithm="SHA256", ChecksumSHA256=digest)
        if not self._confirms:
            return
        facts = self.facts(key)
        if facts is None or facts.size != len(body) or facts.sha256 not in (None, sha256):
            raise UnavailableError(
                system=_SYSTEM,
                detail=f"{key} was acknowledged, and is not there as it was sent; see whether the store has room",
            )

    def facts(self, key: str) -> ObjectFacts | None:
        """Size and kept checksum of an object; None when there is none."""
        try:
            with translated_s3(_SYSTEM):
                found = self._s3.head_object(Bucket=self.bucket_of(key), Key=key, ChecksumMode="ENABLED")
        except S3KeyAbsentError:
            return None
        return ObjectFacts(int(found["ContentLength"]), hex_checksum(found.get("ChecksumSHA256")))

    def create(self, key: str, body: bytes) -> bool:
        """Write an object only if the key is free; False when it is taken. Of two callers exactly
        one gets True.
        """
        try:
            with translated_s3(_SYSTEM):
                self._s3.put_object(**self._request(key, body), IfNoneMatch="*")
        except S3KeyTakenError:
            return False
        return True

    def get(self, key: str) -> bytes:
        """The object's bytes; raises `ObjectMissingError`."""
        found = self.find(key)
        if found is None:
            raise ObjectMissingError(bucket=self.bucket_of(key), key=key)
        return found

    def find(self, key: str) -> bytes | None:
        """The object's bytes, or None when there is none."""
        try:
            with translated_s3(_SYSTEM):
                body: bytes = self._s3.get_object(Bucket=self.bucket_of(key), Key=key)["Body"].read()
                return body
        except S3KeyAbsentError:
            return None

    def size(self, key: str) -> int | None:
        """The object's bytes counted, or None when there is none."""
        try:
            with translated_s3(_SYSTEM):
                return int(self._s3.head_object(Bucket=self.bucket_of(key), Key=key)["ContentLength"])
        except S3KeyAbsentError:
            return None

    def modified_at(self, key: str) -> datetime | None:
        """When the object was written, or None when there is none."""
        try:
            with translated_s3(_SYSTEM):
                found: datetime = self._s3.head_object(Bucket=self.bucket_of(key), Key=key)["LastModified"]
                return found
        except S3KeyAbsentError:
            return None

    def part(self, key: str, first: int, last: int) -> bytes:
        """Bytes `first` to `last` of an object, both included; raises `ObjectMissingError`."""
        try:
            with translated_s3(_SYSTEM):
                found = self._s3.get_object(
                    Bucket=self.bucket_of(key), Key=key, Range=f"bytes={first}-{last}"
                )
                body: bytes = found["Body"].read()
                return body
        except S3KeyAbsentError as error:
            raise ObjectMissingError(bucket=self.bucket_of(key), key=key) from error

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens when there is none."""
        with translated_s3(_SYSTEM):
            self._s3.delete_object(Bucket=self.bucket_of(key), Key=key)

    def purge(self, key: str) -> int:
        """Delete every version of an object, and the marks of deletions; returns how many there
        were. Without versioning that is the object itself.
        """
        count = self._delete_versions(key)
        if not count:
            self.delete(key)
        return count

    def drop_former_versions(self, key: str) -> int:
        """Delete every version of an object but the latest; returns how many there were."""
        return self._delete_versions(key, only_former=True)

    def _delete_versions(self, key: str, *, only_former: bool = False) -> int:
        with translated_s3(_SYSTEM):
            pages = self._s3.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket_of(key), Prefix=key
            )
            found = [
                {"Key": key, "VersionId": entry["VersionId"]}
                for page in pages
                for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
                if entry["Key"] == key and not (only_former and entry["IsLatest"])
            ]
            for each in found:
                self._s3.delete_object(Bucket=self.bucket_of(key), **each)
        return len(found)

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete up to a thousand objects with one call; those that are not there do not matter.
        Raises `TerminalError` when one stays.
        """
        listed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with translated_s3(_SYSTEM):
            answer = self._s3.delete_objects(Bucket=self.bucket_of(keys[0]), Delete=listed)
        if refused := answer.get("Errors", []):
            first = refused[0]
            raise TerminalError(
                f"{_SYSTEM} deletes {len(refused)} of {len(keys)} objects not: {first.get('Key')}, {first.get('Code')}. "
                "Allow the engine's role s3:DeleteObject."
            )

    def entries(self, prefix: str, *, after: str = "") -> Iterator[ObjectEntry]:
        """As `keys`, with age and size."""
        with translated_s3(_SYSTEM):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket_of(prefix), Prefix=prefix, StartAfter=after
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    yield ObjectEntry(entry["Key"], entry["LastModified"], entry["Size"])

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Keys under `prefix` in byte order, those after the key `after` only. The prefix names its
        class of data.
        """
        return (entry.key for entry in self.entries(prefix, after=after))

    def listed(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, int]]:
        """As `keys`, each with the object's size."""
        return ((entry.key, entry.bytes) for entry in self.entries(prefix, after=after))

    def _request(self, key: str, body: bytes) -> dict[str, Any]:
        crc = zlib.crc32(body).to_bytes(4, "big")
        # Named as well as given: some stores check only what is named.
        checksum = {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": b64encode(crc).decode()}
        return {**self._stored(key, body), **checksum}

    def _stored(self, key: str, body: bytes) -> dict[str, Any]:
        place = self._address.place(key)
        return {
            "Bucket": place.bucket,
            "Key": key,
            "Body": body,
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": place.kms_key_id,
        }
