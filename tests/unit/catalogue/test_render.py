"""A catalogue made from describe: what it says of each type and name, that it can be read, and that
the org has nothing else.
"""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from schemas.catalogue import STAMPS, Catalogue, FieldType, Pii, load_catalogue
from schemas.drift import DriftPolicy
from schemas.salesforce.object_shape import DescribedShape, FieldDescription
from tests.support.builders.examples import examples
from transforms.catalogue.described_entries import COMPOUNDS, NOT_KEPT
from transforms.catalogue.render import render_catalogue
from transforms.drift.compare_schema import compare_schema

REFERENCE = {"type": "reference", "references": ("User",)}
STAMPED: dict[str, dict[str, Any]] = {
    "OwnerId": REFERENCE,
    "CreatedDate": {"type": "datetime"},
    "CreatedById": REFERENCE,
    "LastModifiedDate": {"type": "datetime"},
    "LastModifiedById": REFERENCE,
}
TYPES_OF_DESCRIBE = [
    "id",
    "string",
    "picklist",
    "multipicklist",
    "combobox",
    "textarea",
    "phone",
    "url",
    "email",
    "encryptedstring",
    "reference",
    "boolean",
    "int",
    "long",
    "double",
    "currency",
    "percent",
    "date",
    "datetime",
    "time",
    "base64",
    "byte",
    "address",
    "location",
    "anyType",
    "complexvalue",
    "masterrecord",
    "datacategorygroupreference",
    "json",
    "calculated",
]


def shape(name: str = "Thing__c", /, **fields: dict[str, Any]) -> DescribedShape:
    return DescribedShape(
        name=name,
        label="Things",
        key_prefix="a0x",
        fields=tuple(FieldDescription(name=field, **facts) for field, facts in fields.items()),
    )


def lines(*shapes: DescribedShape, history: frozenset[str] = frozenset()) -> dict[str, str]:
    """Line by field, without its indent."""
    text = render_catalogue(shapes, history).text
    return {line.partition(":")[0].strip(): line.strip() for line in text.splitlines()}


def line(facts: dict[str, Any], name: str = "Odd__c") -> str:
    return lines(shape(**{name: facts}))[name].removeprefix(f"{name}: ")


def read(text: str) -> Catalogue:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "catalogue.yaml")
        file.write_text(text, encoding="utf-8")
        return load_catalogue(file)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"type": "string", "length": 255}, "{type: string}"),
        ({"type": "string", "length": 80}, "{type: string, length: 80}"),
        ({"type": "textarea", "length": 255}, "{type: textarea, length: 255}"),
        ({"type": "url", "length": 255}, "{type: url}"),
        ({"type": "email", "length": 80}, "{type: email, length: 80, pii: personal}"),
        ({"type": "phone", "length": 40}, "{type: phone, length: 40, pii: personal}"),
        ({"type": "encryptedstring", "length": 175}, "{type: encryptedstring, length: 175, pii: sensitive}"),
        ({"type": "picklist", "length": 255}, "{type: picklist}"),
        ({"type": "picklist", "length": 255, "values": ("a", "b c")}, "{type: picklist, values: [a, b c]}"),
        ({"type": "multipicklist", "length": 4099, "values": ("a",)}, "{type: multipicklist, length: 4099, values: [a]}"),
        ({"type": "combobox", "length": 255}, "{type: combobox}"),
        ({"type": "anyType"}, "{type: anyType, length: 131072}"),
        ({"type": "id", "length": 18}, "{type: id}"),
        ({"type": "reference", "references": ("User", "Group")}, "{type: reference, references: [User, Group]}"),
        ({"type": "reference"}, "{type: id}"),
        ({"type": "boolean", "nullable": False}, "{type: boolean}"),
        ({"type": "int"}, "{type: int}"),
        ({"type": "long"}, "{type: long}"),
        ({"type": "double", "precision": 18, "scale": 6}, "{type: double, scale: 6}"),
        ({"type": "double", "precision": 18}, "{type: double, scale: 0}"),
        ({"type": "double", "precision": 22, "scale": 6}, "{type: double}"),
        ({"type": "percent", "precision": 5, "scale": 2}, "{type: percent, scale: 2}"),
        ({"type": "currency", "precision": 18, "scale": 2}, "{type: currency}"),
        ({"type": "currency", "precision": 18, "scale": 0}, "{type: currency, scale: 0}"),
        ({"type": "date"}, "{type: date}"),
        ({"type": "datetime"}, "{type: datetime}"),
        ({"type": "time"}, "{type: time}"),
        ({"type": "string", "length": 255, "external_id": True, "unique": True}, "{type: string, external_id: true, unique: true}"),
        ({"type": "int", "nullable": False, "required": True}, "{type: int, required: true}"),
        ({"type": "int", "nullable": False}, "{type: int, required: true}"),
        ({"type": "int", "nullable": False, "defaulted": True}, "{type: int}"),
    ],
)  # fmt: skip
def test_a_field_is_one_line_that_says_what_is_not_usual(facts: dict[str, Any], wanted: str) -> None:
    assert line(facts) == wanted


