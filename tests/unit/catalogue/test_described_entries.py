"""A field as the org describes it, and the entry that follows from it."""

from typing import Any

import pytest

from schemas.catalogue import FieldType, Pii
from schemas.salesforce.object_shape import FieldDescription
from transforms.catalogue.described_entries import (
    described_entry,
    described_fields,
    kind_of,
    part_name,
    scale_of,
    text_length,
)


def field(name: str = "A", kind: str = "string", **facts: Any) -> FieldDescription:
    return FieldDescription(name=name, type=kind, **facts)


@pytest.mark.parametrize(
    "name", ["Id", "IsDeleted", "SystemModstamp", "LastViewedDate", "LastReferencedDate"]
)
def test_what_every_row_has_and_what_the_reader_did_are_no_fields(name: str) -> None:
    assert list(described_fields([field(name, "datetime"), field("A")])) == ["A"]


@pytest.mark.parametrize("kind", ["address", "location"])
def test_a_compound_is_its_parts(kind: str) -> None:
    fields = [field("Home__c", kind), field("Home__City__s", compound="Home__c")]
    assert list(described_fields(fields, {"Home__c"})) == ["Home__City__s"]


@pytest.mark.parametrize(
    ("facts", "known", "is_field"),
    [
        pytest.param({"composed": True}, [], False, id="put together by the org"),
        pytest.param({"composed": True}, ["Name"], True, id="put together, and in the catalogue"),
        pytest.param({}, [], True, id="a text of its own"),
        pytest.param({"kind": "json"}, [], False, id="of a type that is not kept"),
    ],
)
def test_a_name_with_parts_is_a_field_where_it_is_a_value(
    facts: dict[str, Any], known: list[str], *, is_field: bool
) -> None:
    fields = described_fields([field("Name", **facts), field("FirstName", compound="Name")], known)
    assert ("Name" in fields) is is_field
    assert "FirstName" in fields


@pytest.mark.parametrize(
    ("compound", "name", "part"),
    [
        ("BillingAddress", "BillingCity", "City"),
        ("BillingAddress", "ShippingCity", None),
        ("BillingAddress", "Billing", None),
        ("Address", "City", "City"),
        ("Name", "FirstName", None),
        ("Name", "NameLocal", None),
        ("Home__c", "Home__City__s", "City"),
        ("ns__Home__c", "ns__Home__City__s", "City"),
        ("Home__c", "Other__City__s", None),
        ("Home__c", "Home__City__c", None),
        ("", "City", None),
    ],
)
def test_a_part_has_its_name_without_that_of_the_compound(compound: str, name: str, part: str | None) -> None:
    assert part_name(field(name, compound=compound)) == part


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        (field(kind="string"), FieldType.STRING),
        (field(kind="reference", references=("User",)), FieldType.REFERENCE),
        (field(kind="reference"), FieldType.ID),
        (field(kind="id"), FieldType.ID),
        (field(kind="base64"), None),
        (field(kind="json"), None),
        (field(kind="of_tomorrow"), None),
    ],
)
def test_a_type_is_kept_as_it_is_called_or_not_at_all(
    described: FieldDescription, kind: FieldType | None
) -> None:
    assert kind_of(described) is kind
    assert (described_entry(described, Pii.NONE) is None) is (kind is None)


@pytest.mark.parametrize(
    ("kind", "facts", "scale"),
    [
        ("double", {"precision": 18, "scale": 2}, 2),
        ("double", {"precision": 19, "scale": 2}, None),
        ("double", {"precision": 1}, 0),
        ("double", {}, None),
        ("double", {"precision": 4, "scale": 4}, 4),
        ("double", {"precision": 4, "scale": 5}, None),
        ("percent", {"precision": 5, "scale": 2, "calculated": True}, None),
        ("currency", {"scale": 2, "calculated": True}, 2),
        ("currency", {"scale": 30}, 18),
        ("int", {"precision": 8}, None),
    ],
)
def test_decimal_places_are_known_where_describe_bounds_them(
    kind: str, facts: dict[str, Any], scale: int | None
) -> None:
    described = field(kind=kind, **facts)
    assert scale_of(FieldType(kind), described) == scale
    entry = described_entry(described, Pii.NONE)
    assert entry is not None
    assert entry.scale == scale


@pytest.mark.parametrize(("length", "most"), [(80, 80), (0, 131_072), (131_072, 131_072), (131_073, 131_072)])
def test_a_text_is_as_long_as_described_and_no_longer_than_any(length: int, most: int) -> None:
    assert text_length(field(length=length)) == most


def test_an_entry_has_what_describe_says_and_nothing_that_is_not_of_its_type() -> None:
    text = described_entry(
        field("BillingCity", length=80, compound="BillingAddress", external_id=True), Pii.PERSONAL
    )
    assert text is not None
    assert (text.length, text.pii, text.part_of, text.part, text.external_id, text.added) == (
        80, Pii.PERSONAL, "BillingAddress", "City", True, True,
    )  # fmt: skip
    number = described_entry(field(kind="int", length=9, references=("User",)), Pii.NONE, added=False)
    assert number is not None
    assert (number.length, number.references, number.part_of, number.part) == (255, (), None, None)
    assert (number.external_id, number.added, number.calculated) == (False, False, False)
    lookup = described_entry(field(kind="reference", references=("User",), calculated=True), Pii.NONE)
    assert lookup is not None
    assert (lookup.references, lookup.calculated) == (("User",), True)
