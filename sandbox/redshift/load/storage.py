"""The object store, and the roles that may use it."""

import fnmatch
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.rule import rule

ROLE = rule(
    "unknown-role",
    "loads",
    "The role must be attached to the cluster, and trust it.",
    "copy-parameters-authorization",
    "XX000",
)
FORBIDDEN = rule(
    "role-rights",
    "loads",
    "The role must be allowed to read, list or write the objects.",
    "copy-usage_notes-access-permissions",
    "XX000",
)
NO_OBJECTS = rule(
    "no-objects",
    "loads",
    "COPY needs one object at least under its prefix.",
    "t_loading-tables-from-s3",
    "XX000",
)
NO_BUCKET = rule(
    "no-bucket",
    "loads",
    "The bucket must exist, in the cluster's region.",
    "copy-parameters-data-source-s3",
    "XX000",
)


BY_KEYS = "keys:"
"""Begins the name that keys have instead of a role's ARN; the key's id and its secret follow."""


@dataclass(frozen=True)
class Role:
    """A role of the cluster. `reads` and `writes`: patterns of bucket/key, such as
    `tidegate/load/*`.
    """

    arn: str
    reads: tuple[str, ...] = ("*",)
    writes: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class StorageAddress:
    """Where S3 is."""

    endpoint_url: str | None
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


class Storage:
    """S3 as the cluster's roles see it. Blocks."""

    def __init__(self, address: StorageAddress, roles: tuple[Role, ...]) -> None:
        self._address = address
        self._roles = {role.arn: role for role in roles}
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=address.endpoint_url,
            region_name=address.region,
            aws_access_key_id=address.access_key,
            aws_secret_access_key=address.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def role(self, arn: str) -> Role:
        """The role; `default` is the first one. Keys give the rights of their owner, who may do
        everything. Raises `RefusedError`.
        """
        if arn.startswith(BY_KEYS):
            if arn != f"{BY_KEYS}{self._address.access_key}:{self._address.secret_key}":
                raise RefusedError(
                    FORBIDDEN,
                    "S3ServiceException: The AWS Access Key Id you provided does not exist in our records., Status 403, "
                    "Error InvalidAccessKeyId",
                )
            return Role(BY_KEYS)
        if arn == "default" and self._roles:
            return next(iter(self._roles.values()))
        if arn not in self._roles:
            raise RefusedError(
                ROLE,
                f"User arn:aws:redshift:us-east-1:000000000000:dbuser:stand-in is not authorized to assume IAM Role {arn}",
            )
        return self._roles[arn]

    def keys(self, bucket: str, prefix: str, role: Role) -> list[str]:
        """The keys that begin with the prefix. Raises `RefusedError` when there is none."""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        except (ClientError, BotoCoreError) as error:
            raise RefusedError(NO_BUCKET, f"S3ServiceException: {error}") from error
        found = [key for key in found if not key.endswith("/")]
        if not found:
            raise RefusedError(NO_OBJECTS, f"The specified S3 prefix '{prefix}' does not exist")
        for key in found:
            _allow(role.reads, f"{bucket}/{key}", "GetObject")
        return found

    def read(self, bucket: str, key: str) -> bytes:
        """One object. Raises `RefusedError`."""
        try:
            return bytes(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except (ClientError, BotoCoreError) as error:
            raise RefusedError(NO_OBJECTS, f"S3ServiceException: {error}") from error

    def exists(self, bucket: str, prefix: str) -> bool:
        """True when some key begins with the prefix."""
        found = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return bool(found.get("Contents"))

    def clean(self, bucket: str, prefix: str, role: Role) -> None:
        """Delete what is under the prefix, where the role may write."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                _allow(role.writes, f"{bucket}/{entry['Key']}", "DeleteObject")
                self._client.delete_object(Bucket=bucket, Key=entry["Key"])

    def write(self, bucket: str, key: str, body: bytes, role: Role, kms_key_id: str = "") -> None:
        """One object. `kms_key_id`: empty = the bucket's own encryption."""
        _allow(role.writes, f"{bucket}/{key}", "PutObject")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        self._client.put_object(Bucket=bucket, Key=key, Body=body, **encryption)


def _allow(patterns: tuple[str, ...], path: str, action: str) -> None:
    if not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
        raise RefusedError(
            FORBIDDEN,
            f"S3ServiceException: Access Denied (s3:{action} on {path}), Status 403, Error AccessDenied",
        )