@pytest.mark.parametrize("kind", sorted(NOT_KEPT - {"base64"}))
def test_a_type_that_no_column_can_hold_is_left_out_and_says_so(kind: str) -> None:
    assert line({"type": kind}) == f"{{ignore: true}}  # {kind}: no column can hold it"


def test_every_type_of_describe_is_kept_or_a_compound_or_known_not_to_be_kept() -> None:
    assert set(TYPES_OF_DESCRIBE) == set(FieldType) | COMPOUNDS | NOT_KEPT


def test_the_bytes_of_files_and_what_the_org_works_out_are_left_out() -> None:
    made = render_catalogue(
        [shape(Body={"type": "base64"}, Days__c={"type": "double", "precision": 18, "calculated": True})]
    )
    assert made.left_out == ("Thing__c.Body", "Thing__c.Days__c")
    spec = made.catalogue.object("Thing__c")
    assert (list(spec.fields), list(spec.ignored)) == ([], ["Body", "Days__c"])


def test_contacts_name_is_its_parts_and_the_name_of_an_account_that_may_be_a_person_is_both() -> None:
    parts = {
        "Name": {"type": "string", "length": 121, "compound": "", "composed": True},
        "FirstName": {"type": "string", "length": 40, "compound": "Name"},
        "Salutation": {"type": "picklist", "length": 40, "compound": "Name"},
    }
    contact = render_catalogue([shape("Contact", **parts)]).catalogue.object("Contact")
    assert list(contact.fields) == ["FirstName", "Salutation"]
    assert contact.compounds == {"Name": {"FirstName": "FirstName", "Salutation": "Salutation"}}
    parts["Name"] = {"type": "string", "length": 255}
    account = render_catalogue([shape("Account", **parts)]).catalogue.object("Account")
    assert list(account.fields) == ["Name", "FirstName", "Salutation"]
    assert {name: entry.pii for name, entry in account.fields.items()} == {
        "Name": Pii.PERSONAL,
        "FirstName": Pii.PERSONAL,
        "Salutation": Pii.NONE,
    }


def test_the_parts_of_compounds_go_by_the_names_that_they_have_in_events() -> None:
    fields: dict[str, dict[str, Any]] = {
        "BillingAddress": {"type": "address"},
        "BillingCity": {"type": "string", "length": 40, "compound": "BillingAddress"},
        "BillingGeocodeAccuracy": {"type": "picklist", "length": 40, "compound": "BillingAddress"},
        "tide__Home__c": {"type": "address"},
        "tide__Home__StateCode__s": {"type": "picklist", "length": 10, "compound": "tide__Home__c"},
        "Loc__c": {"type": "location"},
        "Loc__Latitude__s": {"type": "double", "precision": 18, "scale": 15, "compound": "Loc__c"},
    }
    spec = render_catalogue([shape(**fields)]).catalogue.object("Thing__c")
    assert spec.compounds == {
        "BillingAddress": {"City": "BillingCity", "GeocodeAccuracy": "BillingGeocodeAccuracy"},
        "tide__Home__c": {"StateCode": "tide__Home__StateCode__s"},
        "Loc__c": {"Latitude": "Loc__Latitude__s"},
    }


def test_a_name_that_needs_another_column_says_which_and_why() -> None:
    text = {"type": "string", "length": 255}
    long = f"tidegatenspace1__{'Ab' * 20}__c"
    found = lines(shape(Status=text, Status__c=text, Version__c=text, xmin=text, **{long: text}))
    assert found["Status"] == "Status: {type: string}"
    assert found["Status__c"].endswith(": status is the name of Status")
    assert found["Version__c"].endswith("version is Tidegate's own or the database's column")
    assert found["xmin"].endswith("xmin is Tidegate's own or the database's column")
    assert found[long].endswith("is longer than 63 bytes")
    assert "  # column status_" in found["Status__c"]


