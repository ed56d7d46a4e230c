"""Raw after an erasure: as many changes in the same places, the others' values, and
nothing of the erased. Whether raw is erased and staged, or staged and erased, gives the same
changes.
"""

from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from activities.ingest.landing_buffer import protected_event, protected_events
from schemas.catalogue import Catalogue
from schemas.ingest.raw import ERASED_MARK, RAW_SCHEMA, Form, Manifest
from tests.support.builders.bus import event, protector, stamps
from transforms.erasure.changes import erase_changes
from transforms.erasure.events import DETAIL, erase_events, erase_quarantined
from transforms.erasure.fields import erased_columns, kept_fields
from transforms.erasure.pages import erase_page, erased_ids
from transforms.erasure.raw import erase_raw
from transforms.ingest.row_pages import page_of_records, protect_page
from transforms.ingest.stage import stage_batch
from transforms.ingest.stage_events import ObjectSlice

CATALOGUE = Catalogue.model_validate(
    {
        "every_object": {"LastModifiedDate": {"type": "datetime", "required": True}},
        "objects": {
            "Person__c": {
                "label": "People",
                "key_prefix": "a0P",
                "fields": {
                    "Name": {"type": "string", "required": True, "severity": {"required": "reject"}},
                    "Secret__c": {"type": "string", "pii": "personal"},
                    "Born__c": {"type": "date", "pii": "sensitive"},
                    "Notes__c": {"type": "textarea", "length": 4000},
                    "Number__c": {"type": "string", "external_id": True},
                    "Amount__c": {"type": "currency"},
                    "Kind__c": {"type": "picklist", "values": ["a", "b"]},
                    "Street__c": {"type": "string", "part_of": "Place__c", "part": "Street"},
                    "Zone__c": {"type": "picklist", "part_of": "Place__c", "part": "Zone"},
                    "Parent__c": {"type": "reference", "references": ["Person__c"]},
                },
            }
        },
    }
)
SPEC = CATALOGUE.objects["Person__c"]
PROTECTOR = protector(CATALOGUE)
IDS = [f"a0P00000000000{number}AAA" for number in range(1, 5)]
MARK = "Zq7Personal"
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


def manifest(raw: pa.Table, form: Form = Form.EVENTS) -> Manifest:
    landed = {"Person__c": sum(raw["changes"].to_pylist()) if form is Form.EVENTS else len(raw)}
    if form is Form.EVENTS:
        names = set(raw["object"].to_pylist())
        landed = {
            name: sum(
                changes
                for changes, of in zip(raw["changes"].to_pylist(), raw["object"].to_pylist(), strict=True)
                if of == name
            )
            for name in names
        }
    return Manifest(
        org="o",
        lane="changes",
        start="origin",
        end="9",
        raw_key="raw/o/changes/dt=2026-11-01/origin-0.parquet",
        raw_sha256="0",
        raw_bytes=1,
        events=len(raw),
        landed=landed,
        first_received_at=MOMENT,
        last_received_at=MOMENT,
        form=form,
    )


def raw_of(*events: dict[str, Any]) -> pa.Table:
    rows = []
    for data in events:
        name, changes, text = protected_event(data, PROTECTOR)
        at = datetime(2027, 1, 1, tzinfo=UTC)
        position = str(data["event"]["replayId"])
        rows.append((position, name, changes, at, text.decode()))
    columns = list(zip(*rows, strict=True)) or [()] * len(RAW_SCHEMA)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, RAW_SCHEMA, strict=True)],
        schema=RAW_SCHEMA,
    )


def person(number: int, **payload: Any) -> dict[str, Any]:
    record_ids = payload.pop("record_ids", [IDS[0]])
    change_type = payload.pop("change_type", "CREATE")
    body = {**whole(), **payload} if change_type == "CREATE" else payload
    return event(number, body, object_name="Person__c", record_ids=record_ids, change_type=change_type)


def whole() -> dict[str, Any]:
    return {
        "Name": f"{MARK} name",
        "Secret__c": f"{MARK} secret",
        "Born__c": "1970-01-01",
        "Notes__c": f"{MARK} notes",
        "Number__c": f"{MARK}-1",
        "Amount__c": 17.5,
        "Kind__c": "a",
        "Place__c": {"Street": f"{MARK} street", "Zone": "north"},
        "LastModifiedDate": stamps()["LastModifiedDate"],
    }


def opens(token: str) -> str:
    return str(PROTECTOR.decrypt("unknown", token))


def staged(raw: pa.Table, form: Form = Form.EVENTS) -> ObjectSlice:
    return stage_batch(raw, manifest(raw, form), CATALOGUE)["Person__c"]


def changes_of(share: ObjectSlice) -> pa.Table:
    assert share.changes is not None
    return share.changes.sort_by([("record_id", "ascending"), ("change_order", "ascending")])


