"""Every landed change comes out typed or refused, never neither and never both."""

import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from schemas.catalogue import Catalogue, FieldSpec, FieldType, ObjectSpec
from schemas.ingest.raw import UNREADABLE_OBJECT
from schemas.quality import Rule
from tests.support.builders.bus import protector
from tests.support.builders.things import (
    CATALOGUE,
    COLUMNS,
    HEADER,
    ID,
    RECEIVED_MS,
    THING,
    as_dict,
    decoded,
    event,
    landed,
    typed,
)
from tests.unit.pii.test_protector import JSON
from transforms.drift.compare_schema import with_fields
from transforms.ingest.change_header import BAD_HEADER, change_order
from transforms.ingest.decode_events import (
    AHEAD_OF_CLOCK,
    BROKEN,
    BROKEN_MESSAGE,
    MISSING_REQUIRED,
    NEEDS_REREAD,
    REASONS,
    UNKNOWN_OBJECT,
    RawEvent,
    RefusedChange,
    decode_events,
)
from transforms.ingest.stage_events import stage_objects
from transforms.pii import is_token
from transforms.quality import findings

OTHER = "a0x000000000002AAA"


def change(body: dict[str, Any] | None = None, **header: Any) -> dict[str, Any]:
    (row,) = typed(event(body, **header))
    return row


def refusals(*events: dict[str, Any]) -> list[RefusedChange]:
    """The refusals of events of which none may come out typed."""
    shares = decoded(*copy.deepcopy(events)).values()
    assert [share.rows for share in shares if share.rows] == []
    return [refusal for share in shares for refusal in share.refusals]


# --- what comes out typed


def test_a_create_carries_every_value_in_its_type() -> None:
    body = {
        "Title__c": "a title",
        "Open__c": True,
        "Count__c": 7.0,
        "Score__c": 1,
        "Amount__c": 0.1,
        "Due__c": "2026-09-21",
        "At__c": "2026-09-21T14:00:00Z",
        "Parent__c": OTHER,
    }
    row = change(body)
    assert {name: row[name] for name in COLUMNS if row[name] is not None} == {
        "title": "a title",
        "open": True,
        "count": 7,
        "score": 1.0,
        "amount": Decimal("0.10"),
        "due": date(2026, 9, 21),
        "at": datetime(2026, 9, 21, 14, tzinfo=UTC),
        "parent": OTHER,
    }


def test_the_header_says_whose_change_it_is() -> None:
    row = change()
    assert row["record_id"] == ID
    assert row["change_order"] == change_order(1_790_000_000_000, 10_574_592_837_465, 1)
    assert row["changed_at"] == HEADER["commitTimestamp"]
    assert row["received_at"] == RECEIVED_MS
    assert (row["commit_user"], row["transaction_key"]) == (HEADER["commitUser"], HEADER["transactionKey"])


def test_a_merged_event_comes_out_as_a_change_a_record() -> None:
    rows = typed(event(recordIds=[ID, OTHER]))
    assert [row.pop("record_id") for row in rows] == [ID, OTHER]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("kind", ["CREATE", "UNDELETE"])
def test_what_a_whole_record_leaves_out_is_null(kind: str) -> None:
    row = change({"Title__c": "a"}, changeType=kind)
    assert row["changed_fields"] is None
    assert {row[name] for name in COLUMNS} == {"a", None}


def test_a_snapshot_names_what_it_carries_unless_that_is_everything() -> None:
    row = change({"Title__c": "a", "Count__c": None}, changeType="SNAPSHOT")
    assert row["changed_fields"] == "title,count"
    whole = {"Title__c": "a"} | {name: None for name in CATALOGUE.object(THING).fields if name != "Title__c"}
    assert change(whole, changeType="SNAPSHOT")["changed_fields"] is None


def test_an_update_carries_the_fields_that_changed() -> None:
    row = change({"Count__c": 7, "Open__c": False}, changeType="UPDATE")
    assert row["changed_fields"] == "count,open"


