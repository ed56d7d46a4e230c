"""One event's JSON without the values of some records, whatever is strange about it."""

from typing import Any

import orjson
import pyarrow as pa
import pytest

from schemas.ingest.change_types import CREATE, DELETE
from schemas.ingest.raw import ERASED_MARK, Form
from schemas.quality import Finding, Rule, Severity
from tests.unit.erasure.test_erase_raw import (
    CATALOGUE,
    IDS,
    MARK,
    PROTECTOR,
    SPEC,
    manifest,
    opens,
    page,
    person,
    raw_of,
    row,
)
from transforms.erasure.changes import erase_changes
from transforms.erasure.events import DETAIL, erase_event, erase_events, erase_quarantined
from transforms.erasure.pages import erase_page, erased_ids
from transforms.erasure.raw import erase_raw
from transforms.quality.findings import written

ERASED = frozenset({IDS[0]})


def event(record_ids: Any, *, header: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    inner = {"entityName": "Person__c", "recordIds": record_ids, **(header or {})}
    return {"event": {"replayId": 7}, "payload": {"ChangeEventHeader": inner, **values}}


def text(data: Any) -> str:
    return orjson.dumps(data).decode()


def token(words: str) -> str:
    return PROTECTOR.encrypt("unknown", words)


def erased(data: Any, ids: frozenset[str] = ERASED) -> tuple[list[dict[str, Any]], list[int], int]:
    parts, found = erase_event(text(data), SPEC, ids, opens)
    return [orjson.loads(part) for part, _ in parts], [count for _, count in parts], found


@pytest.mark.parametrize(
    "data", [[], "x", {}, {"payload": 3}, {"payload": {}}, {"payload": {"ChangeEventHeader": 1}}]
)
def test_what_is_no_event_is_one_change_of_nobody(data: Any) -> None:
    assert erase_event(text(data), SPEC, ERASED, opens) == ([(text(data), 1)], 0)


def test_an_event_of_two_records_becomes_two_of_one_change_each() -> None:
    raw = raw_of(
        person(1, record_ids=IDS[:2], change_type="UPDATE", Name=MARK), person(2, record_ids=IDS[2:])
    )
    found = erase_events(raw, CATALOGUE.objects, [IDS[0]], opens)
    assert found.raw["changes"].to_pylist() == [1, 1, 2]
    assert (found.changes, found.rewritten) == (1, 1)
    both = erase_events(raw, CATALOGUE.objects, IDS, opens)
    assert (both.raw["changes"].to_pylist(), both.changes) == ([2, 2], 4)


def test_raw_that_names_none_of_the_records_stays_as_it_is() -> None:
    raw = raw_of(person(1))
    assert erase_events(raw, CATALOGUE.objects, [IDS[3]], opens) == (raw, 0, 0)
    assert erase_raw(raw, manifest(raw), CATALOGUE, PROTECTOR, []) == (raw, 0, 0)
    rows = page(row(IDS[0]))
    assert erase_page(rows, SPEC, [IDS[3]]) == (rows, 0, 0)
    assert erased_ids(rows) == frozenset()


@pytest.mark.parametrize("ids", [None, "x", 7, [7], {"a": 1}])
def test_an_event_without_a_list_of_ids_loses_its_values(ids: Any) -> None:
    """Only events that name a record, or whose ids nobody can read, are asked for."""
    (data,), counts, found = erased(event(ids, Name=MARK, Amount__c=5))
    assert (counts, found) == ([1], 1)
    assert data["payload"]["ChangeEventHeader"] == {
        "entityName": "Person__c",
        "recordIds": ids,
        ERASED_MARK: True,
    }
    assert (data["payload"]["Name"], data["payload"]["Amount__c"]) == (None, 5)


def test_an_event_with_its_mark_stays_as_it_is_whatever_the_catalogue_says_by_now() -> None:
    marked = text(event([IDS[0], IDS[0]], header={ERASED_MARK: True}, Amount__c=5))
    assert erase_event(marked, None, ERASED) == ([(marked, 2)], 2)
    nobodys = text(event(None, header={ERASED_MARK: True}, Amount__c=5))
    assert erase_event(nobodys, None, ERASED) == ([(nobodys, 1)], 1)


def test_an_event_of_others_is_as_many_changes_as_before() -> None:
    others = text(event(IDS[1:], Name=MARK))
    assert erase_event(others, SPEC, ERASED) == ([(others, 3)], 0)


def test_of_an_erased_event_the_envelope_stays_without_what_was_encrypted_in_it() -> None:
    header = {"changedFields": ["0x1", token(MARK)], "nested": {"a": token(MARK), "b": 2}, "origin": "x"}
    data = {**event([IDS[0]], header=header), "schema": "s", "more": MARK}
    (left,), _, _ = erased(data)
    assert left == {
        "event": {"replayId": 7},
        "schema": "s",
        "more": None,
        "payload": {
            "ChangeEventHeader": {
                "entityName": "Person__c",
                "recordIds": [IDS[0]],
                "changedFields": ["0x1"],
                "nested": {"a": None, "b": 2},
                "origin": "x",
                ERASED_MARK: True,
            }
        },
    }


def test_a_value_is_kept_only_when_it_is_one_and_in_plaintext() -> None:
    values: dict[str, Any] = {
        "Amount__c": {"x": 1},
        "Kind__c": ["a"],
        "Zone__c": token("north"),
        "Strange__c": {"Zone": "a"},
        "Place__c": {"Zone": ["a"], "Street": MARK, "Else": "b"},
    }
    (left,), _, _ = erased(event([IDS[0]], **values))
    assert {name: value for name, value in left["payload"].items() if name in values} == {
        "Amount__c": None,
        "Kind__c": None,
        "Zone__c": None,
        "Strange__c": None,
        "Place__c": {"Zone": None, "Street": None, "Else": None},
    }


def quarantined(
    data: Any, record_id: str | None, ids: frozenset[str] = ERASED, *, known: bool = False
) -> str:
    return erase_quarantined(text(data), record_id, SPEC if known else None, ids, opens)


@pytest.mark.parametrize("payload", [token(f"of {IDS[0]}"), {"a": token(f"of {IDS[0]}")}, [IDS[0]], IDS[0]])
def test_a_message_that_nobody_can_read_goes_whole_when_it_names_the_record(payload: Any) -> None:
    data = {"payload": payload, "event": {"replayId": 7}, "broken": token("x")}
    left = quarantined(data, None)
    found = orjson.loads(left)
    assert (found["event"], found["broken"], found["records"]) == ({"replayId": 7}, None, [IDS[0]])
    assert found[ERASED_MARK] is True
    assert "tg" not in left
    assert quarantined(found, None) == left
    assert quarantined(data, None, frozenset({IDS[3]})) == text(data)


def test_of_a_message_that_nobody_can_read_the_header_stays() -> None:
    header = {"recordIds": None, "entityName": "Person__c"}
    data = {"payload": {"ChangeEventHeader": header, "a": token(f"of {IDS[0]}"), "b": 1}}
    assert orjson.loads(quarantined(data, None))["payload"] == {
        "ChangeEventHeader": header,
        "a": None,
        "b": None,
    }


def test_an_event_is_as_many_changes_as_it_landed_with_and_all_that_went_are_counted() -> None:
    odd = person(1)
    odd["payload"]["ChangeEventHeader"]["recordIds"] = [{"Id": IDS[0]}, {"Id": IDS[2]}]
    raw = raw_of(odd, person(2), person(3, record_ids=IDS[:1] * 2))
    found = erase_events(raw, CATALOGUE.objects, [IDS[0]], opens)
    assert found.raw["changes"].to_pylist() == raw["changes"].to_pylist() == [2, 1, 2]
    assert (found.changes, found.rewritten) == (4, 4)


def test_a_token_that_cannot_be_opened_names_nobody() -> None:
    data = {"payload": token("x")[:-4] + "AAAA"}
    assert quarantined(data, None) == text(data)


@pytest.mark.parametrize("records", [None, "x", [IDS[3]]])
def test_a_message_with_the_mark_of_other_records_is_not_these_ones(records: Any) -> None:
    raw = raw_of({"payload": "x", "event": {"replayId": 1}})
    marked = text({ERASED_MARK: True, "records": records, "more": IDS[0]})
    raw = raw.set_column(4, raw.schema.field("event"), pa.array([marked], pa.large_string()))
    assert erase_events(raw, CATALOGUE.objects, [IDS[0]], opens) == (raw, 0, 0)


def test_a_row_of_quarantine_of_an_unknown_object_keeps_the_part_of_its_record() -> None:
    data = event(IDS[:2], Name=MARK)
    assert MARK in quarantined(data, IDS[1])
    assert IDS[0] not in quarantined(data, IDS[1])
    assert MARK not in quarantined(data, IDS[0])
    assert quarantined(event([IDS[1]], Name=MARK), IDS[1]) == text(event([IDS[1]], Name=MARK))


def test_a_row_of_quarantine_whose_record_nobody_could_read_goes_with_a_record_that_it_hides() -> None:
    data = event([token(f"of {IDS[0]}")], Name=MARK)
    assert MARK not in quarantined(data, None, known=True)
    assert MARK in quarantined(data, None, frozenset({IDS[3]}), known=True)


NOTED = Finding("Amount__c", "amount", Rule.MAX, Severity.WARN, "too much")
TOLD = Finding("Name", "name", Rule.PATTERN, Severity.WARN, f"{MARK} does not fit")


def logged(change_type: str, record_id: str = IDS[0], **more: Any) -> dict[str, Any]:
    return {"record_id": record_id, "change_type": change_type, **more}


def changes(*rows: dict[str, Any]) -> pa.Table:
    text = pa.large_string()
    names = ("record_id", "change_type", "isolated_fields", "diff_fields", "field_findings", "name", "kind")
    made = [dict.fromkeys(names) | each for each in rows]
    return pa.Table.from_pylist(made, schema=pa.schema([(name, text) for name in names]))


@pytest.mark.parametrize(
    ("found", "left"), [((TOLD, NOTED), (NOTED,)), ((TOLD,), ()), ((NOTED,), (NOTED,)), ((), ())]
)
def test_findings_about_erased_values_go_and_others_stay(
    found: tuple[Finding, ...], left: tuple[Finding, ...]
) -> None:
    before = changes(logged(CREATE, field_findings=written(found) if found else None, name=MARK, kind="a"))
    (after,) = erase_changes(before, SPEC, [IDS[0]]).to_pylist()
    assert after["field_findings"] == (written(left) if left else None)
    assert (after["name"], after["kind"]) == (None, "a")


def test_erased_columns_are_unknown_after_a_change_and_a_delete_says_nothing_of_them() -> None:
    before = changes(
        logged(CREATE, isolated_fields="kind", diff_fields="notes"),
        logged(DELETE),
        logged(CREATE, IDS[1], diff_fields="notes", name=MARK),
    )
    create, delete, other = erase_changes(before, SPEC, [IDS[0]]).to_pylist()
    assert create["isolated_fields"] == "born,kind,name,notes,number,secret,street"
    assert (create["diff_fields"], delete["isolated_fields"]) == (None, None)
    assert other == before.to_pylist()[2]


def test_changes_of_others_are_the_same_table() -> None:
    for before in (changes(logged(CREATE, IDS[1])), changes()):
        assert erase_changes(before, SPEC, [IDS[0]]) is before


def test_a_row_that_is_erased_stays_marked_when_another_one_is() -> None:
    first = erase_page(page(row(IDS[0]), row(IDS[1]), row(IDS[2])), SPEC, [IDS[0]]).raw
    second = erase_page(first, SPEC, [IDS[1], IDS[0]])
    assert (second.changes, second.rewritten, set(erased_ids(second.raw))) == (2, 1, {IDS[0], IDS[1]})
    assert [each["Name"] for each in second.raw.to_pylist()] == [None, None, f"{MARK} name"]
    assert (second.raw.column_names.count(ERASED_MARK), DETAIL != "") == (1, True)


def test_of_an_object_that_the_catalogue_lacks_only_places_are_left() -> None:
    (left,) = erase_page(page(row(IDS[0])), None, [IDS[0]]).raw.to_pylist()
    assert {name for name, value in left.items() if value is not None} == {
        "Id",
        "IsDeleted",
        "SystemModstamp",
        ERASED_MARK,
    }


def test_a_page_is_erased_as_a_page() -> None:
    rows = page(row(IDS[0]))
    found = erase_raw(rows, manifest(rows, Form.ROWS), CATALOGUE, PROTECTOR, [IDS[0]])
    assert found.raw.equals(erase_page(rows, SPEC, [IDS[0]]).raw)
