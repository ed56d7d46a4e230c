"""The buffer of a polled lane: where a batch may be cut, and what is in it."""

from typing import Any

import orjson
import pytest

from activities.ingest.landing_buffer import BatchLimits
from activities.ingest.poll_buffer import PollBuffer
from schemas.ingest.positions import Deletion, PolledRow
from schemas.ingest.raw import RAW_SCHEMA
from tests.support.builders.bus import protector
from tests.support.builders.things import CATALOGUE, RECEIVED_MS, THING

AT = 1_795_000_000_000


def rows(count: int, *, is_deleted: bool = False) -> list[PolledRow]:
    fields = {"Title__c": "a title", "Email__c": "ada@example.org"}
    return [
        PolledRow(f"a0xTg00000{number:05d}AAA", AT, is_deleted=is_deleted, fields=fields)
        for number in range(count)
    ]


def buffer(**rule: Any) -> PollBuffer:
    return PollBuffer(THING, protector(CATALOGUE), BatchLimits(**rule))


def batches(landing: PollBuffer, left: list[PolledRow]) -> list[list[str]]:
    """The positions of every batch that the rows make."""
    found = []
    while left:
        left = landing.fill(left, RECEIVED_MS)
        found.append(landing.table()["position"].to_pylist())
        landing.clear()
    return found


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_every_row_is_in_one_batch_and_in_order(most: int) -> None:
    made = batches(buffer(max_changes=most), rows(7))
    assert [position for batch in made for position in batch] == [str(row.position) for row in rows(7)]
    assert {len(batch) for batch in made[:-1]} <= {most}


def test_a_batch_never_ends_between_a_rows_last_values_and_its_deletion() -> None:
    made = batches(buffer(max_changes=3), rows(5, is_deleted=True))
    assert [len(batch) for batch in made] == [4, 4, 2]
    ends = [batch[-1] for batch in made]
    assert len(set(ends)) == len(ends)


def test_a_batch_is_cut_by_its_bytes_too() -> None:
    assert [len(batch) for batch in batches(buffer(max_bytes=1), rows(3))] == [1, 1, 1]


def test_deletions_stand_at_the_end_of_what_was_read() -> None:
    landing = buffer()
    landing.fill(rows(1), RECEIVED_MS)
    landing.add_deletions([Deletion("a0xTg0000099999AAA", AT)], str(AT + 60_000), RECEIVED_MS)
    assert landing.table()["position"].to_pylist() == [str(rows(1)[0].position), str(AT + 60_000)]


def test_what_is_landed_has_the_columns_of_a_stream_and_nothing_personal_in_clear() -> None:
    landing = buffer()
    landing.fill(rows(1), RECEIVED_MS)
    table = landing.table()
    assert table.schema == RAW_SCHEMA
    [event] = table["event"].to_pylist()
    assert "ada@example.org" not in event
    assert orjson.loads(event)["payload"]["Title__c"] == "a title"