def test_a_field_that_an_update_nulls_is_among_the_changed() -> None:
    row = change({"Count__c": None}, changeType="UPDATE")
    assert (row["changed_fields"], row["count"]) == ("count", None)


def test_an_update_that_names_no_field_is_still_a_change() -> None:
    assert change({}, changeType="UPDATE")["changed_fields"] == ""


def test_a_delete_carries_no_field() -> None:
    row = change({}, changeType="DELETE")
    assert row["changed_fields"] == ""
    assert {row[name] for name in COLUMNS} == {None}


def test_values_in_a_delete_are_not_read() -> None:
    assert change({"Count__c": "no number"}, changeType="DELETE")["count"] is None


def test_a_compound_is_taken_apart() -> None:
    row = change({"Address": {"City": "Ghent", "Street": "Korenlei 1"}}, changeType="UPDATE")
    assert row["changed_fields"] == "city,street"
    assert row["city"] == "Ghent"
    assert is_token(row["street"])


def test_an_update_of_one_part_leaves_the_others_alone() -> None:
    assert change({"Address": {"City": "Ghent"}}, changeType="UPDATE")["changed_fields"] == "city"


def test_emptying_a_compound_empties_each_of_its_parts() -> None:
    row = change({"Address": None}, changeType="UPDATE")
    assert (row["changed_fields"], row["city"], row["street"]) == ("city,street", None, None)


def test_a_part_that_travels_by_itself_is_read_too() -> None:
    assert change({"City__c": "Ghent"}, changeType="UPDATE")["city"] == "Ghent"


def test_a_text_diff_is_marked_as_one() -> None:
    row = change({"Notes__c": {"diff": "--- \n+++ 0"}, "Count__c": 7}, changeType="UPDATE")
    assert (row["diff_fields"], row["notes"]) == ("notes", "--- \n+++ 0")


def test_what_is_required_is_not_demanded_of_an_update() -> None:
    assert change({"Count__c": 7}, changeType="UPDATE")["title"] is None


@pytest.mark.parametrize("name", ["commitUser", "changeOrigin", "transactionKey"])
def test_what_only_describes_a_change_may_be_absent(name: str) -> None:
    header = {key: value for key, value in HEADER.items() if key != name}
    (row,) = typed({"payload": {"ChangeEventHeader": header, "Title__c": "a"}})
    assert None in (row["commit_user"], row["change_origin"], row["transaction_key"])


def test_an_origin_that_is_too_long_is_cut() -> None:
    assert change(None, changeOrigin=300 * "x")["change_origin"] == 255 * "x"


# --- what is refused