def test_texts_and_protected_fields_go_and_numbers_flags_and_picklists_stay() -> None:
    assert kept_fields(SPEC) == {"Amount__c", "Kind__c", "Zone__c", "Parent__c", "LastModifiedDate"}
    assert erased_columns(SPEC) == {"name", "secret", "born", "notes", "number", "street"}


def test_an_erased_event_has_its_place_and_none_of_its_values() -> None:
    raw = raw_of(person(1), person(2, record_ids=[IDS[1]]))
    erased = erase_events(raw, CATALOGUE.objects, [IDS[0]], opens)
    assert (erased.changes, erased.rewritten) == (1, 1)
    mine, other = (orjson.loads(text) for text in erased.raw["event"].to_pylist())
    assert MARK not in str(mine)
    assert "tg1" not in str(mine)
    assert mine["payload"].keys() == orjson.loads(raw["event"][0].as_py())["payload"].keys()
    assert (mine["payload"]["Amount__c"], mine["payload"]["Place__c"]["Zone"]) == (17.5, "north")
    assert other == orjson.loads(raw["event"][1].as_py())


def test_an_event_of_several_records_is_divided_in_its_order() -> None:
    ids = [IDS[0], IDS[1], IDS[2], IDS[1]]
    raw = raw_of(person(1, record_ids=ids, change_type="UPDATE", Name=f"{MARK} all"))
    erased = erase_events(raw, CATALOGUE.objects, [IDS[1]], opens)
    assert erased.raw["changes"].to_pylist() == [1, 1, 1, 1]
    assert erased.raw["position"].to_pylist() == ["1"] * 4
    payloads = [orjson.loads(text)["payload"] for text in erased.raw["event"].to_pylist()]
    assert [each["Name"] for each in payloads] == [f"{MARK} all", None, f"{MARK} all", None]
    assert [each["ChangeEventHeader"]["recordIds"] for each in payloads] == [[each] for each in ids]


def test_what_was_erased_is_found_again_and_changed_no_more() -> None:
    raw = raw_of(person(1), person(2, record_ids=IDS))
    once = erase_events(raw, CATALOGUE.objects, IDS[:2], opens)
    again = erase_events(once.raw, CATALOGUE.objects, IDS[:2], opens)
    assert (again.changes, again.rewritten) == (once.changes, 0)
    assert again.raw.equals(once.raw)


def test_a_missing_required_value_of_an_erased_record_breaks_no_rule() -> None:
    raw = erase_events(raw_of(person(1)), CATALOGUE.objects, [IDS[0]], opens).raw
    share = staged(raw)
    assert (len(share.refused), len(changes_of(share))) == (0, 1)
    assert changes_of(share)["field_findings"].to_pylist() == [None]


@pytest.mark.parametrize("strange", [{"payload": f"{IDS[0]} {MARK}"}, {"payload": [IDS[0]], "more": MARK}])
def test_what_nobody_can_read_goes_when_it_names_the_record(strange: dict[str, Any]) -> None:
    raw = raw_of({"event": {"replayId": 1}, **strange}, person(2, record_ids=[IDS[1]]))
    erased = erase_events(raw, CATALOGUE.objects, [IDS[0]], opens)
    assert (erased.changes, erased.rewritten) == (1, 1)
    assert "tg1" not in erased.raw["event"][0].as_py()
    again = erase_events(erased.raw, CATALOGUE.objects, [IDS[0]], opens)
    assert (again.changes, again.rewritten) == (1, 0)
    assert erase_events(erased.raw, CATALOGUE.objects, [IDS[3]], opens).changes == 0
    assert erase_events(raw, CATALOGUE.objects, [IDS[3]], opens).changes == 0


def test_an_object_that_the_catalogue_lacks_keeps_nothing() -> None:
    unknown = event(1, {"Name": MARK}, object_name="Other__c", record_ids=[IDS[0]])
    erased = erase_events(raw_of(unknown), CATALOGUE.objects, [IDS[0]], opens)
    assert erased.rewritten == 1
    assert "tg1" not in erased.raw["event"][0].as_py()


def test_a_row_of_quarantine_keeps_the_part_of_its_record() -> None:
    text = raw_of(person(1, record_ids=IDS, change_type="UPDATE", Name=MARK))["event"][0].as_py()
    erased = frozenset({IDS[1]})
    mine = erase_quarantined(text, IDS[1], SPEC, erased, opens)
    other = erase_quarantined(text, IDS[2], SPEC, erased, opens)
    assert MARK not in mine
    assert (MARK in other, IDS[1] in other) == (True, False)
    assert DETAIL


