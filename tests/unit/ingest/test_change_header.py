"""A header's numbers and ids at their edges, and the places of an event that may not fit."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tests.support.builders.things import HEADER, RECEIVED_MS, event
from transforms.ingest.change_header import EventRefusedError, change_order, moment_of, read_header
from transforms.ingest.decode_events import places_of

MOST = {"commitTimestamp": 10**13 - 1, "commitNumber": 10**20 - 1, "sequenceNumber": 10**8 - 1}


@pytest.mark.parametrize("part", MOST)
def test_a_number_is_taken_from_0_to_the_last_that_sorts(part: str) -> None:
    for number in (0, MOST[part]):
        assert read_header({**HEADER, part: number}).order
    for number in (-1, MOST[part] + 1):
        with pytest.raises(EventRefusedError, match="out of range") as refused:
            read_header({**HEADER, part: number})
        assert refused.value.record_ids == tuple(HEADER["recordIds"])


def test_orders_sort_as_their_numbers_do() -> None:
    places = [
        (0, 0, 0),
        (0, 0, 9),
        (0, 0, 10),
        (0, 9, 0),
        (0, 10, 0),
        (9, 0, 0),
        (10, 0, 0),
        tuple(MOST.values()),
    ]
    orders = [change_order(*place) for place in places]
    assert orders == sorted(orders)
    assert len({len(each) for each in orders}) == 1


def test_the_commit_time_is_in_the_order_to_the_millisecond() -> None:
    order = change_order(RECEIVED_MS + 123, 7, 1)
    assert moment_of(order) == datetime.fromtimestamp((RECEIVED_MS + 123) / 1_000, UTC)


@pytest.mark.parametrize(
    ("ids", "is_known"),
    [
        (["001A"], True),
        (["001*"], False),
        (["001A", "001B"], True),
        (["001A", "001*"], False),
        (["001*", "001A"], False),
    ],
)
def test_a_wildcard_among_the_ids_leaves_the_kind_of_change_open(ids: list[str], *, is_known: bool) -> None:
    assert (read_header({**HEADER, "recordIds": ids}).change_type is not None) is is_known


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"payload": 5}', b'{"payload": {}}', b'"x"'])
def test_what_has_no_header_has_no_places(body: bytes) -> None:
    assert places_of(body) is None


def test_the_places_of_an_event_are_its_records_and_their_order_though_it_does_not_fit() -> None:
    data: dict[str, Any] = event({"Title__c": 5}, recordIds=["a0x1", "a0x2"])
    order = change_order(HEADER["commitTimestamp"], HEADER["commitNumber"], HEADER["sequenceNumber"])
    assert places_of(orjson.dumps(data)) == (("a0x1", "a0x2"), order)