REFUSED = [
    pytest.param(event(entityName="Lead"), UNKNOWN_OBJECT, "Lead", id="an unknown object"),
    pytest.param(
        event(commitTimestamp=RECEIVED_MS + 400_000),
        AHEAD_OF_CLOCK,
        "ahead of the clock",
        id="a time to come",
    ),
    pytest.param(
        event(commitTimestamp=4_102_444_800_000, changeType="GAP_UPDATE"),
        AHEAD_OF_CLOCK,
        "2100-01-01",
        id="a gap in the year 2100",
    ),
    *[
        pytest.param(event({}, changeType=kind), NEEDS_REREAD, kind, id=kind)
        for kind in ("GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE")
    ],
    pytest.param(
        event({}, changeType="GAP_OVERFLOW", recordIds=["000000000000000AAA"]),
        NEEDS_REREAD,
        "GAP_OVERFLOW",
        id="overflow",
    ),
    pytest.param(event(recordIds=["001*"]), NEEDS_REREAD, "read again", id="a wildcard"),
    pytest.param(event(recordIds=[ID, "001*"]), NEEDS_REREAD, "read again", id="a wildcard among ids"),
    pytest.param(event(changeType="RENAME"), NEEDS_REREAD, "RENAME", id="a kind of change nobody knows"),
    pytest.param({BROKEN: "{", "event": {}}, BROKEN_MESSAGE, "not JSON", id="a broken message"),
    pytest.param({"payload": {}}, BAD_HEADER, "no ChangeEventHeader", id="no header"),
    pytest.param({}, BAD_HEADER, "no ChangeEventHeader", id="no payload"),
    pytest.param({"payload": [1]}, BAD_HEADER, "no ChangeEventHeader", id="a payload that is a list"),
    pytest.param(
        {"payload": {"ChangeEventHeader": "x"}},
        BAD_HEADER,
        "no ChangeEventHeader",
        id="a header that is a text",
    ),
    pytest.param(event(recordIds=[]), BAD_HEADER, "has no recordIds", id="no ids"),
    pytest.param(event(recordIds=None), BAD_HEADER, "has no recordIds", id="ids that are null"),
    pytest.param(event(recordIds=ID), BAD_HEADER, "has no recordIds", id="ids that are a text"),
    pytest.param(event(recordIds={ID: 1}), BAD_HEADER, "no record id", id="ids that are an object"),
    pytest.param(event(recordIds=[7]), BAD_HEADER, "no record id", id="an id that is a number"),
    pytest.param(event(recordIds=[""]), BAD_HEADER, "no record id", id="an empty id"),
    pytest.param(event(recordIds=[19 * "0"]), BAD_HEADER, "no record id", id="an id that is too long"),
    pytest.param(event(recordIds=["a0x\x00"]), BAD_HEADER, "no record id", id="an id with a NUL"),
    pytest.param(event(commitTimestamp=-1), BAD_HEADER, "out of range", id="a time before 1970"),
    pytest.param(event(commitTimestamp=10**13), BAD_HEADER, "out of range", id="a time after 2286"),
    pytest.param(event(commitTimestamp="soon"), BAD_HEADER, "lacks or misspells", id="a time that is a text"),
    pytest.param(event(commitTimestamp=None), BAD_HEADER, "lacks or misspells", id="no time"),
    pytest.param(event(commitNumber=-1), BAD_HEADER, "out of range", id="a negative commit number"),
    pytest.param(
        event(commitNumber=1e30), BAD_HEADER, "out of range", id="a commit number beyond its digits"
    ),
    pytest.param(event(sequenceNumber=-1), BAD_HEADER, "out of range", id="a negative sequence"),
    pytest.param(event(sequenceNumber=10**8), BAD_HEADER, "out of range", id="a sequence beyond its digits"),
    pytest.param(event(commitUser=7), BAD_HEADER, "commitUser is no text", id="a user that is a number"),
    pytest.param(
        event(transactionKey={}), BAD_HEADER, "transactionKey is no text", id="a key that is an object"
    ),
    pytest.param(
        event(changeOrigin="\x00"), BAD_HEADER, "changeOrigin is no text", id="an origin with a NUL"
    ),
]


@pytest.mark.parametrize(("data", "reason", "says"), REFUSED)
def test_what_does_not_fit_is_refused_with_the_reason(data: dict[str, Any], reason: str, says: str) -> None:
    refused = refusals(data)
    assert {refusal.reason for refusal in refused} == {reason}
    assert says in refused[0].detail


def test_a_time_as_far_ahead_as_clocks_may_differ_is_no_time_to_come() -> None:
    assert change(commitTimestamp=RECEIVED_MS + 300_000)["changed_at"] == RECEIVED_MS + 300_000
    (refusal,) = refusals(event(commitTimestamp=RECEIVED_MS + 300_001))
    assert refusal.reason == AHEAD_OF_CLOCK


def test_every_reason_that_is_no_rule_has_an_example_here() -> None:
    assert {row.values[1] for row in REFUSED} == set(REASONS) - set(Rule) - {MISSING_REQUIRED}


# --- what is isolated: the rest of its change comes out typed


def found(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each.field, each.rule) for each in findings.read(row["field_findings"] or "[]")]


