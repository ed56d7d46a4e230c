"""The tables of a batch: which events are whose, and what quarantine keeps of those refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest

from schemas.ingest.raw import ERASED_MARK
from schemas.ops_tables import EVENT_BYTES
from tests.support.builders.things import CATALOGUE, ID, RECEIVED_AT, THING, event, landed
from transforms.ingest import stage_events
from transforms.ingest.decode_events import RefusedChange
from transforms.ingest.stage_events import PLACE, events_of, for_quarantine, refused_table, stage_objects

OTHER = "a0x000000000002AAA"


def refusal(text: bytes, received_ms: int = 0) -> RefusedChange:
    return RefusedChange(3, THING, ID, "7", "bad_header", "why", text, received_ms)


def raw(*rows: tuple[str, int]) -> pa.Table:
    """Object and changes of each event."""
    return pa.table({"object": [name for name, _ in rows], "changes": [changes for _, changes in rows]})


def test_a_part_of_a_file_says_how_many_changes_come_before_each_event() -> None:
    part = events_of(raw(("A", 2), ("B", 3), ("C", 1), ("A", 1)), {"A", "C"})
    assert part["object"].to_pylist() == ["A", "C", "A"]
    assert part[PLACE].to_pylist() == [0, 5, 6]


def test_a_part_of_a_part_keeps_the_places_in_the_file() -> None:
    part = events_of(events_of(raw(("A", 2), ("B", 3), ("A", 1)), {"A", "B"}), {"B"})
    assert part[PLACE].to_pylist() == [2]


def test_a_change_that_is_refused_has_the_same_number_in_a_part_as_in_the_whole() -> None:
    whole = landed(event(entityName="Lead"), event(changeType="GAP_UPDATE", recordIds=[ID, OTHER]))
    part = events_of(whole, {THING})
    shares = [stage_objects(each, CATALOGUE, batch="lane/7")[THING] for each in (whole, part)]
    assert [share.refused["ordinal"].to_pylist() for share in shares] == [[1, 2], [1, 2]]


def test_a_file_is_staged_as_one_however_few_of_its_events_are_held_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = [event({"Title__c": str(n)}, recordIds=[ID, OTHER]) for n in range(6)]
    file = landed(*events, event(entityName="Lead"), event(changeType="GAP_UPDATE"))
    whole = stage_objects(file, CATALOGUE, batch="lane/7")
    monkeypatch.setattr(stage_events, "_AT_ONCE", 3)
    assert stage_objects(file, CATALOGUE, batch="lane/7") == whole
    assert whole[THING].refused["ordinal"].to_pylist() == [13]


def test_an_object_without_a_change_that_fits_has_an_empty_table_and_an_unknown_one_has_none() -> None:
    shares = stage_objects(
        landed(event(entityName="Lead"), event(changeType="GAP_UPDATE")), CATALOGUE, batch="lane/7"
    )
    assert shares["Lead"].changes is None
    share = shares[THING]
    assert share.changes is not None
    assert (share.landed, len(share.changes), len(share.refused)) == (1, 0, 1)


def test_the_texts_of_an_erased_event_are_unknown_and_those_of_another_are_there() -> None:
    rows = landed(event({"Title__c": "a"}), event({"Title__c": "b"}, recordIds=[OTHER])).to_pylist()
    data: dict[str, Any] = orjson.loads(rows[0]["event"])
    data["payload"]["ChangeEventHeader"][ERASED_MARK] = True
    rows[0]["event"] = orjson.dumps(data).decode()
    table = pa.Table.from_pylist(rows, landed(event()).schema)
    changes = stage_objects(table, CATALOGUE, batch="lane/7")[THING].changes
    assert changes is not None
    assert changes["title"].to_pylist() == [None, "b"]
    unknown, known = changes["isolated_fields"].to_pylist()
    assert "title" in unknown.split(",")
    assert known is None


def test_a_refused_change_was_received_when_its_event_was() -> None:
    share = stage_objects(landed(event(changeType="GAP_UPDATE")), CATALOGUE, batch="lane/7")[THING]
    assert share.refused["received_at"].to_pylist() == [RECEIVED_AT]


@pytest.mark.parametrize(("size", "is_kept"), [(EVENT_BYTES, True), (EVENT_BYTES + 1, False)])
def test_quarantine_keeps_an_event_that_its_column_takes(size: int, is_kept: bool) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    text = size * b"x"
    rows = refused_table([refusal(text), refusal(b"{}")], "lane/7")
    kept = for_quarantine(rows, [at, at + timedelta(seconds=1)])
    assert [each == text.decode() for each in kept["event"].to_pylist()] == [is_kept, False]
    assert "in the raw file" in kept["event"][0].as_py() or is_kept
    assert kept["event"][1].as_py() == "{}"
    assert kept["quarantined_at"].to_pylist() == [at, at + timedelta(seconds=1)]
    assert kept.drop_columns(["event", "quarantined_at"]).equals(rows.drop_columns(["event"]))
