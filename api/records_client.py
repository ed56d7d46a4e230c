"""A typed client for programs that read records and follow their changes. It needs httpx and
`api/client.py`, and nothing else of this project; both may be copied.

    with RecordsClient("https://tidegate.example.org", token) as tidegate:
        case = tidegate.record("Case", "5005e000001AbCdAAK")
        for change in tidegate.changes("Case", after=kept):
            take(change)
            keep(change.cursor)

A request without an answer is sent again: reading changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from http import HTTPStatus
from typing import Any, Self, TypeVar

from api.client import TidegateClient, successful

_WAIT_SECONDS = 25
_MOST_IDS = 1_000


@dataclass(frozen=True)
class Freshness:
    """The last commit of the object that an answer shows."""

    commit: int
    """1, 2, 3 … of the object; 0 = none was numbered yet."""
    applied_at: datetime | None
    """None = as of commit 0."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """From an answer's `freshness`."""
        at = told["applied_at"]
        return cls(told["commit"], None if at is None else datetime.fromisoformat(at))


@dataclass(frozen=True)
class Record:
    """A record's state."""

    object: str
    id: str
    version: int
    change_order: str
    changed_at: datetime
    """Commit of its latest change in Salesforce."""
    applied_at: datetime
    """When that was applied to the warehouse."""
    is_deleted: bool
    is_complete: bool
    """False = no whole record was seen yet."""
    fields: Mapping[str, Any]
    withheld: Sequence[str]
    """Protected fields that are not in `fields`."""
    unknown: Sequence[str]
    """Fields whose null says nothing."""
    valid_to: datetime | None = None
    """When the next version began. None = it is the latest one."""


@dataclass(frozen=True)
class FreshRecord:
    """A record, how fresh it is, and its entity tag."""

    record: Record
    freshness: Freshness
    etag: str


@dataclass(frozen=True)
class Change:
    """A change of a record, as it was applied."""

    cursor: str
    """Give it as `after` to go on behind the change."""
    object: str
    id: str
    change_type: str
    change_order: str
    """A change with a smaller one than its record's last change was late: a copy passes over it."""
    changed_at: datetime
    applied_at: datetime
    fields: Mapping[str, Any]
    diffs: Mapping[str, str]
    withheld: Sequence[str]
    unknown: Sequence[str]
    commit_user: str | None
    own_writeback: Mapping[str, str] | None
    """`batch` of Tidegate's writeback that made the change; None = it is not known to be one."""


@dataclass(frozen=True)
class Batch:
    """Those of some records that there are."""

    records: Sequence[Record]
    missing: Sequence[str]
    freshness: Freshness


class RecordsClient(TidegateClient):
    """One API and one token with the scope `records`. Methods block.

    Each raises `RequestRefusedError` when the API refuses, `httpx.TransportError` without an answer
    after every try.
    """

    def record(
        self,
        object_name: str,
        record_id: str,
        *,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        decrypt: Sequence[str] = (),
    ) -> FreshRecord | None:
        """One record; None = there is none.

        Args:
            object_name: API name.
            record_id: 15 or 18 characters.
            as_of: The state that was valid then. None = as of `known_at`, or now.
            known_at: By the changes that were applied until then. None = by all.
            decrypt: Protected fields to have in plaintext; each read of them goes on record.
        """
        times = {"as_of": as_of, "known_at": known_at}
        params = {name: at.isoformat() for name, at in times.items() if at is not None}
        return self._one(f"/v1/records/{object_name}/{record_id}", params | _decrypted(decrypt))

    def by_external_id(
        self, object_name: str, field: str, value: str, *, decrypt: Sequence[str] = ()
    ) -> FreshRecord | None:
        """The live record with this external id; None = there is none."""
        return self._one(f"/v1/records/{object_name}/by/{field}/{value}", _decrypted(decrypt))

    def changed_since(self, known: FreshRecord) -> FreshRecord:
        """The record as it is now; `known` itself when it has not changed since."""
        path = f"/v1/records/{known.record.object}/{known.record.id}"
        response = self._asked("GET", path, headers={"If-None-Match": known.etag})
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return known
        return _fresh(successful(response).json(), response.headers["ETag"])

    def records(
        self, object_name: str, where: Mapping[str, str] | None = None, *, deleted: bool = False
    ) -> Iterator[Record]:
        """Records in the order of their ids. `where`: indexed field -> value; None = all of
        them.
        """
        params: dict[str, Any] = {"deleted": deleted, "limit": 1_000}
        params["where"] = [f"{name}:{value}" for name, value in (where or {}).items()]
        after: str | None = ""
        while after is not None:
            asked = params | {"after": after}
            page = successful(self._asked("GET", f"/v1/records/{object_name}", params=asked)).json()
            yield from (_made(Record, each) for each in page["records"])
            after = page["next"]

    def batch(self, object_name: str, record_ids: Sequence[str], *, decrypt: Sequence[str] = ()) -> Batch:
        """Up to 1,000 records by their ids."""
        if len(record_ids) > _MOST_IDS:
            raise ValueError(f"{len(record_ids)} ids: give {_MOST_IDS:,} at once")
        body = {"ids": list(record_ids), **_decrypted(decrypt)}
        found = successful(self._asked("POST", f"/v1/records/{object_name}/batch", json=body)).json()
        records = [_made(Record, each) for each in found["records"]]
        return Batch(records, found["missing"], Freshness.of(found["freshness"]))

    def history(self, object_name: str, record_id: str) -> Iterator[Record]:
        """The record's versions, the newest first."""
        params: dict[str, int] = {}
        while True:
            response = self._asked("GET", f"/v1/records/{object_name}/{record_id}/history", params=params)
            page = successful(response).json()
            yield from (_made(Record, each) for each in page["versions"])
            if page["next"] is None:
                return
            params = {"before": page["next"]}

    def changes(self, object_name: str, *, after: str = "", waits: bool = True) -> Iterator[Change]:
        """Changes in the order in which they were applied, each at least once behind a cursor.

        Args:
            object_name: API name.
            after: The cursor of the last change that is done. "" = from the first that is kept;
                `latest` = what is applied from now on.
            waits: False = end when there are no more, instead of waiting for the next one.
        """
        while True:
            wait = _WAIT_SECONDS if waits else 0
            params: dict[str, str | int] = {"object": object_name, "after": after, "wait": wait}
            page = successful(self._asked("GET", "/v1/changes", params=params)).json()
            yield from (_made(Change, each) for each in page["changes"])
            if not waits and not page["has_more"]:
                return
            after = page["next"]

    def _one(self, path: str, params: Mapping[str, str]) -> FreshRecord | None:
        response = self._asked("GET", path, params=params)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return _fresh(successful(response).json(), response.headers["ETag"])


_T = TypeVar("_T", Record, Change)


def _made(kind: type[_T], told: Mapping[str, Any]) -> _T:
    """A record or change from its JSON; fields that a newer release adds are passed over."""
    known = {each.name for each in fields(kind)} & told.keys()
    times = {"changed_at", "applied_at", "valid_to"}
    values: dict[str, Any] = {
        name: datetime.fromisoformat(told[name]) if name in times else told[name] for name in known
    }
    return kind(**values)


def _fresh(told: Mapping[str, Any], etag: str) -> FreshRecord:
    return FreshRecord(_made(Record, told), Freshness.of(told["freshness"]), etag)


def _decrypted(names: Sequence[str]) -> dict[str, str]:
    return {"decrypt": ",".join(names)} if names else {}
