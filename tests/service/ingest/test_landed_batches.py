"""Which batches a selection names, on a real object store: by position, by time, page by page."""

import uuid
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from clients.storage.chain import Chain
from clients.storage.landed_batches import LandedBatches
from clients.storage.objects import ObjectStore
from schemas.ids import ORIGIN, raw_key
from schemas.ingest.raw import RAW_SCHEMA
from schemas.replay import ReplayCursor, ReplaySelection

pytestmark = pytest.mark.service

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)
STARTS = [ORIGIN, "40", "90", "20000", "1000000", "90000000"]
"""Where the batches of the first lane begin; each is landed a day after the one before."""


def raw(end: str, at: datetime, object_name: str = "Case") -> pa.Table:
    row = {"position": end, "object": object_name, "changes": 1, "received_at": at, "event": "{}"}
    return pa.Table.from_pylist([row], schema=RAW_SCHEMA)


@pytest.fixture(scope="module")
def org(store: ObjectStore) -> str:
    """An org with two lanes, and a raw file that is no link of any chain."""
    name = f"o{uuid.uuid4().hex[:8]}"
    chain = Chain(store, org=name, lane="changes")
    for day, (start, end) in enumerate(zip(STARTS, [*STARTS[1:], "90000001"], strict=True)):
        chain.land(raw(end, NOON + timedelta(days=day)), start=start)
    Chain(store, org=name, lane="poll-contact").land(raw("7", NOON, "Contact"), start=ORIGIN)
    store.put(raw_key(name, "changes", "40", "f" * 16, NOON), b"")
    return name


def starts(store: ObjectStore, selection: ReplaySelection, most: int = 100) -> list[str]:
    cursor: ReplayCursor | None = ReplayCursor()
    found: list[str] = []
    while cursor is not None:
        page = LandedBatches(store, selection).page(cursor, most)
        found += [f"{manifest.lane}/{manifest.start}" for manifest in page.manifests]
        cursor = page.cursor
    return found


def of_lane(*wanted: str) -> list[str]:
    return [f"changes/{start}" for start in wanted]


def test_everything_is_every_lane_in_the_order_of_its_chain(store: ObjectStore, org: str):
    assert starts(store, ReplaySelection(org=org)) == [*of_lane(*STARTS), "poll-contact/origin"]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_pages_of_any_size_give_the_same_batches(store: ObjectStore, org: str, most: int):
    by_time = ReplaySelection(org=org, since=NOON - timedelta(days=9))
    assert sorted(starts(store, by_time, most)) == sorted(starts(store, ReplaySelection(org=org)))
    assert starts(store, ReplaySelection(org=org), most) == starts(store, ReplaySelection(org=org))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(None, "90", [ORIGIN, "40"], id="up-to"),
        pytest.param("90", None, STARTS[2:], id="from-where-one-begins"),
        pytest.param("95", "20000", ["90"], id="from-inside-one"),
        pytest.param("7", "41", [ORIGIN, "40"], id="from-inside-the-first"),
        pytest.param(ORIGIN, "40", [ORIGIN], id="from-the-beginning"),
        pytest.param("89000000", None, ["1000000", "90000000"], id="from-inside-one-that-begins-far-before"),
        pytest.param("20000", "20000", [], id="none"),
    ],
)
def test_a_range_of_positions_is_the_batches_that_hold_it(
    store: ObjectStore, org: str, first: str | None, last: str | None, expected: list[str]
):
    selection = ReplaySelection(org=org, lane="changes", from_position=first, to_position=last)
    assert starts(store, selection) == of_lane(*expected)
    assert starts(store, selection, most=1) == of_lane(*expected)


def test_a_range_of_time_is_the_batches_that_were_landed_in_it(store: ObjectStore, org: str):
    day = timedelta(days=1)
    selection = ReplaySelection(org=org, since=NOON + day, until=NOON + 3 * day)
    assert starts(store, selection) == of_lane("40", "90")


def test_a_batch_that_was_received_over_midnight_is_in_both_days(store: ObjectStore):
    name, midnight = f"o{uuid.uuid4().hex[:8]}", datetime(2026, 9, 22, tzinfo=UTC)
    second = timedelta(seconds=1)
    both = pa.concat_tables([raw("1", midnight - second), raw("2", midnight + second)])
    Chain(store, org=name, lane="changes").land(both, start=ORIGIN)
    for since, until in ((midnight - 9 * second, midnight), (midnight, midnight + 9 * second)):
        assert starts(store, ReplaySelection(org=name, since=since, until=until)) == of_lane(ORIGIN)


def test_an_object_is_the_batches_that_have_it(store: ObjectStore, org: str):
    assert starts(store, ReplaySelection(org=org, object="Contact")) == ["poll-contact/origin"]


def test_lanes_are_told_in_their_order(store: ObjectStore, org: str):
    assert list(LandedBatches(store, ReplaySelection(org=org)).lanes()) == ["changes", "poll-contact"]


def test_an_org_without_batches_has_none(store: ObjectStore):
    assert starts(store, ReplaySelection(org=uuid.uuid4().hex)) == []