@pytest.mark.parametrize("ids", [{IDS[0]: 1}, [{"Id": IDS[0]}], f"{IDS[0]}, {IDS[1]}"])
def test_an_event_whose_record_ids_are_none_goes_with_a_record_that_they_name(ids: Any) -> None:
    def odd() -> dict[str, Any]:
        made = person(1)
        made["payload"]["ChangeEventHeader"] |= {"recordIds": ids, "more": f"{MARK} more"}
        return made

    raw = raw_of(odd(), person(2, record_ids=[IDS[2]]))
    assert not any(IDS[0] in text for text in raw["event"].to_pylist())
    assert erase_events(raw, CATALOGUE.objects, [IDS[1][:-4] + "zzzz"], opens).rewritten == 0
    erased = erase_events(raw, CATALOGUE.objects, [IDS[0]], opens)
    mine, other = erased.raw["event"].to_pylist()
    assert (erased.rewritten, MARK in mine, "hidden" in mine, MARK in other) == (1, False, False, True)
    header = orjson.loads(mine)["payload"]["ChangeEventHeader"]
    assert header["more"] is None
    assert header[ERASED_MARK] is True
    again = erase_events(erased.raw, CATALOGUE.objects, [IDS[0]], opens)
    assert (again.changes, again.rewritten, again.raw.equals(erased.raw)) == (1, 0, True)


def test_landing_leaves_an_erased_records_values_out() -> None:
    lander = protector(CATALOGUE)
    lander.forget([IDS[0]])
    parts = protected_events(person(1, record_ids=IDS[:2], change_type="UPDATE", Name=MARK), lander)
    assert [changes for _, changes, _ in parts] == [1, 1]
    assert [MARK in text.decode() for _, _, text in parts] == [False, True]


def page(*records: dict[str, Any]) -> pa.Table:
    full = [{"IsDeleted": False, "SystemModstamp": "2026-10-01T00:00:00.000Z", **each} for each in records]
    return protect_page(page_of_records(full, SPEC), SPEC, PROTECTOR)


def row(record_id: str) -> dict[str, Any]:
    return {"Id": record_id, **{name: value for name, value in whole().items() if name != "Place__c"}}


def test_a_page_keeps_its_rows_and_marks_those_that_are_erased() -> None:
    before = page(row(IDS[0]), row(IDS[1]))
    erased = erase_page(before, SPEC, [IDS[0]])
    assert (erased.changes, erased.rewritten, *erased_ids(erased.raw)) == (1, 1, IDS[0])
    mine, other = erased.raw.to_pylist()
    assert MARK not in str(mine)
    assert (mine["Secret__c"], mine["Amount__c"], mine["Kind__c"]) == (None, "17.5", "a")
    assert other["Name"] == f"{MARK} name"
    again = erase_page(erased.raw, SPEC, [IDS[0]])
    assert (again.changes, again.rewritten) == (1, 0)


def test_a_page_that_is_erased_and_staged_is_staged_and_erased() -> None:
    before = page(row(IDS[0]), row(IDS[1]))
    first = changes_of(staged(erase_page(before, SPEC, [IDS[0]]).raw, Form.ROWS))
    second = erase_changes(changes_of(staged(before, Form.ROWS)), SPEC, [IDS[0]])
    assert first.to_pylist() == second.to_pylist()


PAYLOADS = st.fixed_dictionaries(
    {"Name": st.just(f"{MARK} name")},
    optional={
        "Secret__c": st.just(f"{MARK} secret"),
        "Notes__c": st.sampled_from([None, f"{MARK} notes"]),
        "Amount__c": st.integers(0, 100),
        "Kind__c": st.sampled_from(["a", "z", None]),
        "Place__c": st.sampled_from([None, {"Street": MARK}, {"Street": MARK, "Zone": "north"}]),
        "Strange__c": st.just(MARK),
    },
)


@st.composite
def events(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["CREATE", "UPDATE", "DELETE", "UNDELETE"]))
        ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True))
        payload = {} if kind == "DELETE" else dict(draw(PAYLOADS))
        made.append(event(number + 1, payload, object_name="Person__c", record_ids=ids, change_type=kind))
    return made


@given(made=events(), ids=st.lists(st.sampled_from(IDS), unique=True))
@settings(max_examples=150, deadline=None)
def test_erased_and_staged_is_staged_and_erased(made: list[dict[str, Any]], ids: list[str]) -> None:
    raw = raw_of(*made)
    erased = erase_raw(raw, manifest(raw), CATALOGUE, PROTECTOR, ids)
    assert sum(erased.raw["changes"].to_pylist()) == sum(raw["changes"].to_pylist())
    first, second = staged(erased.raw), staged(raw)
    assert (first.landed, len(first.refused)) == (second.landed, len(second.refused))
    wanted = erase_changes(changes_of(second), SPEC, ids)
    assert changes_of(first).to_pylist() == wanted.to_pylist()
