"""Describe and catalogue side by side: what each difference is called, and what follows from it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.catalogue import Catalogue, FieldSpec, FieldType, Pii
from schemas.drift import DriftEffect, DriftKind, DriftPolicy, DriftRow, FieldDrift
from schemas.salesforce.object_shape import FieldDescription
from transforms.catalogue.described_entries import NOT_KEPT
from transforms.drift.compare_schema import compare_schema, overlaid, with_fields

FIELDS: dict[str, dict[str, Any]] = {
    "Name": {"type": "string", "length": 80, "required": True},
    "Note__c": {"type": "textarea", "length": 4000},
    "Score__c": {"type": "double"},
    "Paid__c": {"type": "currency", "scale": 2},
    "Total__c": {"type": "currency", "scale": 2, "calculated": True},
    "City": {"type": "string", "length": 40, "part_of": "Address"},
}
CATALOGUE = Catalogue.model_validate(
    {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "fields": FIELDS}}}
)
SPEC = CATALOGUE.object("Thing__c")
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def described(**changes: dict[str, Any] | None) -> list[FieldDescription]:
    """The fields as the catalogue has them, but for `changes`; None takes a field away."""
    facts: dict[str, dict[str, Any]] = {
        "Id": {"type": "id", "length": 18},
        "LastViewedDate": {"type": "datetime"},
        "Address": {"type": "address"},
        "Name": {"type": "string", "length": 80, "nullable": False, "required": True},
        "Note__c": {"type": "textarea", "length": 4000},
        "Score__c": {"type": "double", "scale": 2},
        "Paid__c": {"type": "currency", "scale": 2},
        "Total__c": {"type": "currency", "scale": 2, "calculated": True},
        "City": {"type": "string", "length": 40},
    }
    for name, change in changes.items():
        if change is None:
            del facts[name]
        else:
            facts[name] = facts.get(name, {}) | change
    return [FieldDescription(name=name, **fact) for name, fact in facts.items()]


def found(policy: DriftPolicy | None = None, /, **changes: dict[str, Any] | None) -> list[FieldDrift]:
    return compare_schema(SPEC, described(**changes), policy or DriftPolicy(), {})


def row(decided: FieldDrift, revision: int = 1) -> DriftRow:
    return DriftRow(**dict(decided), revision=revision, at=NOW, found_by="t")


def test_an_org_that_is_as_the_catalogue_says_has_no_drift() -> None:
    assert found() == []


def test_a_new_field_is_added_encrypted_until_somebody_says_what_is_in_it() -> None:
    (new,) = found(Grade__c={"type": "string", "length": 20})
    assert (new.kind, new.effect, new.was, new.now) == ("added", "added", "", "string(20)")
    assert new.spec == FieldSpec(type=FieldType.STRING, length=20, pii=Pii.PERSONAL, added=True)
    assert "encrypted" in new.advice


def test_the_policy_says_how_a_new_field_is_treated_and_whether_it_is_kept() -> None:
    grade = {"type": "double"}
    (clear,) = found(DriftPolicy(pii=Pii.NONE), Grade__c=grade)
    assert clear.spec is not None
    assert (clear.spec.pii, clear.advice) == (Pii.NONE, "")
    (told,) = found(DriftPolicy(add=False), Grade__c=grade)
    assert (told.effect, told.spec) == (DriftEffect.REPORTED, None)


def test_a_new_field_that_the_org_works_out_is_kept_only_if_the_policy_says_so() -> None:
    days = {"type": "double", "calculated": True}
    (told,) = found(DaysOpen__c=days)
    assert (told.kind, told.effect) == (DriftKind.ADDED, DriftEffect.REPORTED)
    (kept,) = found(DriftPolicy(add_calculated=True), DaysOpen__c=days)
    assert kept.spec is not None
    assert (kept.effect, kept.spec.calculated) == (DriftEffect.ADDED, True)


def test_a_percentage_that_is_a_number_now_is_no_drift() -> None:
    assert found(Score__c={"type": "percent"}) == []


@pytest.mark.parametrize("change", [{"type": kind} for kind in (*sorted(NOT_KEPT), "of_tomorrow")])
def test_a_new_field_of_a_type_that_is_not_kept_is_reported(change: dict[str, Any]) -> None:
    (new,) = found(Odd__c=change)
    assert (new.kind, new.effect) == (DriftKind.UNKNOWN, DriftEffect.REPORTED)


@pytest.mark.parametrize(
    "name", ["Version", "name__c", "set_0", "xmin", 30 * "Ab" + "__c", 38 * "Ab" + "__c"]
)
def test_a_new_field_whose_column_is_taken_gets_another_one(name: str) -> None:
    (new,) = found(**{name: {"type": "double"}})
    assert (new.kind, new.effect) == (DriftKind.ADDED, DriftEffect.ADDED)
    assert new.spec is not None
    columns = with_fields(SPEC, {**SPEC.fields, name: new.spec}).columns
    assert len(set(columns.values())) == len(columns)
    assert len(columns[name]) <= 63


def test_a_reference_that_names_no_object_is_an_id() -> None:
    (new,) = found(Odd__c={"type": "reference"})
    assert new.spec is not None
    assert new.spec.type is FieldType.ID


def test_a_removed_field_is_held() -> None:
    (gone,) = found(Score__c=None)
    assert (gone.kind, gone.effect) == (DriftKind.REMOVED, DriftEffect.HELD)
    assert gone.spec == SPEC.fields["Score__c"].model_copy(update={"held": True})
    assert "make it visible again" in gone.advice


def test_a_longer_text_is_taken_over() -> None:
    (wider,) = found(Name={"type": "textarea", "length": 255})
    assert (wider.kind, wider.effect, wider.now) == ("widened", "changed", "textarea(255)")
    assert wider.spec is not None
    assert (wider.spec.length, wider.spec.required, wider.advice) == (255, True, "")


def test_another_text_type_of_the_same_length_is_taken_over() -> None:
    (other,) = found(Name={"type": "textarea"})
    assert (other.kind, other.effect, other.now) == ("widened", "changed", "textarea(80)")


def test_a_longer_text_is_reported_where_columns_have_lengths() -> None:
    (wider,) = found(DriftPolicy(widen=False), Name={"length": 255})
    assert (wider.kind, wider.effect, wider.spec) == ("widened", "reported", None)
    assert wider.advice.startswith("Widen the column")


@pytest.mark.parametrize("length", [300, 0])
def test_a_text_that_is_shorter_or_of_which_no_length_is_said_is_no_drift(length: int) -> None:
    assert found(Note__c={"length": length}) == []


def test_a_length_says_nothing_of_a_number() -> None:
    assert found(Score__c={"length": 300}) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("Note__c", {"type": "double", "length": 0}),
        ("Note__c", {"type": "string", "length": 255}),
        ("Score__c", {"type": "string", "length": 255}),
        ("Score__c", {"calculated": True}),
        ("Total__c", {"calculated": False}),
    ],
)
def test_a_type_with_less_room_or_of_another_kind_holds_the_field(name: str, change: dict[str, Any]) -> None:
    (other,) = found(**{name: change})
    assert (other.kind, other.effect) == (DriftKind.RETYPED, DriftEffect.HELD)
    assert "Convert the column" in other.advice


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"precision": 18, "scale": 4}, "scale", "rounded to 2 decimal places"),
        ({"precision": 18, "scale": 0}, "digits", "more than 16 digits before the point are isolated"),
    ],
)
def test_numbers_with_more_digits_than_the_column_are_read_on_and_reported_once(
    change: dict[str, Any], kind: str, told: str
) -> None:
    (more,) = found(Paid__c=change)
    assert (more.kind, more.effect, more.spec) == (kind, "reported", None)
    assert told in more.advice
    assert f"`scale: {change['scale']}`" in more.advice
    assert compare_schema(SPEC, described(Paid__c=change), DriftPolicy(), {"Paid__c": row(more)}) == []


def test_numbers_that_need_less_room_than_the_column_has_are_no_drift() -> None:
    assert found(Paid__c={"precision": 10, "scale": 1}) == []


@pytest.mark.parametrize(("precision", "is_told"), [(15, False), (16, True), (18, True), (19, False)])
def test_a_binary_number_of_more_than_15_digits_is_reported_once(precision: int, *, is_told: bool) -> None:
    more = found(Score__c={"precision": precision, "scale": 2})
    assert [each.kind for each in more] == (["scale"] if is_told else [])


def test_digits_are_not_told_of_a_whole_number_or_of_what_the_org_works_out() -> None:
    count = with_fields(SPEC, {**SPEC.fields, "Count__c": FieldSpec(type="long")})
    there = described(Count__c={"type": "long", "precision": 18}, Total__c={"precision": 18, "scale": 4})
    assert compare_schema(count, there, DriftPolicy(), {}) == []


def test_a_field_that_was_held_for_its_scale_is_read_again() -> None:
    held = with_fields(
        SPEC, {**SPEC.fields, "Paid__c": SPEC.fields["Paid__c"].model_copy(update={"held": True})}
    )
    (back,) = compare_schema(held, described(Paid__c={"scale": 4}), DriftPolicy(), {})
    assert back.kind is DriftKind.RESTORED


def test_two_things_to_look_at_in_one_field_are_one_report() -> None:
    change = {"precision": 18, "scale": 3, "required": True, "nullable": False}
    (both,) = found(Paid__c=change)
    assert both.now == "currency(3), required"
    assert "rounded" in both.advice
    assert "required" in both.advice
    assert compare_schema(SPEC, described(Paid__c=change), DriftPolicy(), {"Paid__c": row(both)}) == []


def test_a_part_of_a_compound_is_known_as_one_from_now_on() -> None:
    changes = {"Name": {"compound": "FullName"}, "City": {"compound": "Address"}}
    (part,) = found(**changes)
    assert (part.field, part.kind, part.effect) == ("Name", DriftKind.PART, DriftEffect.CHANGED)
    assert part.was == "string(80), no part"
    assert part.advice.startswith("Say `part_of: FullName` in the catalogue")
    assert part.advice.endswith("as FullName.Name.")
    after = overlaid(CATALOGUE, [row(part)])["Thing__c"]
    assert after.compounds == {"FullName": {"Name": "Name"}, "Address": {"City": "City"}}
    assert compare_schema(after, described(**changes), DriftPolicy(), {"Name": row(part)}) == []


def test_a_part_goes_by_its_name_inside_the_compound_and_a_name_that_the_file_gives_stays() -> None:
    street = {"type": "string", "length": 80}
    change = described(BillingStreet=street | {"compound": "BillingAddress"})
    bare = with_fields(SPEC, {**SPEC.fields, "BillingStreet": FieldSpec(**street)})
    (part,) = compare_schema(bare, change, DriftPolicy(), {})
    assert part.spec is not None
    assert (part.spec.part_of, part.spec.part) == ("BillingAddress", "Street")
    assert "`part_of: BillingAddress, part: Street`" in part.advice
    assert part.advice.endswith("as BillingAddress.Street.")
    own = FieldSpec(**street, part_of="BillingAddress", part="Road")
    assert (
        compare_schema(with_fields(SPEC, {**SPEC.fields, "BillingStreet": own}), change, DriftPolicy(), {})
        == []
    )
    unnamed = FieldSpec(**street, part_of="BillingAddress")
    (part,) = compare_schema(
        with_fields(SPEC, {**SPEC.fields, "BillingStreet": unnamed}), change, DriftPolicy(), {}
    )
    assert part.was == "string(80), part of BillingAddress"


def test_a_part_that_another_field_has_taken_is_reported() -> None:
    entries = {
        **SPEC.fields,
        "BillingCity": FieldSpec(type="string", length=40),
        "Town": FieldSpec(type="string", length=40, part_of="BillingAddress", part="City"),
    }
    change = described(
        BillingCity={"type": "string", "length": 40, "compound": "BillingAddress"},
        Town={"type": "string", "length": 40},
    )
    (part,) = compare_schema(with_fields(SPEC, entries), change, DriftPolicy(), {})
    assert (part.kind, part.effect, part.spec) == (DriftKind.PART, DriftEffect.REPORTED, None)


def test_a_name_that_the_org_puts_together_is_no_field_unless_the_catalogue_says_so() -> None:
    parts = {
        "FirstName": {"type": "string", "length": 40, "compound": "FullName"},
        "FullName": {"type": "string", "length": 121, "composed": True},
    }
    assert [each.field for each in found(**parts)] == ["FirstName"]
    said = with_fields(SPEC, {**SPEC.fields, "FullName": FieldSpec(type="string", length=121)})
    assert [each.field for each in compare_schema(said, described(**parts), DriftPolicy(), {})] == [
        "FirstName"
    ]


def test_a_compound_that_the_catalogue_has_as_a_field_is_compared_like_any_other() -> None:
    parts = {
        "FirstName": {"type": "string", "length": 40, "compound": "FullName"},
        "FullName": {"type": "string", "length": 121},
    }
    first = FieldSpec(type="string", length=40, part_of="FullName")
    parts_alone = with_fields(SPEC, {**SPEC.fields, "FirstName": first})
    assert compare_schema(parts_alone, described(**parts), DriftPolicy(), {}) == []
    both = with_fields(SPEC, {**parts_alone.fields, "FullName": FieldSpec(type="string", length=121)})
    assert compare_schema(both, described(**parts), DriftPolicy(), {}) == []
    (wider,) = compare_schema(
        both, described(**parts | {"FullName": {"type": "string", "length": 200}}), DriftPolicy(), {}
    )
    assert (wider.field, wider.kind) == ("FullName", DriftKind.WIDENED)


def test_what_the_file_says_of_a_field_since_a_decision_is_not_undone_by_it() -> None:
    (wider,) = found(Name={"length": 255})
    said = {**FIELDS, "Name": FIELDS["Name"] | {"pii": "personal"}}
    file = Catalogue.model_validate(
        {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "fields": said}}}
    )
    entry = overlaid(file, [row(wider)])["Thing__c"].fields["Name"]
    assert (entry.length, entry.pii) == (255, Pii.PERSONAL)


def test_a_field_that_comes_as_another_of_its_type_goes_is_guessed_to_be_renamed_and_treated_as_both() -> (
    None
):
    drifts = found(Score__c=None, Points__c={"type": "double", "scale": 2})
    assert {each.field: each.effect for each in drifts} == {"Score__c": "held", "Points__c": "added"}
    assert all("erhaps" in each.advice for each in drifts)


@pytest.mark.parametrize(
    ("gone", "new", "is_guessed"),
    [
        ("Score__c", {"type": "currency"}, False),
        ("Note__c", {"type": "textarea", "length": 4000}, True),
        ("Note__c", {"type": "textarea", "length": 3000}, False),
        ("Note__c", {"type": "string", "length": 4000}, False),
    ],
)
def test_a_name_is_guessed_for_the_same_type_and_length_alone(
    gone: str, new: dict[str, Any], *, is_guessed: bool
) -> None:
    drifts = found(**{gone: None, "New__c": new})
    assert [each.kind for each in drifts] == ["removed", "added"]
    assert ["erhaps" in each.advice for each in drifts] == [is_guessed, is_guessed]


def test_no_name_is_guessed_when_two_would_fit() -> None:
    drifts = found(Score__c=None, A__c={"type": "double"}, B__c={"type": "double"})
    assert not any("erhaps" in each.advice for each in drifts)


def test_rules_about_required_fields_are_reported_and_only_once() -> None:
    drifts = found(Name={"nullable": True, "required": False}, Note__c={"required": True, "nullable": False})
    assert {each.field: (each.kind, each.effect) for each in drifts} == {
        "Name": ("optional", "reported"),
        "Note__c": ("required", "reported"),
    }
    history = {each.field: row(each) for each in drifts}
    changed = described(Name={"nullable": True, "required": False})
    assert compare_schema(SPEC, changed, DriftPolicy(), history) == []


def test_what_was_decided_is_the_catalogue_afterwards() -> None:
    changes: dict[str, dict[str, Any] | None] = {
        "Score__c": None,
        "Grade__c": {"type": "string", "length": 20},
        "Note__c": {"length": 9000},
    }
    decided = [row(each, number) for number, each in enumerate(found(**changes), 1)]
    after = overlaid(CATALOGUE, decided)["Thing__c"]
    assert compare_schema(after, described(**changes), DriftPolicy(), {}) == []
    assert list(after.fields) == [*SPEC.fields, "Grade__c"]
    assert "Score__c" not in after.read_fields
    assert after.columns["Grade__c"] == "grade"


def test_a_held_field_that_is_there_again_is_released() -> None:
    (gone,) = found(Score__c=None)
    held = overlaid(CATALOGUE, [row(gone)])["Thing__c"]
    (back,) = compare_schema(held, described(), DriftPolicy(), {})
    assert (back.kind, back.effect) == (DriftKind.RESTORED, DriftEffect.RELEASED)
    again = overlaid(CATALOGUE, [row(gone), row(back, 2)])["Thing__c"]
    assert again.fields == SPEC.fields


def test_the_file_counts_once_it_says_otherwise_than_what_was_decided_about() -> None:
    (new,) = found(Grade__c={"type": "string", "length": 20})
    said = {**FIELDS, "Grade__c": {"type": "string", "length": 20, "pii": "none"}}
    file = Catalogue.model_validate(
        {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "fields": said}}}
    )
    assert overlaid(file, [row(new)]) == file.objects
