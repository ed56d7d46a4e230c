"""The org's describes as cached in the object store, and reading them again."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from clients.storage.objects import ObjectStore
from schemas.errors import TransientError
from schemas.governor import LeaseClass
from schemas.ids import describe_key
from schemas.salesforce.describe import DESCRIBE_LIFE, DescribedObject
from transforms.drift.describe import described

_CACHED = timedelta(minutes=1)


class Describes:
    """The kept describes of one org. Its methods block; threads may share it."""

    def __init__(self, store: ObjectStore, org: str, *, cached: timedelta = _CACHED) -> None:
        """`cached`: how long a look at the store is good for; what others kept meanwhile is seen
        later.
        """
        self._store = store
        self._org = org
        self._cached_seconds = cached.total_seconds()
        self._known: dict[str, tuple[float, DescribedObject | None]] = {}

    def find(self, object_name: str) -> DescribedObject | None:
        """The cached describe of an object; None when there is none, or when the store does not
        answer and never has.
        """
        looked_at, found = self._known.get(object_name, (float("-inf"), None))
        if time.monotonic() - looked_at < self._cached_seconds:
            return found
        try:
            body = self._store.find(describe_key(self._org, object_name))
        except TransientError:
            fresh = found
        else:
            fresh = None if body is None else DescribedObject.model_validate_json(body)
        # The same facts stay the same object: what was worked out from them holds.
        found = found if fresh == found else fresh
        self._known[object_name] = time.monotonic(), found
        return found

    def keep(self, facts: DescribedObject) -> None:
        """Keep it in place of what was there."""
        self._store.put(describe_key(self._org, facts.object), facts.model_dump_json().encode())
        self._known[facts.object] = time.monotonic(), facts


async def ask_describe(org: OrgHttp, object_name: str, lease_class: LeaseClass) -> DescribedObject:
    """Read the org's describe of an object: one call (REST API Developer Guide, "sObject
    Describe").
    """
    at = datetime.now(UTC)
    path = f"{org.data_path}/sobjects/{object_name}/describe"
    answer = await org.read(Call("GET", path, lease_class))
    return described(answer.json(), at)


async def refresh_describe(
    org: OrgHttp,
    store: ObjectStore,
    org_id: str,
    object_name: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> bool:
    """Ask the org for an object's describe and keep it; False when what was kept is younger than
    `DESCRIBE_LIFE`.

    Processes call it by themselves, beside their work: it is no activity, and no workflow waits
    for it.
    """
    describes = Describes(store, org_id)
    kept = await asyncio.to_thread(describes.find, object_name)
    if kept is not None and clock() - kept.described_at < DESCRIBE_LIFE:
        return False
    facts = await ask_describe(org, object_name, LeaseClass.WRITEBACK)
    await asyncio.to_thread(describes.keep, facts)
    return True
