"""Headers alone name the same changes as the whole of their events."""

from typing import Any

import orjson
import pyarrow as pa

from schemas.catalogue import default_catalogue
from schemas.ingest.raw import RAW_SCHEMA
from tests.support.builders.bus import event
from transforms.ingest.stage_events import PLACE, events_of, stage_objects
from transforms.replay.change_keys import identities_of

CATALOGUE = default_catalogue()


def raw(*events: dict[str, Any]) -> pa.Table:
    rows = []
    for number, data in enumerate(events):
        header = data["payload"].get("ChangeEventHeader", {})
        rows.append(
            {
                "position": str(number),
                "object": header.get("entityName", ""),
                "changes": max(1, len(header.get("recordIds", []))),
                "received_at": 4_000_000_000_000,
                "event": orjson.dumps(data).decode(),
            }
        )
    return pa.Table.from_pylist(rows, schema=RAW_SCHEMA)


MIXED = raw(
    event(1, record_ids=["500000000000001AAA", "500000000000002AAA"]),
    event(2, {"A__c": 1}, object_name="Stranger__c", record_ids=["a99000000000001AAA"]),
    event(3),
    event(4, change_type="GAP_UPDATE"),
)


def test_they_are_those_of_the_typed_and_of_the_refused_changes() -> None:
    staged = stage_objects(MIXED, CATALOGUE, batch="lane/1")
    found = identities_of(MIXED)
    assert {name: len(table) for name, table in found.items()} == {
        name: share.landed for name, share in staged.items()
    }
    typed = staged["Case"].changes
    assert typed is not None
    assert found["Case"].slice(0, 3).to_pydict() == typed.select(["record_id", "change_order"]).to_pydict()
    assert found["Case"]["record_id"][3] == staged["Case"].refused["record_id"][0]


def test_an_object_with_an_unreadable_header_is_left_out() -> None:
    broken = event(5)
    del broken["payload"]["ChangeEventHeader"]["commitNumber"]
    assert identities_of(raw(event(1), broken, event(2, object_name="Contact"))).keys() == {"Contact"}
    assert identities_of(raw({"payload": {"no": "header"}})) == {}


def test_a_part_of_a_file_keeps_the_places_of_its_changes() -> None:
    part = events_of(MIXED, {"Case"})
    assert part[PLACE].to_pylist() == [0, 3, 4]
    whole, some = (stage_objects(each, CATALOGUE, batch="lane/1")["Case"] for each in (MIXED, part))
    assert some.refused.to_pylist() == whole.refused.to_pylist()
    assert [row["ordinal"] for row in some.refused.to_pylist()] == [4]