def test_an_object_whose_tables_need_another_name_says_so() -> None:
    text = {"type": "string", "length": 255}
    found = lines(shape("Plan", Name=text), shape("Plan__c", Name=text))
    assert found["Plan"] == "Plan:"
    assert found["Plan__c"].endswith("plan is the name of Plan")


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"compliance": ("PII",)}, Pii.PERSONAL),
        ({"compliance": ("GDPR", "HIPAA")}, Pii.SENSITIVE),
        ({"compliance": ("Our own group",)}, Pii.PERSONAL),
        ({"classification": "Confidential"}, Pii.PERSONAL),
        ({"classification": "Restricted"}, Pii.SENSITIVE),
        ({"classification": "MissionCritical"}, Pii.SENSITIVE),
        ({"classification": "Internal"}, Pii.NONE),
        ({"classification": "Public", "type": "email"}, Pii.NONE),
        ({"classification": "Public", "type": "textarea", "length": 32_000}, Pii.NONE),
        ({"classification": "Internal", "type": "textarea", "length": 32_000}, Pii.PERSONAL),
        ({"classification": "Internal", "type": "email"}, Pii.PERSONAL),
    ],
)
def test_what_setup_says_of_a_field_counts_before_its_type(facts: dict[str, Any], wanted: Pii) -> None:
    made = render_catalogue([shape(Odd__c={"type": "string", "length": 80} | facts)])
    assert made.catalogue.object("Thing__c").fields["Odd__c"].pii is wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Birthdate", Pii.SENSITIVE),
        ("PersonBirthdate", Pii.SENSITIVE),
        ("Date_of_Birth__c", Pii.SENSITIVE),
        ("ns__SSN__c", Pii.SENSITIVE),
        ("NationalId__c", Pii.SENSITIVE),
        ("BankAccount__c", Pii.SENSITIVE),
        ("SuppliedName", Pii.PERSONAL),
        ("Maiden_Name__c", Pii.PERSONAL),
        ("Status__c", Pii.NONE),
        ("StageName", Pii.NONE),
        ("Subdomain__c", Pii.NONE),
    ],
)
def test_names_of_people_births_and_numbers_of_theirs_are_known_by_name(name: str, wanted: Pii) -> None:
    made = render_catalogue([shape(**{name: {"type": "string", "length": 80}})])
    assert made.catalogue.object("Thing__c").fields[name].pii is wanted


def test_a_long_text_is_encrypted_and_marked_for_somebody_to_decide() -> None:
    made = render_catalogue([shape(Notes__c={"type": "textarea", "length": 4_000}, Short__c={"type": "textarea", "length": 255})])  # fmt: skip
    assert made.to_decide == ("Thing__c.Notes__c",)
    assert "Notes__c: {type: textarea, length: 4000, pii: personal}  # free text: decide pii" in made.text


def test_a_restricted_picklist_that_is_personal_says_nothing_of_its_values() -> None:
    told = {"type": "picklist", "length": 255, "values": ("a",), "compliance": ("PII",)}
    assert line(told) == "{type: picklist, pii: personal}"


def test_the_stamps_are_said_once_where_every_object_has_them_alike() -> None:
    made = render_catalogue([shape("Case", **STAMPED), shape("Account", **STAMPED)])
    assert list(made.catalogue.every_object) == list(STAMPS)
    assert made.text.count("CreatedDate") == 1
    detail = {name: facts for name, facts in STAMPED.items() if name != "OwnerId"}
    made = render_catalogue([shape("Case", **STAMPED), shape("Payment__c", **detail)])
    assert list(made.catalogue.every_object) == list(STAMPS[1:])
    assert "OwnerId" in made.catalogue.object("Case").fields
    assert "OwnerId" not in made.catalogue.object("Payment__c").fields


def test_objects_stand_as_asked_fields_as_described_and_history_where_asked() -> None:
    text = {"type": "string", "length": 255}
    made = render_catalogue([shape("Case", B=text, A=text), shape("Account", C=text)], frozenset({"Account"}))
    assert list(made.catalogue.objects) == ["Case", "Account"]
    assert list(made.catalogue.object("Case").fields) == ["B", "A"]
    assert (made.catalogue.object("Case").history, made.catalogue.object("Account").history) == (False, True)