ISOLATED = [
    pytest.param({"Nick__c": "x"}, "Nick__c", Rule.UNKNOWN_FIELD, None, id="an unknown field"),
    pytest.param({"Nick__c": None}, "Nick__c", Rule.UNKNOWN_FIELD, None, id="an unknown field that is null"),
    pytest.param({"Address": {"Zip": "9"}}, "Address.Zip", Rule.UNKNOWN_FIELD, None, id="an unknown part"),
    pytest.param({"Address": "Ghent"}, "Address", Rule.UNKNOWN_FIELD, None, id="a compound that is a text"),
    pytest.param({"Count__c": "7"}, "Count__c", Rule.WRONG_TYPE, "count", id="a wrong type"),
    pytest.param({"Email__c": 7}, "Email__c", Rule.WRONG_TYPE, "email", id="a wrong type behind encryption"),
    pytest.param({"Address": {"City": 7}}, "City__c", Rule.WRONG_TYPE, "city", id="a wrong type in a part"),
    pytest.param({"Open__c": {"diff": "x"}}, "Open__c", Rule.WRONG_TYPE, "open", id="a diff of a truth"),
    pytest.param({"Notes__c": {"diff": 7}}, "Notes__c", Rule.WRONG_TYPE, "notes", id="a diff of numbers"),
    pytest.param({"Notes__c": {"diff": "", "x": 1}}, "Notes__c", Rule.WRONG_TYPE, "notes", id="half a diff"),
    pytest.param({"Title__c": 21 * "x"}, "Title__c", Rule.TOO_LONG, "title", id="too long"),
    pytest.param({"Count__c": 2**63}, "Count__c", Rule.OUT_OF_RANGE, "count", id="more than 64 bits"),
]


@pytest.mark.parametrize(("body", "field", "rule", "column"), ISOLATED)
@pytest.mark.parametrize("kind", ["CREATE", "UPDATE"])
def test_a_field_that_does_not_fit_is_isolated_and_the_rest_lands(
    kind: str, body: dict[str, Any], field: str, rule: Rule, column: str | None
) -> None:
    row = change({"Title__c": "a", "Score__c": 1.5, **body}, changeType=kind)
    assert found(row) == [(field, rule)]
    assert row["isolated_fields"] == column
    assert row["score"] == 1.5
    assert column is None or row[column] is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [({}, "CREATE"), ({"Title__c": None}, "CREATE"), ({}, "UNDELETE"), ({"Title__c": None}, "UPDATE")],
)
def test_a_missing_value_is_named_and_its_change_lands(body: dict[str, Any], kind: str) -> None:
    row = change(body, changeType=kind)
    assert (found(row), row["isolated_fields"]) == ([("Title__c", Rule.REQUIRED)], None)


@pytest.mark.parametrize(
    ("body", "severity", "reason"),
    [
        ({"Title__c": None}, {"required": "reject"}, MISSING_REQUIRED),
        ({"Title__c": "b"}, {"values": "reject"}, Rule.VALUES),
    ],
)
def test_a_rule_of_severity_reject_refuses_the_change(
    body: dict[str, Any], severity: dict[str, str], reason: str
) -> None:
    spec = CATALOGUE.object(THING)
    entry = spec.fields["Title__c"].model_dump() | {"values": ["a"], "severity": severity}
    changed = with_fields(spec, {**spec.fields, "Title__c": FieldSpec.model_validate(entry)})
    catalogue = Catalogue.model_construct(every_object={}, objects={THING: changed})
    share = stage_objects(landed(event(body)), catalogue, batch="lane/7")[THING]
    assert share.refused["reason"].to_pylist() == [reason]


def test_rounding_is_noted_once_a_batch() -> None:
    rows = typed(*(event({"Title__c": "a", "Amount__c": 1.005}) for _ in range(3)))
    assert [found(row) for row in rows] == [[("Amount__c", Rule.ROUNDED)], [], []]


