"""Lines of a generated catalogue: how sensitive a field is, and what is left to a person."""

from typing import Any

import pytest

from schemas.catalogue import Pii
from schemas.salesforce.object_shape import DescribedShape, FieldDescription
from transforms.catalogue.entries import FREE_TEXT, catalogue_entries, pii_of
from transforms.catalogue.render import render_catalogue


def field(name: str = "Odd__c", kind: str = "string", **facts: Any) -> FieldDescription:
    return FieldDescription(name=name, type=kind, **facts)


def shape(*fields: FieldDescription, name: str = "Thing__c", label: str = "Things") -> DescribedShape:
    return DescribedShape(name=name, label=label, key_prefix="a0x", fields=fields)


def line(*fields: FieldDescription) -> str:
    """Of the last field."""
    return render_catalogue([shape(*fields)]).text.splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("described", "pii", "comment"),
    [
        (field(), Pii.NONE, ""),
        (field(kind="encryptedstring"), Pii.SENSITIVE, ""),
        (field(kind="email"), Pii.PERSONAL, ""),
        (field(kind="phone"), Pii.PERSONAL, ""),
        (field("Birth_Date__c", "date"), Pii.SENSITIVE, "sensitive by its name"),
        (field("Has_Passport__c", "boolean"), Pii.NONE, ""),
        (field("Iban__c", "email"), Pii.SENSITIVE, "sensitive by its name"),
        (field("SSN__c"), Pii.SENSITIVE, "sensitive by its name"),
        (field("FirstName", compound="Name"), Pii.PERSONAL, ""),
        (field("MiddleName", compound="Name"), Pii.PERSONAL, ""),
        (field("Salutation", compound="Name"), Pii.NONE, ""),
        (field("FirstName", compound="Other"), Pii.PERSONAL, "personal by its name"),
        (field("BillingStreet", compound="BillingAddress"), Pii.PERSONAL, ""),
        (field("Home__PostalCode__s", compound="Home__c"), Pii.PERSONAL, ""),
        (field("BillingLatitude", "double", compound="BillingAddress"), Pii.PERSONAL, ""),
        (field("BillingCity", compound="BillingAddress"), Pii.NONE, ""),
        (field("Street"), Pii.NONE, ""),
        (field("NameStreet", compound="Name"), Pii.NONE, ""),
        (field("ContactName__c"), Pii.PERSONAL, "personal by its name"),
        (field("ContactName__c", "int"), Pii.NONE, ""),
        (field("ContactName__c", references=("Contact",)), Pii.NONE, ""),
        (field(kind="textarea", length=255), Pii.NONE, ""),
        (field(kind="textarea", length=256), Pii.PERSONAL, FREE_TEXT),
        (field(length=4_000), Pii.NONE, ""),
    ],
)
def test_a_field_is_as_sensitive_as_its_type_its_place_and_its_name_say(
    described: FieldDescription, pii: Pii, comment: str
) -> None:
    assert pii_of(described) == (pii, comment)


def test_a_name_with_the_names_of_people_as_its_parts_is_personal() -> None:
    assert pii_of(field("Name"), is_name_of_people=True) == (Pii.PERSONAL, "")
    parts = field("Name", length=255), field("Title", compound="Name")
    entries = catalogue_entries(parts)
    assert entries["Name"].values["pii"] == "personal"
    assert "pii" not in entries["Title"].values


@pytest.mark.parametrize("classification", ["Internal", ""])
def test_what_setup_says_without_settling_it_leaves_it_to_the_type(classification: str) -> None:
    assert pii_of(field(kind="email", classification=classification)) == (Pii.PERSONAL, "")
    assert pii_of(field(classification=classification)) == (Pii.NONE, "")


def test_two_fields_of_one_part_are_one_and_the_second_is_left_out() -> None:
    first, second = field("BillingCity", compound="BillingAddress"), field("City", compound="BillingAddress")
    told = "BillingAddress has another field as its part City"
    assert line(first, second) == f"City: {{type: string, ignore: true}}  # {told}"
    other = field("City", compound="ShippingAddress")
    assert line(first, other) == "City: {type: string, length: 131072, part_of: ShippingAddress}"
    assert "ignore" not in line(field("City"), field("Other__c"))


def test_what_the_org_works_out_is_neither_classified_nor_required_nor_unique() -> None:
    told = "the org works it out: take `ignore` away, decide pii, and it is read on a schedule"
    formula = field(kind="email", length=80, calculated=True, nullable=False, unique=True)
    assert line(formula) == f"Odd__c: {{type: email, length: 80, calculated: true, ignore: true}}  # {told}"
    picked = field(kind="picklist", length=255, calculated=True, values=("a",))
    assert line(picked) == f"Odd__c: {{type: picklist, calculated: true, ignore: true}}  # {told}"


@pytest.mark.parametrize(
    ("facts", "is_required"),
    [
        ({"required": True}, True),
        ({"nullable": False}, True),
        ({"nullable": False, "defaulted": True}, False),
        ({"nullable": False, "kind": "boolean"}, False),
        ({"nullable": True}, False),
        ({"nullable": True, "defaulted": True}, False),
    ],
)
def test_a_field_is_required_when_somebody_has_to_give_its_value(
    facts: dict[str, Any], *, is_required: bool
) -> None:
    assert ("required: true" in line(field(**{"kind": "int"} | facts))) is is_required


def test_a_rule_of_uniqueness_is_not_said_of_a_field_whose_tokens_differ_each_time() -> None:
    assert line(field(length=255, unique=True)) == "Odd__c: {type: string, unique: true}"
    secret = field(kind="encryptedstring", length=175, unique=True)
    assert "unique" not in line(secret)


@pytest.mark.parametrize("kind", ["picklist", "multipicklist", "combobox"])
def test_values_are_those_of_a_field_to_pick_from(kind: str) -> None:
    assert line(field(kind=kind, length=255, values=("a",))) == f"Odd__c: {{type: {kind}, values: [a]}}"
    assert "values" not in line(field(length=255, values=("a",)))


STAMP = field("CreatedDate", "datetime", nullable=False, defaulted=True)


def test_objects_stand_apart_by_a_line_and_indented_alike() -> None:
    made = render_catalogue([shape(STAMP, field("A", length=255)), shape(STAMP, name="Case", label="Zürich")])
    begin = made.text.index("every_object:")
    assert made.text.startswith("# The object catalogue, made by")
    assert made.text[:begin].endswith("latest state\n\n")
    assert made.text[begin:] == (
        "every_object:\n"
        "  CreatedDate: {type: datetime}\n"
        "\n"
        "objects:\n"
        "  Thing__c:\n"
        "    label: Things\n"
        "    key_prefix: a0x\n"
        "    fields:\n"
        "      A: {type: string}\n"
        "\n"
        "  Case:\n"
        '    label: "Zürich"\n'
        "    key_prefix: a0x\n"
        "    fields: {}\n"
    )
    assert made.catalogue.object("Case").fields.keys() == {"CreatedDate"}


def test_without_common_stamps_nothing_is_said_of_every_object() -> None:
    made = render_catalogue([shape(STAMP), shape(field("A"), name="Case")])
    assert "every_object" not in made.text.replace("# every_object", "")
    assert "CreatedDate" in made.catalogue.object("Thing__c").fields


def test_history_is_said_where_it_is_kept() -> None:
    made = render_catalogue([shape(field("A")), shape(field("A"), name="Case")], frozenset({"Case"}))
    assert made.text.count("    history: true\n") == 1
    assert made.text.index("history: true") > made.text.index("  Case:")
