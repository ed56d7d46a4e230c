"""Text diffs and compounds of change events: what lands of them, and what is read again."""

from typing import Any

import orjson
import pytest

from schemas.catalogue import Catalogue, FieldSpec, FieldType
from schemas.quality import Rule
from tests.support.builders.bus import protector
from tests.support.builders.things import CATALOGUE, RECEIVED_MS, THING, as_dict, event
from tests.unit.ingest.test_decode_events import change, found
from transforms.drift.compare_schema import with_fields
from transforms.ingest.decode_events import RawEvent, decode_events
from transforms.ingest.stage_events import typed_table


def with_secret_notes() -> Catalogue:
    spec = CATALOGUE.object(THING)
    secret = FieldSpec(type=FieldType.TEXTAREA, length=4_000, pii="personal")
    changed = with_fields(spec, {**spec.fields, "Notes__c": secret})
    return Catalogue.model_construct(every_object={}, objects={THING: changed})


def test_a_diff_of_an_encrypted_text_is_logged_as_the_token_of_a_diff() -> None:
    catalogue = with_secret_notes()
    data = event({"Notes__c": {"diff": "--- \n+++ 0"}}, changeType="UPDATE")
    keys = protector(catalogue)
    keys.protect_event(data)
    raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(data))
    ((row,),) = [share.rows for share in decode_events([raw], catalogue).values()]
    assert (found(as_dict(row)), as_dict(row)["diff_fields"]) == ([], "notes")
    assert keys.decrypt(f"{THING}.Notes__c", as_dict(row)["notes"]) == "--- \n+++ 0"


def test_a_diff_that_an_older_release_encrypted_whole_is_isolated_and_asked_for() -> None:
    catalogue = with_secret_notes()
    whole = protector(catalogue).encrypt(f"{THING}.Notes__c", {"diff": "--- \n+++ 0"})
    raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(event({"Notes__c": whole}, changeType="UPDATE")))
    ((row,),) = [share.rows for share in decode_events([raw], catalogue).values()]
    assert found(as_dict(row)) == [("Notes__c", Rule.DIFF_ONLY)]
    assert as_dict(row)["isolated_fields"] == "notes"


def test_parts_of_a_compound_that_is_a_field_land_and_the_compound_is_asked_for() -> None:
    spec = CATALOGUE.object(THING)
    whole = with_fields(spec, {**spec.fields, "Address": FieldSpec(type=FieldType.STRING)})
    catalogue = Catalogue.model_construct(every_object={}, objects={THING: whole})
    for value, expected in (
        ({"City": "Ghent"}, ("Ghent", None, [("Address", Rule.COMPOUND_ONLY)])),
        ({"diff": "--- \n+++ 0"}, (None, "--- \n+++ 0", [])),
        ("Korenlei 1, Ghent", (None, "Korenlei 1, Ghent", [])),
    ):
        data = event({"Address": value}, changeType="UPDATE")
        raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(data))
        share = decode_events([raw], catalogue)[THING]
        changes = typed_table(share, whole, "b").to_pylist()
        assert [(row["city"], row["address"], found(row)) for row in changes] == [expected]


def test_a_part_that_the_catalogue_lacks_does_not_cost_the_next() -> None:
    row = change({"Title__c": "a", "Address": {"Zip": "9000", "City": "Ghent"}})
    assert (row["city"], found(row)) == ("Ghent", [("Address.Zip", Rule.UNKNOWN_FIELD)])


@pytest.mark.parametrize("diff", ["--- \n+++ 0\n@@ -0,0 +1 @@\n+hush", 7, None])
def test_a_diff_that_nobody_encrypted_is_no_value_of_an_encrypted_text(diff: object) -> None:
    data = event({"Notes__c": {"diff": diff}}, changeType="UPDATE")
    raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(data))
    ((row,),) = [share.rows for share in decode_events([raw], with_secret_notes()).values()]
    assert (found(as_dict(row)), as_dict(row)["notes"]) == ([("Notes__c", Rule.DIFF_ONLY)], None)
    assert (as_dict(row)["diff_fields"], as_dict(row)["isolated_fields"]) == (None, "notes")


TOKEN = protector(CATALOGUE).encrypt(f"{THING}.Notes__c", "--- \n+++ 0")


@pytest.mark.parametrize("value", [{"City": "hush"}, {"diff": TOKEN, "more": 1}, {}])
def test_an_object_that_is_no_diff_is_no_value_of_an_encrypted_text(value: dict[str, Any]) -> None:
    data = event({"Notes__c": value}, changeType="UPDATE")
    raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(data))
    ((row,),) = [share.rows for share in decode_events([raw], with_secret_notes()).values()]
    assert (found(as_dict(row)), as_dict(row)["notes"]) == ([("Notes__c", Rule.WRONG_TYPE)], None)


def test_a_diff_of_nothing_is_isolated_and_asked_for() -> None:
    row = change({"Title__c": "a", "Notes__c": {"diff": "x"}})
    assert (found(row), row["notes"], row["diff_fields"]) == ([("Notes__c", Rule.DIFF_ONLY)], None, None)


def test_a_diff_as_long_as_its_column_is_logged() -> None:
    spec = CATALOGUE.object(THING).model_copy(update={"most_bytes": 10})
    catalogue = Catalogue.model_construct(every_object={}, objects={THING: spec})
    for diff, expected in ((10 * "x", "notes"), (5 * "é", "notes"), (11 * "x", None)):
        raw = RawEvent(
            "7", THING, 1, RECEIVED_MS, orjson.dumps(event({"Notes__c": {"diff": diff}}, changeType="UPDATE"))
        )
        (row,) = [as_dict(share.rows[0]) for share in decode_events([raw], catalogue).values()]
        assert row["diff_fields"] == expected


@pytest.mark.parametrize(
    "diff", [4_001 * "é" + 4_000 * "😀", "--- \n+++ 0\n@@ -0,0 +1 @@\n+a\x00b"], ids=["long", "nul"]
)
def test_a_diff_that_its_column_does_not_take_is_isolated_and_asked_for(diff: str) -> None:
    spec = CATALOGUE.object(THING).model_copy(update={"most_bytes": 65_535})
    catalogue = Catalogue.model_construct(every_object={}, objects={THING: spec})
    data = event({"Notes__c": {"diff": diff}, "Count__c": 7}, changeType="UPDATE")
    raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(data))
    (row,) = [as_dict(share.rows[0]) for share in decode_events([raw], catalogue).values()]
    assert (found(row), row["notes"], row["diff_fields"]) == ([("Notes__c", Rule.DIFF_ONLY)], None, None)
    assert (row["isolated_fields"], row["count"]) == ("notes", 7)