def test_a_snapshot_keeps_every_digit_that_its_text_has_and_an_event_asks_for_them() -> None:
    body = {"Title__c": "a", "Amount__c": 123_456_789_012_345.67}
    row = change(body, changeType="SNAPSHOT")
    assert (row["amount"], found(row)) == (Decimal("123456789012345.67"), [])
    row = change(body, changeType="UPDATE")
    assert (row["amount"], found(row)) == (None, [("Amount__c", Rule.DIGITS_LOST)])


@pytest.mark.parametrize("name", ["entityName", "recordIds", "changeType", "commitTimestamp", "commitNumber"])
def test_a_header_without_its_place_is_refused(name: str) -> None:
    header = {key: value for key, value in HEADER.items() if key != name}
    (refusal,) = refusals({"payload": {"ChangeEventHeader": header}})
    assert refusal.reason == BAD_HEADER
    assert name in refusal.detail


def test_a_merged_event_is_refused_record_by_record() -> None:
    refused = refusals(event({}, changeType="GAP_UPDATE", recordIds=[ID, OTHER]))
    assert [(refusal.record_id, refusal.ordinal) for refusal in refused] == [(ID, 0), (OTHER, 1)]


def test_refusals_are_numbered_through_the_batch() -> None:
    refused = refusals(event(entityName="Lead"), event(changeType="GAP_UPDATE"), event(entityName="Task"))
    assert sorted(refusal.ordinal for refusal in refused) == [0, 1, 2]


def test_a_refusal_keeps_the_event_as_it_was_landed() -> None:
    data = event({"Email__c": "ada@example.org", "Nick__c": "x"}, changeType="GAP_UPDATE")
    (row,) = landed(copy.deepcopy(data)).to_pylist()
    (refusal,) = refusals(data)
    assert refusal.event.decode() == row["event"]
    assert (refusal.position, refusal.received_ms) == ("1", RECEIVED_MS)


def test_one_bad_event_does_not_cost_the_good_ones() -> None:
    share = decoded(event(), event(recordIds=["001*"]), event())[THING]
    assert (share.landed, len(share.rows), len(share.refusals)) == (3, 2, 1)


def test_an_unreadable_message_stands_under_no_object() -> None:
    assert list(decoded({BROKEN: "{"})) == [UNREADABLE_OBJECT]


def test_a_long_detail_is_cut_to_a_thousand_characters() -> None:
    names = [f"Object{number:03d}__c" for number in range(100)]
    objects = {name: {"label": name, "key_prefix": f"{number:03d}"} for number, name in enumerate(names)}
    parent = {"type": "reference", "references": names, "severity": {"references": "reject"}}
    thing = {"label": "T", "key_prefix": "a0x", "fields": {"Parent__c": parent}}
    described = {each: {**objects[each], "fields": {"A__c": {"type": "int"}}} for each in names}
    catalogue = Catalogue.model_validate({"objects": {**described, THING: thing}})
    raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(event({"Parent__c": "zzz" + 15 * "0"})))
    (refusal,) = decode_events([raw], catalogue)[THING].refusals
    assert (refusal.reason, len(refusal.detail)) == (Rule.REFERENCES, 1_000)


def test_a_finding_does_not_show_what_a_field_holds() -> None:
    for body in ({"Email__c": ["hush"]}, {"Nick__c": "hush"}, {"Count__c": "hush"}):
        assert "hush" not in change({"Title__c": "a", **body})["field_findings"]


def test_a_field_of_any_name_can_be_named_in_a_finding() -> None:
    row = change({"Title__c": "a", "x\x00" + 2_000 * "y": "a"})
    (finding,) = findings.read(row["field_findings"])
    assert len(finding.field) <= 255
    assert "\x00" not in finding.field


# --- order


