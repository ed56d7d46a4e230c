"""The org's describe of an object is read once an hour, cached, and found by writeback intake."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.salesforce.describe_cache import Describes, refresh_describe
from clients.storage.objects import ObjectStore, S3Address
from schemas.ids import describe_key
from schemas.salesforce.describe import DESCRIBE_LIFE
from tests.support.engines.served_org import served_org

pytestmark = pytest.mark.service


async def test_a_describe_costs_one_call_an_hour_and_tells_what_may_be_written(
    store: ObjectStore, tmp_path: Path
) -> None:
    org = f"d{uuid.uuid4().hex[:10]}"
    ahead = [timedelta(0)]
    reader = Describes(store, org, cached=timedelta(0))
    assert reader.find("Case") is None
    async with served_org(tmp_path) as served:

        async def refresh() -> bool:
            return await refresh_describe(
                served.http, store, org, "Case", clock=lambda: datetime.now(UTC) + ahead[0]
            )

        assert [await refresh() for _ in range(3)] == [True, False, False]
        assert served.calls() == ["GET /sobjects/Case/describe"]
        ahead[0] = DESCRIBE_LIFE
        assert await refresh()
        assert served.calls() == ["GET /sobjects/Case/describe"]
    found = reader.find("Case")
    assert found is not None
    assert found.fields["Priority"].values == ("Low", "Medium", "High", "Urgent")
    assert not found.fields["CaseNumber"].createable


def test_facts_that_did_not_change_stay_the_same_object(store: ObjectStore) -> None:
    org = f"d{uuid.uuid4().hex[:10]}"
    body = b'{"object":"Case","described_at":"2026-11-25T12:00:00Z","fields":{}}'
    store.put(describe_key(org, "Case"), body)
    reader = Describes(store, org, cached=timedelta(0))
    assert reader.find("Case") is reader.find("Case")


def test_a_store_that_does_not_answer_is_no_reason_to_refuse() -> None:
    nowhere = ObjectStore(S3Address("b", "us-east-1", "alias/k", "http://127.0.0.1:1", "a", "b"))
    assert Describes(nowhere, "o").find("Case") is None
