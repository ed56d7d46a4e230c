"""S3 in memory: what the engine's `ObjectStore` asks of a boto3 client, with the conditional put
and the faults that a network adds.
"""

import hashlib
import io
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.storm.death import die
from tests.storm.fate import Fate


@dataclass(frozen=True)
class _Kept:
    body: bytes
    at: datetime
    sha256: str | None


class Objects:
    """The objects of a schedule, by bucket and key."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.kept: dict[str, _Kept] = {}
        self.replaced: list[str] = []
        """Keys that were written again with other bytes."""
        self.created: Callable[[str], None] = lambda _key: None
        """Each key that a conditional put has made is given to it."""

    def keep(self, key: str, body: bytes) -> None:
        """Put an object, past every fault."""
        self.kept[key] = _Kept(body, datetime.now(UTC), None)

    def body(self, key: str) -> bytes:
        """An object's bytes, past every fault."""
        return self.kept[key].body

    def keys(self, prefix: str) -> list[str]:
        """Keys under a prefix, past every fault."""
        return sorted(key for key in self.kept if key.startswith(prefix))

    def digests(self) -> list[str]:
        """Each key with the digest of its bytes, in the order of the keys."""
        return [f"{key} {hashlib.sha256(kept.body).hexdigest()}" for key, kept in sorted(self.kept.items())]


class S3Client:
    """A boto3 client of these objects; every call may fail before its effect, or after."""

    def __init__(self, objects: Objects) -> None:
        self._all = objects

    def put_object(self, *, Key: str, Body: bytes, **asked: Any) -> dict[str, Any]:  # noqa: N803
        is_confirmed = "ChecksumSHA256" in asked
        is_create = asked.get("IfNoneMatch") == "*"
        fault = self._before("create" if is_create else "confirmed" if is_confirmed else "put")
        if fault == "vanishes":
            return {}
        if fault == "again" and self._put(Key, Body, asked, is_create=is_create):
            # The answer was lost, and the SDK itself asks again.
            self._put(Key, Body, asked, is_create=is_create)
        elif fault != "again":
            self._put(Key, Body, asked, is_create=is_create)
        if is_create:
            self._all.created(Key)
        self._after(fault, "put_object")
        return {}

    def get_object(self, *, Key: str, Range: str = "", **_asked: Any) -> dict[str, Any]:  # noqa: N803
        self._before("get")
        kept = self._find(Key, "NoSuchKey")
        body = kept.body
        if Range:
            first, _, last = Range.removeprefix("bytes=").partition("-")
            body = body[int(first) : int(last) + 1]
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}

    def head_object(self, *, Key: str, **_asked: Any) -> dict[str, Any]:  # noqa: N803
        self._before("get")
        kept = self._find(Key, "404")
        found: dict[str, Any] = {"ContentLength": len(kept.body), "LastModified": kept.at}
        return found | ({} if kept.sha256 is None else {"ChecksumSHA256": kept.sha256})

    def delete_object(self, *, Key: str, **_asked: Any) -> dict[str, Any]:  # noqa: N803
        fault = self._before("delete")
        self._all.kept.pop(Key, None)
        self._after(fault, "delete_object")
        return {}

    def delete_objects(self, *, Delete: dict[str, Any], **_asked: Any) -> dict[str, Any]:  # noqa: N803
        fault = self._before("delete")
        for each in Delete["Objects"]:
            self._all.kept.pop(each["Key"], None)
        self._after(fault, "delete_objects")
        return {}

    def get_paginator(self, name: str) -> "_Pages":
        return _Pages(self, name)

    def listed(self, prefix: str, after: str) -> Iterator[dict[str, Any]]:
        """The entries of a list."""
        self._before("list")
        keys = self._all.keys(prefix)
        for key in keys[bisect_right(keys, after) :]:
            kept = self._all.kept[key]
            yield {"Key": key, "LastModified": kept.at, "Size": len(kept.body)}

    def _put(self, key: str, body: bytes, asked: dict[str, Any], *, is_create: bool) -> bool:
        known = self._all.kept.get(key)
        if is_create and known is not None:
            raise _error("PreconditionFailed", 412, "put_object")
        if known is not None and known.body != bytes(body):
            self._all.replaced.append(key)
        self._all.kept[key] = _Kept(bytes(body), datetime.now(UTC), asked.get("ChecksumSHA256"))
        return True

    def _find(self, key: str, absent: str) -> _Kept:
        kept = self._all.kept.get(key)
        if kept is None:
            raise _error(absent, 404, "get_object")
        return kept

    def _before(self, kind: str) -> str | None:
        fault = self._all.fate.strike(f"s3:{kind}")
        if fault == "refused":
            raise _error("SlowDown", 503, kind)
        return fault

    def _after(self, fault: str | None, operation: str) -> None:
        if fault == "dies":
            die()
        if fault in ("lost", "dies"):
            raise _error("InternalError", 500, operation)


class _Pages:
    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self._field = "Contents" if name == "list_objects_v2" else "Versions"

    def paginate(self, *, Prefix: str, StartAfter: str = "", **_asked: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        found = list(self._client.listed(Prefix, StartAfter))
        if self._field == "Versions":
            found = [{**each, "VersionId": "1", "IsLatest": True} for each in found]
        yield {self._field: found}


def _error(code: str, status: int, operation: str) -> ClientError:
    told: dict[str, Any] = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(told, operation)
