"""The catalogue is the one file from which everything follows, so what is wrong in it is found when
it is read.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import (
    Catalogue,
    FieldType,
    Pii,
    default_catalogue,
    load_catalogue,
)
from schemas.column_names import RESERVED_COLUMNS, snake_case
from schemas.errors import CatalogueError, UnknownObjectError
from schemas.tables import (
    change_columns,
    current_columns,
    field_columns,
    history_columns,
    net_columns,
    staged_columns,
)

TEXT: dict[str, Any] = {"type": "string"}


def catalogue(fields: dict[str, Any], *, name: str = "Thing__c", **every: Any) -> Catalogue:
    entry = {"label": "Things", "key_prefix": "a0x", "fields": fields}
    return Catalogue.model_validate({"every_object": every, "objects": {name: entry}})


def read(tmp_path: Path, text: str) -> Catalogue:
    file = tmp_path / "catalogue.yaml"
    file.write_text(text)
    return load_catalogue(file)


def entry(extra: str = "", fields: str = "{Name: {type: string}}") -> str:
    return f"objects: {{Case: {{label: Cases, key_prefix: '500', fields: {fields}{extra}}}}}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param(entry(", histroy: true"), "objects.Case.histroy", id="object"),
        pytest.param(
            entry(fields="{Name: {type: string, lenght: 9}}"), "objects.Case.fields.Name.lenght", id="field"
        ),
        pytest.param(entry() + "\nevery_objects: {}", "every_objects", id="file"),
    ],
)
def test_a_misspelt_key_is_refused_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read(tmp_path, text)
    assert caught.value.problems == [f"{place}: Extra inputs are not permitted"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("- a\n- b", id="a list"),
        pytest.param("{", id="no YAML"),
        pytest.param("objects: [Case]", id="objects in a list"),
        pytest.param("objects: {Case: nonsense}", id="an object that is a text"),
        pytest.param(entry(fields="[Name]"), id="fields in a list"),
        pytest.param(entry(fields="{Name: string}"), id="a field that is a text"),
        pytest.param("every_object: [OwnerId]\n" + entry(), id="common fields in a list"),
        pytest.param(entry(fields="{Name: {type: varchar}}"), id="an unknown type"),
        pytest.param(entry(fields="{1: {type: string}}"), id="a name that is a number"),
    ],
)
def test_a_file_of_the_wrong_shape_is_a_catalogue_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogueError):
        read(tmp_path, text)


def test_a_file_that_is_no_text_is_a_catalogue_error(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(CatalogueError):
        load_catalogue(file)


def test_a_missing_file_is_a_catalogue_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="absent"):
        load_catalogue(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"A": TEXT | {"column": "is_deleted"}}, "cannot be used", id="a column of our own"),
        pytest.param({"A": TEXT | {"column": "No"}}, "cannot be used", id="a column in capitals"),
        pytest.param(
            {"A": TEXT | {"column": 64 * "a"}}, "cannot be used", id="a column too long for PostgreSQL"
        ),
        pytest.param(
            {f: TEXT | {"column": "c"} for f in ("A", "B")},
            "share the name c",
            id="one column for two fields",
        ),
        pytest.param({"A": TEXT | {"min": 1}}, "only a number", id="a bound of a text"),
        pytest.param({"A": TEXT | {"pattern": "("}}, "no regular expression", id="a broken pattern"),
        pytest.param(
            {"A": TEXT | {"severity": {"too_long": "warn"}}}, "takes", id="a severity that is not free"
        ),
        pytest.param(
            {"A": TEXT | {"unique": True, "severity": {"unique": "reject"}}},
            "its severity is `warn` or `off`",
            id="a rule that is asked too late to reject",
        ),
        pytest.param(
            {"A": TEXT | {"pii": "sensitive", "unique": True}}, "make it personal", id="unique and bound"
        ),
        pytest.param(
            {"A": TEXT | {"pii": "personal", "blind_index": "a"}},
            "pii: sensitive",
            id="an index of what is equal",
        ),
        pytest.param(
            {"A": TEXT | {"pii": "sensitive", "blind_index": "A.b"}}, "blind_index", id="no name of an index"
        ),
        pytest.param({"A": TEXT | {"pii": "personal", "values": ["x"]}}, "encrypted", id="a list of tokens"),
        pytest.param({"Name; DROP TABLE x": TEXT}, "not an API name", id="SQL"),
        pytest.param({'Na"me': TEXT}, "not an API name", id="a quote"),
        pytest.param({"": TEXT}, "not an API name", id="nothing"),
        pytest.param({"Größe__c": TEXT}, "not an API name", id="not ASCII"),
        pytest.param({"A": {"type": "reference"}}, "a reference names", id="a reference to nothing"),
        pytest.param(
            {"A": {"type": "string", "references": ["Case"]}}, "a reference names", id="no reference"
        ),
        pytest.param({"A": {"type": "string", "part": "B"}}, "needs `part_of`", id="a part of nothing"),
        pytest.param(
            {f: {"type": "string", "part_of": "Address", "part": "City"} for f in ("A", "B")},
            "the same part of Address",
            id="two fields of one part",
        ),
    ],
)
def test_a_field_that_cannot_be_kept_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        catalogue(fields)


def test_two_objects_cannot_be_given_one_table() -> None:
    thing = {"label": "Things", "key_prefix": "a0x", "table": "thing", "fields": {"Name": TEXT}}
    with pytest.raises(ValueError, match="share the name thing"):
        Catalogue.model_validate({"objects": {"Thing": thing, "Thing__c": thing}})


def test_objects_whose_names_are_alike_have_tables_of_their_own() -> None:
    thing = {"label": "Things", "key_prefix": "a0x", "fields": {"Name": TEXT}}
    objects = Catalogue.model_validate({"objects": {"Thing": thing, "Thing__c": thing}}).objects
    assert objects["Thing"].table == "thing"
    assert re.fullmatch("thing_[0-9a-f]{8}", objects["Thing__c"].table)


def test_a_field_that_is_ignored_has_no_column() -> None:
    spec = catalogue({"Name": TEXT, "Noise__c": {"ignore": True}, "File__c": {"type": "base64"}}).object(
        "Thing__c"
    )
    assert list(spec.columns) == ["Name"]
    assert spec.ignored.keys() == {"Noise__c", "File__c"}


def test_an_object_is_called_by_an_api_name() -> None:
    with pytest.raises(ValueError, match="not an API name"):
        catalogue({"Name": TEXT}, name="thing; --")


def test_every_column_of_our_own_is_reserved() -> None:
    for spec in default_catalogue().objects.values():
        fields = {column.name for column in field_columns(spec)}
        for columns in (staged_columns, change_columns, current_columns, history_columns, net_columns):
            own = {column.name for column in columns(spec)} - fields
            assert {name for name in own if not name.startswith("set_")} <= RESERVED_COLUMNS


def test_every_object_has_the_common_fields() -> None:
    made = catalogue({"Name": TEXT}, OwnerId={"type": "reference", "references": ["User"]})
    assert list(made.object("Thing__c").fields) == ["Name", "OwnerId"]


def test_an_objects_own_entry_wins_over_the_common_one() -> None:
    made = catalogue({"Note": {"type": "string", "length": 9}}, Note={"type": "textarea", "length": 4000})
    assert made.object("Thing__c").fields["Note"].length == 9


def test_an_object_without_fields_has_the_common_ones() -> None:
    made = Catalogue.model_validate(
        {
            "every_object": {"Name": TEXT},
            "objects": {"Thing__c": {"label": "T", "key_prefix": "a0x", "fields": None}},
        }
    )
    assert list(made.object("Thing__c").fields) == ["Name"]


@pytest.mark.parametrize(
    ("api_name", "column"),
    [
        ("Name", "name"),
        ("AccountId", "account_id"),
        ("ServiceRequest__c", "service_request"),
        ("IsEscalated", "is_escalated"),
        ("HTTPCode__c", "http_code"),
        ("Line2Text__c", "line2_text"),
        ("Already_Snake__c", "already_snake"),
    ],
)
def test_columns_are_in_snake_case_without_the_suffix(api_name: str, column: str) -> None:
    assert snake_case(api_name) == column


@pytest.mark.parametrize(
    ("name", "channel"), [("Case", "CaseChangeEvent"), ("ServiceRequest__c", "ServiceRequest__ChangeEvent")]
)
def test_the_change_event_is_named_after_the_object(name: str, channel: str) -> None:
    assert default_catalogue().object(name).event_name == channel


def test_compounds_say_which_field_each_part_is() -> None:
    contact = default_catalogue().object("Contact").compounds
    assert contact["Name"] == {"FirstName": "FirstName", "LastName": "LastName", "Salutation": "Salutation"}
    assert contact["MailingAddress"]["City"] == "MailingCity"


def test_an_unknown_object_is_named_beside_those_that_are_known() -> None:
    with pytest.raises(UnknownObjectError, match=r"Lead is not in the catalogue \(it has Account, Case"):
        default_catalogue().object("Lead")


FREE_TEXTS = [
    *(f"Account.{f}" for f in ("Description", "ServicePlan__c", "ReviewNotes__c", "ContactLog__c")),
    *(f"Contact.{f}" for f in ("Accommodations__c", "OutreachNotes__c", "EligibilitySummary__c")),
    *(f"Case.{f}" for f in ("Description", "IntakeNarrative__c", "EligibilityNotes__c")),
    *(f"Case.{f}" for f in ("CaseworkerNotes__c", "DecisionText__c")),
    *(f"ServiceRequest__c.{f}" for f in ("Details__c", "FormAnswers__c", "OfficerNotes__c")),
    *(f"ServiceRequest__c.{f}" for f in ("CorrespondenceLog__c", "OutcomeText__c")),
    *(f"Payment__c.{f}" for f in ("RemittanceText__c", "DecisionBasis__c", "AuditNotes__c")),
]


class TestTheShippedCatalogue:
    def test_history_is_kept_of_accounts_and_contacts_alone(self) -> None:
        kept = {name for name, spec in default_catalogue().objects.items() if spec.history}
        assert kept == {"Account", "Contact"}

    def test_what_identifies_a_person_is_protected(self) -> None:
        protected = {
            f"{name}.{field}": spec.pii
            for name, entry in default_catalogue().objects.items()
            for field, spec in entry.fields.items()
            if spec.is_protected
        }
        personal = [
            # Households: an account's name and address are a family's.
            *(f"Account.{f}" for f in ("Name", "Phone", "BillingStreet", "BillingPostalCode")),
            *(f"Contact.{f}" for f in ("FirstName", "LastName", "Email", "Phone", "MobilePhone")),
            *(f"Contact.{f}" for f in ("MailingStreet", "MailingPostalCode")),
            *(f"Case.Supplied{f}" for f in ("Name", "Email", "Phone")),
            *(f"ServiceRequest__c.Citizen{f}__c" for f in ("Email", "Phone")),
        ]
        sensitive = ["Contact.Birthdate", "Contact.NationalId__c", "Payment__c.BankAccount__c", *FREE_TEXTS]
        assert protected == dict.fromkeys(personal, Pii.PERSONAL) | dict.fromkeys(sensitive, Pii.SENSITIVE)

    def test_every_email_or_phone_of_a_person_is_protected(self) -> None:
        clear = [
            f"{name}.{field}"
            for name, entry in default_catalogue().objects.items()
            for field, spec in entry.fields.items()
            if spec.type in (FieldType.EMAIL, FieldType.PHONE) and not spec.is_protected
        ]
        assert clear == []

    def test_free_text_about_citizens_is_sensitive(self) -> None:
        clear = [
            f"{name}.{field}"
            for name, entry in default_catalogue().objects.items()
            for field, spec in entry.fields.items()
            if spec.type is FieldType.TEXTAREA and not spec.is_protected
        ]
        # grants to organisations
        assert {each.partition(".")[0] for each in clear} == {"Opportunity"}

    def test_a_join_is_declared_for_identity_and_account_numbers_alone(self) -> None:
        groups = {
            f"{name}.{field}": spec.blind_index
            for name, entry in default_catalogue().objects.items()
            for field, spec in entry.fields.items()
            if spec.blind_index
        }
        assert groups == {
            "Contact.NationalId__c": "national_id",
            "Payment__c.BankAccount__c": "bank_account",
        }

    def test_every_object_has_its_stamps(self) -> None:
        stamps = {"OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"}
        assert all(stamps <= spec.fields.keys() for spec in default_catalogue().objects.values())

    def test_no_two_objects_share_a_key_prefix(self) -> None:
        prefixes = [spec.key_prefix for spec in default_catalogue().objects.values()]
        assert len(prefixes) == len(set(prefixes))
