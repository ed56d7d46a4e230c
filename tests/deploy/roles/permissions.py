"""Which permissions of IAM one call of S3 or KMS takes.

A place is a key prefix behind the class of its bucket (`raw/chain/ORG`), a bucket (`raw`), or a key
(`key raw`). ORG stands for the deployment's org.

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

_ABSENT = 404
_BUCKET_ACTIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
}
_READS = {"GetObject", "HeadObject"}
_DELETES = {"DeleteObject", "DeleteObjects"}
_KEY_ACTIONS = {"GenerateDataKeyWithoutPlaintext", "GenerateDataKey", "Decrypt", "Sign", "GetPublicKey"}


class Permission(NamedTuple):
    """An action of IAM on a place."""

    action: str
    place: str


@dataclass(frozen=True)
class Call:
    """One call with its answer."""

    operation: str
    parameters: Mapping[str, Any]
    answer: Mapping[str, Any]
    status: int


@dataclass(frozen=True)
class Deployed:
    """The names of a deployment whose calls are recorded."""

    org: str
    buckets: Mapping[str, str]
    """Name -> class."""
    keys: Mapping[str, str]
    """Id -> class."""

    def permissions(self, call: Call) -> Iterator[Permission]:
        """The questions to IAM that AWS would put for it."""
        if call.operation in _KEY_ACTIONS:
            # Decrypt names no key: the answer does.
            asked = call.answer.get("KeyId") or call.parameters.get("KeyId", "")
            yield Permission(f"kms:{call.operation}", self._key(asked))
        elif call.operation in _BUCKET_ACTIONS:
            yield Permission(_BUCKET_ACTIONS[call.operation], self._bucket(call))
        elif call.operation in _READS:
            yield from self._of_read(call)
        elif call.operation in _DELETES:
            yield from self._of_delete(call)
        elif call.operation == "PutObject":
            yield from self._of_write(call)
        else:
            message = f"{call.operation}: say in tests/deploy/roles/permissions.py which permissions it takes"
            raise LookupError(message)

    def _of_read(self, call: Call) -> Iterator[Permission]:
        versioned = "Version" if "VersionId" in call.parameters else ""
        yield Permission(f"s3:GetObject{versioned}", self._place(call, call.parameters["Key"]))
        if call.status == _ABSENT:
            # Without it S3 answers 403 for what is not there, which the engine takes for an error.
            yield Permission("s3:ListBucket", self._bucket(call))
        if call.answer.get("ObjectLockMode"):
            # S3 leaves the lock out of the answer otherwise.
            yield Permission("s3:GetObjectRetention", self._place(call, call.parameters["Key"]))
        if key := call.answer.get("SSEKMSKeyId"):
            yield Permission("kms:Decrypt", self._key(key))

    def _of_write(self, call: Call) -> Iterator[Permission]:
        place = self._place(call, call.parameters["Key"])
        yield Permission("s3:PutObject", place)
        if "ObjectLockMode" in call.parameters:
            yield Permission("s3:PutObjectRetention", place)
        if key := call.parameters.get("SSEKMSKeyId"):
            yield Permission("kms:GenerateDataKey", self._key(key))

    def _of_delete(self, call: Call) -> Iterator[Permission]:
        listed = call.parameters.get("Delete", {}).get("Objects", [call.parameters])
        for each in listed:
            versioned = "Version" if "VersionId" in each else ""
            yield Permission(f"s3:DeleteObject{versioned}", self._place(call, each["Key"]))

    def _bucket(self, call: Call) -> str:
        return self.buckets[call.parameters["Bucket"]]

    def _place(self, call: Call, key: str) -> str:
        first, _, rest = key.partition("/")
        mark = "/ORG" if rest.startswith(f"{self.org}/") else ""
        return f"{self._bucket(call)}/{first}{mark}"

    def _key(self, key_id: str) -> str:
        return f"key {self.keys[key_id.rpartition('/')[2]]}"


Permissions = dict[str, set[Permission]]
"""Role -> its permissions, as seen or as granted."""


def as_yaml(found: Mapping[str, Iterable[Permission]]) -> str:
    """Role -> action -> places, in order."""
    tree: dict[str, dict[str, list[str]]] = {}
    for role, permissions in found.items():
        places = defaultdict(list)
        for each in sorted(permissions):
            places[each.action].append(each.place)
        tree[role] = dict(places)
    return yaml.safe_dump(tree, sort_keys=False, width=110)


def from_yaml(text: str) -> Permissions:
    """The other way."""
    return {
        role: {Permission(action, place) for action, places in actions.items() for place in places}
        for role, actions in yaml.safe_load(text).items()
    }
