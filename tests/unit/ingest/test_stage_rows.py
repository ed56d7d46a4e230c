"""Columns and single rows are two ways to say the same; the columns' way is only the faster one."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from schemas.catalogue import Catalogue, FieldSpec, FieldType
from schemas.ingest.positions import Deletion
from tests.support.builders.examples import examples
from transforms.convert_values import converter
from transforms.drift.compare_schema import with_fields
from transforms.erasure.changes import erase_changes
from transforms.erasure.pages import erase_page
from transforms.ingest.change_header import BAD_HEADER
from transforms.ingest.decode_events import RawEvent, decode_events
from transforms.ingest.row_pages import (
    GONE,
    IN_BIN,
    LIVE,
    count_changes,
    page_fields,
    page_of_csv,
    page_of_gone,
    page_of_records,
    protect_page,
)
from transforms.ingest.snapshots import purge_event, row_events
from transforms.ingest.stage_events import refused_table, typed_table
from transforms.ingest.stage_rows import PageFacts, stage_rows
from transforms.pii import DataKey, Protector
from transforms.quality import findings

CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            "Thing__c": {
                "label": "Things",
                "key_prefix": "a0T",
                "fields": {
                    "Name": {"type": "string", "length": 8, "required": True},
                    "Owner__c": {"type": "reference", "references": ["User"]},
                    "Secret__c": {"type": "string", "length": 20, "pii": "personal"},
                    "Flag__c": {"type": "boolean"},
                    "Count__c": {"type": "int"},
                    "Score__c": {"type": "double"},
                    "Money__c": {"type": "currency", "scale": 2},
                    "Day__c": {"type": "date"},
                    "At__c": {"type": "datetime"},
                    "Clock__c": {"type": "time"},
                    "LastModifiedById": {"type": "reference", "references": ["User"]},
                },
            }
        }
    }
)
SPEC = CATALOGUE.objects["Thing__c"]
PROTECTOR = Protector(DataKey("k", bytes(range(64))), CATALOGUE)
SETTLED = datetime(2026, 11, 1, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 1, 12, 0, 30, 250_000, tzinfo=UTC)

GOOD = {
    "Name": st.text("abc,\"\n '", min_size=1, max_size=8),
    "Owner__c": st.just("005000000000001AAA"),
    "Secret__c": st.text("xyzé", max_size=20),
    "Flag__c": st.sampled_from(["true", "false"]),
    "Count__c": st.integers(-(10**12), 10**12).flatmap(lambda n: st.sampled_from([str(n), f"{n}.0"])),
    "Score__c": st.floats(-1e9, 1e9).map(repr),
    "Money__c": st.integers(-(10**15), 10**15).map(lambda cents: f"{cents / 100:.2f}"),
    "Day__c": st.dates().map(str),
    "At__c": st.sampled_from(["2026-02-28T23:59:59.999Z", "1950-01-01T00:00:00.000Z"]),
    "Clock__c": st.sampled_from(["00:00:00.000Z", "23:59:59.999Z"]),
    "LastModifiedById": st.just("005000000000002AAA"),
}
ODD = {
    "Name": st.sampled_from(["", "a text that is too long"]),
    "Owner__c": st.just("005000000000001AAA-and-more"),
    "Secret__c": st.just("s" * 200),
    "Flag__c": st.just("maybe"),
    "Count__c": st.sampled_from(["1.5", "many", "99999999999999999999", "1e400", "NaN"]),
    "Score__c": st.sampled_from(["high", "NaN", "-Infinity", "1e400"]),
    "Money__c": st.sampled_from(["1.234", "10000000000000000000", "much", "NaN", "1e400", "1e9999"]),
    "Day__c": st.sampled_from(["2026-02-30", "yesterday", "2026-02-03T00:00:00Z"]),
    "At__c": st.sampled_from(["2026-02-28T23:59:59.999", "noon"]),
    "Clock__c": st.sampled_from(["24:00:00.000Z", "noon"]),
    "Id": st.sampled_from(["", "a0T*", 19 * "0", "no id"]),
    "IsDeleted": st.sampled_from(["", "yes"]),
    "SystemModstamp": st.sampled_from(
        ["", "noon", "1969-12-31T23:59:58.000Z", "1950-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z",
         "2026-11-01T12:05:29.000Z", "2026-11-01T12:05:30.000Z", "2026-11-01T12:05:31.000Z"]
    ),
}  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, str]]:
    made = []
    for number in range(draw(st.integers(0, 6))):
        second = draw(st.integers(-40, 40))
        at = datetime.fromtimestamp(SETTLED.timestamp() + second, UTC)
        row = {name: draw(st.one_of(st.just(""), values)) for name, values in GOOD.items()}
        row["Name"] = draw(GOOD["Name"])
        state = draw(st.sampled_from([LIVE, IN_BIN, GONE]))
        if state == GONE:
            row = {}
        row |= {
            "Id": f"a0T{number:012d}AAA",
            "IsDeleted": state,
            "SystemModstamp": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        }
        if state != GONE and draw(st.booleans()):
            odd = draw(st.sampled_from(sorted(ODD)))
            row[odd] = draw(ODD[odd])
        made.append(row)
    return made


def as_csv(some: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, page_fields(SPEC), quoting=csv.QUOTE_ALL, lineterminator="\n", extrasaction="ignore"
    )
    writer.writeheader()
    writer.writerows(some)
    return text.getvalue().encode()


def one_by_one(page: pa.Table, facts: PageFacts) -> tuple[list[dict], list[dict]]:
    from transforms.ingest.stage_rows import _events

    decoded = decode_events(_events(page, SPEC, facts), CATALOGUE).get("Thing__c")
    if decoded is None:
        return [], []
    typed = erase_changes(typed_table(decoded, SPEC, facts.batch), SPEC, decoded.erased).to_pylist()
    return typed, refused_table(decoded.refusals, facts.batch).to_pylist()


def by_place(some: list[dict]) -> list[dict]:
    return sorted(
        some, key=lambda row: (row["record_id"] or "", row.get("change_order", ""), row.get("ordinal", 0))
    )


@settings(max_examples=examples(60), deadline=None)
@given(
    rows(),
    st.sampled_from([0, 1_795_000_000_123]),
    st.sampled_from([None, SETTLED]),
    st.sampled_from([None, SETTLED - timedelta(seconds=20), SETTLED + timedelta(seconds=40.5)]),
    st.sets(st.sampled_from(sorted(GOOD))),
    st.sets(st.integers(0, 5)),
    st.booleans(),
)
def test_a_page_staged_by_columns_is_what_its_rows_are_one_by_one(
    some: list[dict[str, str]],
    reading: int,
    settled: datetime | None,
    stands_at: datetime | None,
    unasked: set[str],
    erased: set[int],
    is_partial: bool,
) -> None:
    if is_partial:
        some = [row for row in some if row["IsDeleted"] != GONE]
    page = protect_page(page_of_csv(as_csv(some), SPEC), SPEC, PROTECTOR).drop_columns(sorted(unasked))
    page = erase_page(page, SPEC, [f"a0T{number:012d}AAA" for number in erased]).raw
    facts = PageFacts("lane/1", "2", settled, reading, RECEIVED, stands_at, is_partial)
    typed, refused = one_by_one(page, facts)
    share = stage_rows(page, SPEC, CATALOGUE, facts)
    assert share.changes is not None
    assert by_place(share.changes.to_pylist()) == by_place(typed)
    assert len(share.refused) == len(refused)
    assert [row["reason"] for row in by_place(share.refused.to_pylist())] == [
        row["reason"] for row in by_place(refused)
    ]
    assert share.landed == count_changes(page)


def test_a_page_names_the_columns_that_it_has_when_it_lacks_one_and_is_an_update_when_it_is_partial() -> None:
    row = {"Id": "a0T000000000001AAA", "IsDeleted": "false", "SystemModstamp": "2026-11-01T12:00:00.000Z"}
    page = page_of_csv(as_csv([row | {"Name": "n"}]), SPEC)
    few = page.select(["Id", "IsDeleted", "SystemModstamp", "Name", "Day__c"])
    kinds = []
    for some, is_partial in ((page, False), (few, False), (few, True)):
        facts = PageFacts("lane/1", "2", SETTLED, 7, RECEIVED, is_partial=is_partial)
        changes = stage_rows(some, SPEC, CATALOGUE, facts).changes
        assert changes is not None
        kinds.append(tuple(changes.select(["change_type", "changed_fields"]).to_pylist()[0].values()))
    assert kinds == [("snapshot", None), ("snapshot", "name,day"), ("update", "name,day")]


def test_a_number_is_encrypted_alike_whether_it_comes_in_an_event_or_in_a_page() -> None:
    fields = {"Score__c": {"type": "double", "pii": "personal"}}
    described = {"objects": {"Thing__c": {"label": "T", "key_prefix": "a0T", "fields": fields}}}
    catalogue = Catalogue.model_validate(described)
    spec, protector = catalogue.objects["Thing__c"], Protector(DataKey("k", bytes(range(64))), catalogue)
    data = {"payload": {"ChangeEventHeader": {"entityName": "Thing__c"}, "Score__c": 1.5}}
    protector.protect_event(data)
    page = page_of_records([{"Id": "a0T000000000001AAA", "Score__c": 1.5}], spec)
    assert protect_page(page, spec, protector)["Score__c"].to_pylist() == [data["payload"]["Score__c"]]
    assert converter(spec.fields["Score__c"])(data["payload"]["Score__c"]) == data["payload"]["Score__c"]


def staged(row: dict[str, str], *, erased: bool = False, **facts: Any) -> list[dict[str, Any]]:
    """The changes of one row; none may be refused."""
    row = {"Id": "a0T000000000001AAA", "IsDeleted": LIVE, "SystemModstamp": "2026-11-01T12:00:00.000Z"} | row
    page = erase_page(page_of_csv(as_csv([row]), SPEC), SPEC, [row["Id"]] if erased else []).raw
    share = stage_rows(page, SPEC, CATALOGUE, PageFacts("lane/1", "2", None, 0, RECEIVED)._replace(**facts))
    assert share.refused.to_pylist() == []
    assert share.changes is not None
    return share.changes.to_pylist()


@pytest.mark.parametrize("count", ["7", "many"])
def test_a_row_stands_at_the_end_of_the_second_of_the_last_change_that_it_has_seen(count: str) -> None:
    row, stands_at = {"Name": "n", "Count__c": count}, SETTLED + timedelta(seconds=7.25)
    (change,) = staged(row, stands_at=stands_at)
    assert change["changed_at"] == SETTLED + timedelta(seconds=7.999)
    (change,) = staged(row, stands_at=stands_at - timedelta(seconds=9))
    assert change["changed_at"] == SETTLED + timedelta(seconds=0.999)
    (change,) = staged(row)
    assert change["changed_at"] == SETTLED + timedelta(seconds=0.999)


@pytest.mark.parametrize("count", ["7", "many"])
def test_a_row_ahead_of_the_clock_at_its_receipt_may_be_in_the_past_when_it_is_judged_again(
    count: str,
) -> None:
    row, behind = {"Name": "n", "Count__c": count}, SETTLED - timedelta(hours=1)
    (change,) = staged(row, received_at=behind, judged_at=SETTLED)
    assert (change["changed_at"], change["received_at"]) == (SETTLED + timedelta(seconds=0.999), behind)


@pytest.mark.parametrize("count", ["7", "many"])
def test_the_first_second_of_1970_is_a_place_and_the_one_before_is_none(count: str) -> None:
    row = {"Name": "n", "Count__c": count, "SystemModstamp": "1970-01-01T00:00:00.000Z"}
    (change,) = staged(row, settled_before=datetime(1970, 1, 1, tzinfo=UTC))
    assert change["change_order"].startswith(13 * "0" + ".")
    row |= {"Id": "a0T000000000001AAA", "IsDeleted": LIVE, "SystemModstamp": "1969-12-31T23:59:59.000Z"}
    facts = PageFacts("lane/1", "2", None, 0, RECEIVED, stands_at=SETTLED)
    share = stage_rows(page_of_csv(as_csv([row]), SPEC), SPEC, CATALOGUE, facts)
    assert (share.landed, share.refused["reason"].to_pylist()) == (1, [BAD_HEADER])


@pytest.mark.parametrize("count", ["7", "many"])
def test_an_erased_row_misses_nothing_that_the_erasure_took(count: str) -> None:
    (change,) = staged({"Name": "n", "Count__c": count}, erased=True)
    found = findings.read(change["field_findings"] or "[]")
    assert {each.field for each in found} == ({"Count__c"} if count == "many" else set())
    assert change["name"] is None
    assert "name" in change["isolated_fields"].split(",")


@pytest.mark.parametrize("count", ["7", "many"])
def test_an_erased_row_is_not_refused_for_what_the_erasure_took(count: str) -> None:
    name = SPEC.fields["Name"].model_dump() | {"severity": {"required": "reject"}}
    spec = with_fields(SPEC, {**SPEC.fields, "Name": FieldSpec.model_validate(name)})
    row = {"Id": "a0T000000000001AAA", "IsDeleted": LIVE, "SystemModstamp": "2026-11-01T12:00:00.000Z"}
    page = page_of_csv(as_csv([row | {"Count__c": count}]), spec)
    catalogue = Catalogue.model_construct(every_object={}, objects={"Thing__c": spec})
    facts = PageFacts("lane/1", "2", None, 0, RECEIVED)
    for raw, refused in ((page, 1), (erase_page(page, spec, [row["Id"]]).raw, 0)):
        assert len(stage_rows(raw, spec, catalogue, facts).refused) == refused


@pytest.mark.parametrize("count", ["7", "many"])
@pytest.mark.parametrize(
    ("state", "kinds"),
    [(LIVE, ["snapshot"]), ("", ["snapshot"]), ("yes", ["snapshot"]), (IN_BIN, ["snapshot", "delete"])],
)
def test_only_a_row_that_says_so_is_deleted(state: str, kinds: list[str], count: str) -> None:
    changes = staged({"Name": "n", "Count__c": count, "IsDeleted": state})
    assert sorted(each["change_type"] for each in changes) == sorted(kinds)


def test_a_record_that_is_gone_is_a_deletion_and_nothing_else() -> None:
    page = page_of_gone(["a0T000000000001AAA"], "2026-11-01T12:00:00.000Z", SPEC)
    facts = PageFacts("lane/1", "2", SETTLED, 7, RECEIVED)
    share = stage_rows(page, SPEC, CATALOGUE, facts)
    assert share.changes is not None
    event = purge_event(
        "Thing__c", Deletion("a0T000000000001AAA", round(SETTLED.timestamp() * 1_000)), reading=7
    )
    raw = RawEvent("2", "Thing__c", 1, round(RECEIVED.timestamp() * 1_000), orjson.dumps(event))
    expected = typed_table(decode_events([raw], CATALOGUE)["Thing__c"], SPEC, "lane/1")
    assert share.changes.to_pylist() == expected.to_pylist()
    assert (share.landed, len(share.refused)) == (1, 0)


def test_rest_and_bulk_give_the_same_page() -> None:
    record = {
        "Id": "a0T000000000001AAA",
        "IsDeleted": False,
        "SystemModstamp": "2026-11-01T12:00:00.000+0000",
        "Name": "n",
        "Flag__c": True,
        "Count__c": 3,
        "Score__c": 1.5,
        "Money__c": 10.0,
        "Day__c": "2026-01-02",
        "At__c": "2026-02-28T23:59:59.000+0000",
        "Secret__c": None,
    }
    line = {
        "Id": "a0T000000000001AAA",
        "IsDeleted": "false",
        "SystemModstamp": "2026-11-01T12:00:00.000Z",
        "Name": "n",
        "Flag__c": "true",
        "Count__c": "3",
        "Score__c": "1.5",
        "Money__c": "10.0",
        "Day__c": "2026-01-02",
        "At__c": "2026-02-28T23:59:59.000Z",
    }
    facts = PageFacts("lane/1", "2", SETTLED, 0, RECEIVED)
    rest = stage_rows(page_of_records([record], SPEC), SPEC, CATALOGUE, facts)
    bulk = stage_rows(page_of_csv(as_csv([line]), SPEC), SPEC, CATALOGUE, facts)
    assert rest.changes is not None
    assert rest.changes.equals(bulk.changes)
    assert len(rest.changes) == 1


def test_every_type_that_is_cast_has_an_odd_value_among_the_examples() -> None:
    tried = {SPEC.fields[name].type for name in ODD.keys() & SPEC.fields.keys()}
    assert {FieldType.BOOLEAN, FieldType.INT, FieldType.CURRENCY, FieldType.DATE, FieldType.DATETIME} <= tried
    assert row_events.__doc__