@pytest.mark.parametrize("word", ["no", "null", "1", "1.5", "a: b", "#x", "[x", "*x", "O'Brien", 'say "x"', "Zürich", "", " a "])  # fmt: skip
def test_labels_and_values_stand_as_the_org_has_them(word: str) -> None:
    described = shape(Pick__c={"type": "picklist", "length": 255, "values": (word, "b")})
    made = render_catalogue([described.model_copy(update={"label": word})])
    spec = read(made.text).object("Thing__c")
    assert (spec.label, spec.fields["Pick__c"].values) == (word, (word, "b"))


NAMES = st.from_regex(r"[A-Z][A-Za-z0-9]{0,12}(_[A-Za-z0-9]{1,12}){0,2}(__c)?", fullmatch=True)
NAMESPACED = st.from_regex(r"[a-z]{1,15}__[A-Z][A-Za-z0-9]{0,38}__c", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
FIELD_FACTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES_OF_DESCRIBE) | st.just("of_tomorrow")},
    optional={
        "length": st.sampled_from([0, 1, 18, 80, 255, 4_000, 131_072, 200_000]),
        "precision": st.integers(0, 30),
        "scale": st.integers(0, 20),
        "compound": st.sampled_from(["", "Name", "BillingAddress", "Home__c", "ns__Loc__c"]),
        "values": st.lists(WORDS, max_size=3).map(tuple),
        "label": WORDS,
        "unique": st.booleans(),
        "compliance": st.lists(st.sampled_from(["PII", "HIPAA", "x"]), max_size=2).map(tuple),
        "classification": st.sampled_from(["", "Public", "Internal", "Confidential", "Restricted"]),
        "references": st.lists(st.sampled_from(["User", "Case"]), max_size=2).map(tuple),
        "external_id": st.booleans(),
        "calculated": st.booleans(),
        "nullable": st.booleans(),
        "defaulted": st.booleans(),
        "required": st.booleans(),
        "composed": st.booleans(),
    },
)


@st.composite
def shapes(draw: st.DrawFn) -> list[DescribedShape]:
    """Objects as some org may describe them; names differ by more than their case."""
    names = st.lists(NAMES | NAMESPACED, unique_by=str.lower, max_size=12)
    found = []
    for object_name in draw(st.lists(NAMES | NAMESPACED, unique_by=str.lower, min_size=1, max_size=3)):
        fields: dict[str, dict[str, Any]] = {name: draw(FIELD_FACTS) for name in draw(names)}
        for name, facts in STAMPED.items():
            if draw(st.booleans()) and name.lower() not in {each.lower() for each in fields}:
                fields[name] = facts
        described = shape(object_name, **{name: _sane(facts) for name, facts in fields.items()})
        found.append(described.model_copy(update={"label": draw(WORDS)}))
    return found


def _sane(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts that describe never has: a field that must be given and may be empty, or that is worked
    out.
    """
    asked = facts.get("required") and not facts.get("calculated")
    return {**facts, "required": bool(asked), "nullable": facts.get("nullable", True) and not asked}


@settings(max_examples=examples(60), deadline=None)
@given(shapes())
def test_whatever_the_org_describes_the_catalogue_can_be_read_and_the_org_has_nothing_else(
    described: list[DescribedShape],
) -> None:
    made = render_catalogue(described, frozenset())
    found = read(made.text)
    assert found == made.catalogue
    assert made.text == render_catalogue(described, frozenset()).text
    assert list(found.objects) == [each.name for each in described]
    for each in described:
        assert compare_schema(found.object(each.name), each.fields, DriftPolicy(), {}) == []
        assert len(set(found.object(each.name).columns.values())) == len(found.object(each.name).fields)


def test_the_text_is_yaml_of_one_line_a_field() -> None:
    text = render_catalogue([shape(Name={"type": "string", "length": 80}, Kind__c={"type": "json"})]).text
    assert yaml.safe_load(text)["objects"]["Thing__c"]["fields"] == {
        "Name": {"type": "string", "length": 80},
        "Kind__c": {"ignore": True},
    }
    assert sum(each.startswith("      ") for each in text.splitlines()) == 2