@given(*(st.tuples(st.integers(0, 10**13 - 1), st.integers(0, 10**20 - 1), st.integers(0, 10**8 - 1)),) * 2)
def test_change_order_sorts_by_time_then_number_then_sequence(
    one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    assert (change_order(*one) < change_order(*other)) == (one < other)


# --- law 8

FIELDS = [*CATALOGUE.object(THING).fields, "Address", "Nick__c"]
GOOD = st.fixed_dictionaries({"Title__c": st.just("a")})
BODIES = GOOD | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4)
HEADERS = st.dictionaries(st.sampled_from(list(HEADER)), JSON | st.lists(JSON, max_size=3), max_size=2)
KINDS = st.sampled_from(["CREATE", "UPDATE", "UPDATE", "DELETE", "UNDELETE", "GAP_UPDATE"])


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """An event of which anything may be wrong, and often nothing is."""
    ids = draw(st.lists(st.sampled_from([ID, OTHER, "001*"]), min_size=1, max_size=3))
    header = {"changeType": draw(KINDS), "recordIds": ids} | (draw(HEADERS) if draw(st.booleans()) else {})
    data = event(draw(BODIES), **header)
    if draw(st.integers(0, 5)) == 0:
        data |= draw(
            st.dictionaries(st.sampled_from(["payload", "event", "schema", BROKEN, "x"]), JSON, max_size=2)
        )
    return data


@settings(max_examples=150)
@given(st.lists(mutated(), min_size=1, max_size=4))
def test_landed_is_typed_plus_refused_whatever_an_event_holds(events: list[dict[str, Any]]) -> None:
    raw = landed(*events)
    shares = stage_objects(raw, CATALOGUE, batch="lane/7")
    assert sum(share.landed for share in shares.values()) == sum(raw["changes"].to_pylist())
    for share in shares.values():
        assert share.landed == (0 if share.changes is None else len(share.changes)) + len(share.refused)
        assert set(share.refused["reason"].to_pylist()) <= set(REASONS)


# --- fields of which a whole record may say nothing


def _read(spec: ObjectSpec, payload: dict[str, Any], kind: str) -> str | None:
    """The columns that a change of the kind says something of; None for all."""
    catalogue = Catalogue.model_construct(every_object={}, objects={THING: spec})
    data = {"payload": {"ChangeEventHeader": HEADER | {"changeType": kind}, **payload}}
    raw = RawEvent("7", THING, 1, RECEIVED_MS, orjson.dumps(data))
    ((row,),) = [share.rows for share in decode_events([raw], catalogue).values()]
    return as_dict(row)["changed_fields"]


@pytest.mark.parametrize("mark", ["held", "calculated"])
@pytest.mark.parametrize("kind", ["CREATE", "UNDELETE"])
def test_a_whole_record_says_nothing_of_a_loose_field_unless_it_carries_it(mark: str, kind: str) -> None:
    spec = CATALOGUE.object(THING)
    loose = spec.fields["Score__c"].model_copy(update={mark: True})
    changed = with_fields(spec, {**spec.fields, "Score__c": loose})
    others = ",".join(column for column in COLUMNS if column != "score")
    assert _read(changed, {"Title__c": "a"}, kind) == others
    assert _read(changed, {"Title__c": "a", "Score__c": 1.0}, kind) is None
    assert _read(changed, {"Score__c": 1.0}, "UPDATE") == "score"


def test_what_was_encrypted_before_an_added_field_was_known_to_be_harmless_is_left_out_and_nothing_else() -> (
    None
):
    spec = CATALOGUE.object(THING)
    added = FieldSpec(type=FieldType.DOUBLE, added=True)
    changed = with_fields(spec, {**spec.fields, "Score__c": added})
    token = protector().encrypt(f"{THING}.Score__c", 1.0)
    assert _read(changed, {"Count__c": 1, "Score__c": token}, "UPDATE") == "count"
    assert _read(changed, {"Title__c": "a", "Score__c": token}, "CREATE") == ",".join(
        column for column in COLUMNS if column != "score"
    )
