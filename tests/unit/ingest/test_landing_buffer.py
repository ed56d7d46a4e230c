"""The buffer before the raw files: when a batch is cut, and where it may be."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

import activities.ingest.landing_buffer
from activities.ingest.landing_buffer import GROUP_SETTLED_MS, BatchLimits, LandingBuffer
from clients.salesforce.streaming.stream import StreamMessage
from schemas.ingest.raw import RAW_SCHEMA, UNREADABLE_OBJECT
from tests.support.builders.bus import protector
from tests.support.builders.things import CATALOGUE, ID, THING, as_dict, decoded, event
from transforms import deep_json
from transforms.ingest.decode_events import BROKEN

NEVER = BatchLimits(max_changes=10**9, max_bytes=10**12, max_age=timedelta(days=1))
ALWAYS = BatchLimits(max_changes=1)
PROTECTOR = protector(CATALOGUE)


class Clock:
    """The time that the buffer sees, in epoch milliseconds; it stands still until a test moves
    it.
    """

    now_ms = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def settle(self) -> None:
        """Let the last group of one replay id be complete."""
        self.now_ms += GROUP_SETTLED_MS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(activities.ingest.landing_buffer, "_now_ms", clock)
    return clock


def buffer(rule: BatchLimits = ALWAYS) -> LandingBuffer:
    return LandingBuffer(PROTECTOR, rule)


def messages(*replay_ids: int, data: dict[str, Any] | None = None, records: int = 1) -> list[StreamMessage]:
    ids = [ID] * records
    return [StreamMessage(each, data or event(recordIds=ids), Clock.now_ms) for each in replay_ids]


def positions(landing: LandingBuffer) -> list[int]:
    return [int(position) for position in landing.peek()["position"].to_pylist()]


def test_nothing_is_due_while_nothing_has_arrived(clock: Clock) -> None:
    assert not buffer().is_due()


@pytest.mark.parametrize(
    ("rule", "is_due"),
    [
        pytest.param(BatchLimits(max_changes=3), True, id="as many changes as allowed"),
        pytest.param(BatchLimits(max_changes=4), False, id="one change fewer"),
        pytest.param(BatchLimits(max_bytes=100), True, id="more bytes than allowed"),
        pytest.param(NEVER, False, id="none of them"),
    ],
)
def test_a_batch_is_cut_when_the_rule_says_so(clock: Clock, rule: BatchLimits, is_due: bool) -> None:
    landing = buffer(rule)
    landing.add(messages(1, 2, 3))
    assert landing.is_due() is is_due


def test_a_clock_that_is_set_back_holds_up_no_batch(clock: Clock) -> None:
    landing = buffer(BatchLimits(max_age=timedelta(seconds=3)))
    landing.add(messages(1))
    clock.now_ms -= 24 * 60_000
    assert not landing.is_due()
    clock.now_ms += 3_000
    assert landing.is_due()


def test_a_clock_that_is_set_back_before_the_next_event_holds_up_no_batch(clock: Clock) -> None:
    landing = buffer(BatchLimits(max_age=timedelta(seconds=3)))
    landing.add(messages(1))
    clock.now_ms -= 12 * 60_000
    landing.add(messages(2))
    assert not landing.is_due()
    clock.now_ms += 3_000
    assert landing.is_due()


def test_a_merged_event_counts_as_many_changes_as_it_has_records(clock: Clock) -> None:
    landing = buffer(BatchLimits(max_changes=10))
    landing.add(messages(1, records=9) + messages(2))
    assert landing.is_due()


def test_a_batch_is_cut_when_its_oldest_event_is_old(clock: Clock) -> None:
    landing = buffer(BatchLimits(max_age=timedelta(seconds=3)))
    landing.add(messages(1))
    clock.now_ms += 2_999
    assert not landing.is_due()
    clock.now_ms += 1
    assert landing.is_due()


def test_the_last_replay_id_is_held_back_while_it_may_grow(clock: Clock) -> None:
    landing = buffer()
    landing.add(messages(1, 2, 2))
    assert positions(landing) == [1]
    landing.add(messages(2, 3))
    assert positions(landing) == [1, 2, 2, 2]


def test_a_single_group_is_not_due_while_it_may_grow(clock: Clock) -> None:
    landing = buffer()
    landing.add(messages(1, 1, 1))
    assert not landing.is_due()


def test_the_last_replay_id_is_cut_with_the_others_when_it_has_settled(clock: Clock) -> None:
    landing = buffer()
    landing.add(messages(1, 2, 2))
    clock.settle()
    assert positions(landing) == [1, 2, 2]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20).map(sorted), st.integers(1, 5))
def test_a_replay_id_never_straddles_two_batches(replay_ids: list[int], at_once: int) -> None:
    """Whatever arrives together: no position that a batch ends at is seen again in the next."""
    landing = buffer()
    ends: list[list[int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activities.ingest.landing_buffer, "_now_ms", clock := Clock())
        for first in range(0, len(replay_ids), at_once):
            landing.add(messages(*replay_ids[first : first + at_once]))
            ends += cut(landing)
        clock.settle()
        ends += cut(landing)
    assert [position for batch in ends for position in batch] == replay_ids
    assert all(one[-1] < other[0] for one, other in pairwise(ends))


def cut(landing: LandingBuffer) -> list[list[int]]:
    """The batch that is due, if one is, as landed."""
    if not landing.is_due():
        return []
    batch = positions(landing)
    landing.drop_through(batch[-1])
    return [batch]


def test_peeking_takes_nothing_out(clock: Clock) -> None:
    landing = buffer()
    landing.add(messages(1, 2))
    assert landing.peek() == landing.peek()
    assert len(landing) == 2


def test_what_is_durable_is_forgotten_through_its_position(clock: Clock) -> None:
    landing = buffer()
    landing.add(messages(1, 2, 2, 3))
    landing.drop_through(2)
    clock.settle()
    assert positions(landing) == [3]


def test_what_another_follower_landed_beyond_us_is_forgotten_too(clock: Clock) -> None:
    landing = buffer()
    landing.add(messages(1, 2))
    landing.drop_through(99)
    assert len(landing) == 0


def test_bytes_of_what_was_dropped_do_not_count_any_more(clock: Clock) -> None:
    landing = buffer(BatchLimits(max_bytes=2_000))
    for replay_id in range(1, 50):
        landing.add(messages(replay_id))
        landing.drop_through(replay_id)
    assert not landing.is_due()
    assert landing._bytes == 0


def test_a_late_member_of_a_landed_group_waits_for_the_next_event(clock: Clock) -> None:
    """Alone it would make a batch that ends where it starts, which is the end of a chain."""
    landing = buffer()
    landing.drop_through(5)
    landing.add(messages(5))
    clock.settle()
    assert not landing.is_due()
    landing.add(messages(6))
    clock.settle()
    assert positions(landing) == [5, 6]


def test_a_first_message_without_a_position_waits_for_the_next_event(clock: Clock) -> None:
    landing = buffer()
    landing.add(messages(-2))
    clock.settle()
    assert not landing.is_due()


def landed(data: dict[str, Any], replay_ids: Sequence[int] = (1,)) -> dict[str, Any]:
    landing = buffer()
    landing.add(messages(*replay_ids, data=data))
    table = landing.peek()
    if not len(table):
        landing.add(messages(replay_ids[-1] + 1))
        table = landing.peek()
    assert table.schema == RAW_SCHEMA
    row: dict[str, Any] = table.to_pylist()[0]
    return row


def test_an_event_is_landed_with_its_object_or_with_none(clock: Clock) -> None:
    assert landed(event())["object"] == THING
    assert landed({BROKEN: "{", "event": {"replayId": 1}})["object"] == UNREADABLE_OBJECT


@pytest.mark.parametrize(
    ("ids", "changes"),
    [
        pytest.param([ID, ID], 2, id="a merged event"),
        pytest.param([], 1, id="no ids"),
        pytest.param(None, 1, id="null"),
        pytest.param(7, 1, id="a number"),
        pytest.param(ID, 1, id="a text"),
    ],
)
def test_an_event_is_at_least_one_change(clock: Clock, ids: Any, changes: int) -> None:
    assert landed(event(recordIds=ids))["changes"] == changes


def test_an_event_without_persons_is_landed_as_received(clock: Clock) -> None:
    data = event({"Title__c": "ü\u2028", "Count__c": 7, "Score__c": 1.25})
    assert orjson.loads(landed(orjson.loads(orjson.dumps(data)))["event"]) == data


def nested(levels: int) -> Any:
    """Objects in one another, as they are read."""
    return orjson.loads(deep_text(levels))


def deep_text(levels: int) -> str:
    return levels // 2 * '{"a":["b",' + '"Ada"' + levels // 2 * "]}"


@pytest.mark.parametrize("levels", [250, 254, 300, 600, 1_000])
@pytest.mark.parametrize(
    "field",
    ["Title__c", "Notes__c", "Email__c", "Unknown__c", "Address", "City__c", "Count__c"],
)
def test_a_value_nested_too_deep_to_be_written_costs_its_field_alone(field: str, levels: int) -> None:
    (row,) = decoded(event({"Title__c": "a", "Open__c": True} | {field: nested(levels)}))[THING].rows
    assert as_dict(row)["open"] is True
    assert as_dict(row)["field_findings"]


@pytest.mark.parametrize("levels", [300, 1_000])
def test_a_value_nested_too_deep_is_kept_whole(levels: int) -> None:
    token = PROTECTOR.encrypt("Thing__c.Email__c", nested(levels))
    opened = PROTECTOR.decrypt("Thing__c.Email__c", token)
    assert deep_json.dumps_deep(opened).decode() == deep_text(levels)


@pytest.mark.parametrize("levels", [300, 1_000])
@pytest.mark.parametrize(
    ("place", "name"), [("header", THING), ("event", THING), ("object", "Stranger__c"), ("name", "")]
)
def test_an_odd_part_nested_too_deep_to_be_written_is_landed_as_a_token(
    clock: Clock, place: str, name: str, levels: int
) -> None:
    deep = nested(levels)
    data = {
        "header": lambda: event(more=deep),
        "event": lambda: event() | {"event": {"replayId": 1, "more": deep}},
        "object": lambda: event({"X": "Ada"}, entityName="Stranger__c", more=deep),
        "name": lambda: event({"X": "Ada"}, entityName=deep),
    }[place]()
    landing = buffer()
    landing.add([StreamMessage(1, data, Clock.now_ms), *messages(2, 3)])
    clock.settle()
    odd, *others = landing.peek().to_pylist()
    assert [row["object"] for row in (odd, *others)] == [name, THING, THING]
    assert "Ada" not in odd["event"]
    kept = orjson.loads(odd["event"])
    header = kept["payload"]["ChangeEventHeader"]
    [token] = {"event": kept["event"].get("more"), "name": header["entityName"]}.get(
        place, header.get("more")
    )
    opened = PROTECTOR.decrypt("unknown", token)
    assert deep_json.dumps_deep(opened).decode() == deep_text(levels)
