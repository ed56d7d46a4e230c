"""Errors of a writeback are found before it is accepted, and reported with the field's name and
without its value.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from schemas.catalogue import Catalogue, default_catalogue
from schemas.salesforce.describe import DescribedField, DescribedObject
from schemas.writeback.messages import RefusedWriteback, WritebackRequest
from tests.support.builders.bus import protector
from tests.support.builders.writebacks import NOON, asked, checks, request
from transforms.pii import is_token
from transforms.writeback.validate import PreparedWriteback, WritebackChecks, parse
from transforms.writeback.validate_fields import ParentKey

SECRET = "Ada.Lovelace"
ACCOUNT = "001Tg0000000001IAA"
LONG = 256 * "x"


def refusal(described: DescribedObject | None = None, **changed: Any) -> RefusedWriteback:
    """The message for a writeback that must be refused."""
    read = parse(7, asked(**changed))
    found = read if isinstance(read, RefusedWriteback) else checks(described=described).check(7, read, NOON)
    assert isinstance(found, RefusedWriteback)
    assert found.index == 7
    assert found.message.endswith(".")
    return found


def prepared(described: DescribedObject | None = None, **changed: Any) -> PreparedWriteback:
    """A writeback that must pass."""
    found = checks(described=described).check(0, request(**changed), NOON)
    assert isinstance(found, PreparedWriteback), found
    return found


def fact(**changed: Any) -> DescribedField:
    return DescribedField(**{"createable": True, "updateable": True, **changed})


def described(**fields: DescribedField) -> DescribedObject:
    """A Case that the org describes so; the other fields may be written."""
    rest = {name: fact() for name in default_catalogue().objects["Case"].fields}
    return DescribedObject(object="Case", described_at=NOON, fields={**rest, **fields})


WRONG = [
    ({"fields": {"Subjekt": "x"}}, "fields.Subjekt", "Did you mean Subject"),
    ({"fields": {"subject": "x"}}, "fields.subject", "Did you mean Subject"),
    ({"fields": {"Nothing_like_it__c": 1}}, "fields.Nothing_like_it__c", "is not in the catalogue"),
    ({"fields": {"a b": 1}}, "fields.(no API name)", "is not in the catalogue"),
    ({"fields": {"Id": ACCOUNT}}, "fields.Id", "written by Salesforce alone"),
    ({"fields": {"CreatedDate": "2026-01-01T00:00:00Z"}}, "fields.CreatedDate", "written by Salesforce alone"),
    ({"fields": {"LastModifiedById": ACCOUNT}}, "fields.LastModifiedById", "written by Salesforce alone"),
    ({"fields": {"SystemModstamp": "x"}}, "fields.SystemModstamp", "written by Salesforce alone"),
    ({"fields": {"CaseNumber": "1"}}, "fields.CaseNumber", "written by Salesforce alone"),
    ({"fields": {"Subject": 1}}, "fields.Subject", "takes a text, not a number"),
    ({"fields": {"Subject": ["x"]}}, "fields.Subject", "takes a text, not a list"),
    ({"fields": {"Subject": LONG}}, "fields.Subject", "at most 255 characters, and this has 256"),
    ({"fields": {"Subject": "a\x00b"}}, "fields.Subject", "NUL"),
    ({"fields": {"Subject": "a\ud800"}}, "fields.Subject", "surrogate"),
    ({"fields": {"IsEscalated": "true"}}, "fields.IsEscalated", "takes true or false, not a text"),
    ({"fields": {"IsEscalated": None}}, "fields.IsEscalated", "is never empty"),
    ({"fields": {"TouchCount__c": 1.5}}, "fields.TouchCount__c", "takes a whole number"),
    ({"fields": {"TouchCount__c": True}}, "fields.TouchCount__c", "takes a whole number"),
    ({"fields": {"TouchCount__c": 2**31}}, "fields.TouchCount__c", "up to 2,147,483,647"),
    ({"fields": {"SlaHours__c": "2"}}, "fields.SlaHours__c", "takes a number, not a text"),
    ({"fields": {"SlaHours__c": float("nan")}}, "fields.SlaHours__c", "NaN and Infinity"),
    ({"fields": {"SlaHours__c": float("-inf")}}, "fields.SlaHours__c", "NaN and Infinity"),
    ({"fields": {"SlaHours__c": 10**16}}, "fields.SlaHours__c", "below 10^16"),
    ({"fields": {"DueDate__c": "25.11.2026"}}, "fields.DueDate__c", "a date as 2026-11-25"),
    ({"fields": {"DueDate__c": "2026-02-30"}}, "fields.DueDate__c", "no such day"),
    ({"fields": {"DueDate__c": "1492-10-12"}}, "fields.DueDate__c", "the years 1700 to 4000"),
    ({"fields": {"ClosedDate": "2026-11-25T10:00:00"}}, "fields.ClosedDate", "with its zone"),
    ({"fields": {"ClosedDate": 1_790_000_000}}, "fields.ClosedDate", "with its zone"),
    ({"fields": {"SuppliedEmail": "nobody"}}, "fields.SuppliedEmail", "e-mail address"),
    ({"fields": {"Status": None}}, "fields.Status", "cannot be emptied"),
    ({"fields": {"Status": ""}}, "fields.Status", "cannot be emptied"),
    ({"fields": {"OwnerId": None}}, "fields.OwnerId", "cannot be emptied"),
    ({"fields": {"AccountId": "001Tg0000000001IAB"}}, "fields.AccountId", "its case was lost"),
    ({"fields": {"AccountId": "short"}}, "fields.AccountId", "15 or 18"),
    ({"fields": {"AccountId": "003Tg0000000001"}}, "fields.AccountId", "begin with 001"),
    ({"fields": {"OwnerId": ACCOUNT}}, "fields.OwnerId", "begin with 005 or 00G"),
    ({"fields": {"Account": {"Nope__c": "x"}}}, "fields.Account", "no external id field of Account; give ExternalId__c"),
    ({"fields": {"Account": {"ExternalId__c": None}}}, "fields.Account", "is empty"),
    ({"fields": {"Account": {"ExternalId__c": 5}}}, "fields.Account", "takes a text"),
    ({"fields": {"Account": {"ExternalId__c": 65 * "x"}}}, "fields.Account", "at most 64 characters"),
    ({"fields": {"Account": "A-1"}}, "fields.Account", "takes one external id of Account"),
    ({"fields": {"Account": None}}, "fields.Account", "give AccountId: null"),
    ({"fields": {"Account": {"a": 1, "b": 2}}}, "fields.Account", "takes one external id"),
    ({"fields": {"Account": {"ExternalId__c": "A-1"}, "AccountId": ACCOUNT}}, "fields.Account", "leave one of them out"),
    ({"fields": {"Owner": {"Username": "x"}}}, "fields.Owner", "give OwnerId with the id"),
    ({"object": "Contact", "fields": {"Name": "Ada"}}, "fields.Name", "is made of FirstName, LastName, Salutation"),
    ({"object": "Account", "fields": {"OpenBalance__c": 1.005}}, "fields.OpenBalance__c", "2 decimal places"),
    ({"fields": {"ExternalId__c": "C-2"}}, "fields.ExternalId__c", "has another value here"),
    ({"fields": {"ExternalId__c": "C-1"}}, "fields", "nothing to write"),
    ({"fields": {}}, "fields", "at least 1"),
    ({"object": "Caes"}, "object", "Did you mean Case"),
    ({"object": "User"}, "object", "is not in the catalogue"),
    ({"key_field": "Subject"}, "key_field", "no external id field of Case; give ExternalId__c"),
    ({"external_id": 65 * "x"}, "external_id", "at most 64 characters"),
    ({"external_id": ""}, "external_id", "at least 1 character"),
    ({"external_id": "C-1 "}, "external_id", "ends with a blank"),
    ({"external_id": "C\x001"}, "external_id", "NUL"),
    ({"external_id": 7}, "external_id", "valid string"),
    ({"key": "\x00"}, "key", "NUL"),
    ({"key": 256 * "k"}, "key", "at most 255"),
    ({"deadline": "2026-11-25T11:59:59Z"}, "deadline", "is over"),
    ({"deadline": "2026-11-25T13:00:00"}, "deadline", "timezone"),
    ({"priority": 10}, "priority", "less than or equal to 9"),
    ({"mode": "sometimes"}, "mode", "'ordered' or 'merged'"),
    ({"only_if": {"Subjekt": "x"}}, "only_if.Subjekt", "Did you mean Subject"),
    ({"only_if": {"TouchCount__c": "1"}}, "only_if.TouchCount__c", "takes a whole number"),
    ({"nothing": "of that"}, "nothing", "not permitted"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    WRONG,
    ids=lambda each: str(each)[:60].encode("ascii", "replace").decode(),
)
def test_each_kind_of_bad_input_is_named_and_said(changed: dict[str, Any], field: str, message: str) -> None:
    said = refusal(**changed)
    assert (said.field, message in said.message) == (field, True), said


@pytest.mark.parametrize("item", [None, 5, "x", [], {}, {"key": {}}, {"key": SECRET, "fields": 3}])
def test_what_is_no_writeback_at_all_is_refused_alone(item: object) -> None:
    found = parse(3, item)
    assert isinstance(found, RefusedWriteback)
    assert found.index == 3


def test_everything_that_is_wrong_is_named_at_once() -> None:
    said = refusal(fields={"Subject": 1, "Nope__c": 2, "Status": None}, deadline="2020-01-01T00:00:00Z")
    assert said.field == "fields.Subject"
    assert "Also wrong: fields.Nope__c, fields.Status, deadline." in said.message


EVERY_PROTECTED = [
    (name, field, entry)
    for name, spec in default_catalogue().objects.items()
    for field, entry in spec.fields.items()
    if entry.is_protected
]


@pytest.mark.parametrize(("name", "field", "entry"), EVERY_PROTECTED, ids=lambda each: str(each)[:30])
def test_no_refusal_says_a_personal_value(name: str, field: str, entry: Any) -> None:
    long = SECRET * (entry.length // len(SECRET) + 1)
    for value in (long, [SECRET], {"a": SECRET}, f"{SECRET}\x00"):
        assert SECRET not in refusal(object=name, fields={field: value}).model_dump_json()


@given(
    st.recursive(
        st.text() | st.floats() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_is_sent_is_refused_or_prepared_and_a_field_that_is_no_name_is_never_said(
    value: Any,
) -> None:
    fields = {"Subject": value, "TouchCount__c": value, "Account": value, f"{SECRET}!": value}
    said = refusal(fields=fields)
    assert SECRET not in said.model_dump_json()


def test_personal_values_are_tokens_of_their_fields_and_the_rest_is_as_it_was() -> None:
    found = prepared(
        object="Contact",
        fields={
            "LastName": SECRET,
            "Email": "a@b.c",
            "Phone": None,
            "Title": "Dr",
            "AccountId": ACCOUNT[:15],
        },
        only_if={"Email": "old@b.c", "Title": None},
    )
    key = protector()
    assert key.decrypt_writeback("Contact.LastName", found.fields["LastName"]) == SECRET
    assert found.only_if is not None
    assert key.decrypt_writeback("Contact.Email", found.only_if["Email"]) == "old@b.c"
    assert {name: found.fields[name] for name in ("Phone", "Title", "AccountId")} == {
        "Phone": None,
        "Title": "Dr",
        "AccountId": ACCOUNT,
    }


def protected_keys() -> Catalogue:
    """The catalogue with external ids that are personal, and a second one of a contact."""
    raw = default_catalogue().model_dump()
    for name in ("Account", "Contact"):
        raw["objects"][name]["fields"]["ExternalId__c"]["pii"] = "personal"
    raw["objects"]["Contact"]["fields"]["Legacy__c"] = {"type": "double", "external_id": True}
    return Catalogue.model_validate(raw)


def test_personal_external_ids_are_tokens_also_where_they_name_a_parent() -> None:
    strict = checks(protected_keys())
    fields = {"Account": {"ExternalId__c": SECRET}}
    asked_for = request(object="Contact", external_id=SECRET, key_field="ExternalId__c", fields=fields)
    found = strict.check(0, asked_for, NOON)
    assert isinstance(found, PreparedWriteback)
    assert is_token(found.external_id)
    [parent] = found.parent_keys
    assert (parent.object, found.fields["Account"]) == ("Account", {"ExternalId__c": parent.value})
    assert protector().decrypt_writeback("Account.ExternalId__c", parent.value) == SECRET
    assert SECRET not in str((found.fields, found.external_id, parent))


def test_of_several_external_ids_one_must_be_chosen_and_a_number_is_given_as_text() -> None:
    strict = checks(protected_keys())
    found = strict.check(0, request(object="Contact", fields={"Title": "Dr"}), NOON)
    assert isinstance(found, RefusedWriteback)
    assert (found.field, "ExternalId__c or Legacy__c" in found.message) == ("key_field", True)
    chosen = request(object="Contact", key_field="Legacy__c", external_id="17", fields={"Title": "Dr"})
    assert isinstance(strict.check(0, chosen, NOON), PreparedWriteback)
    wrong = request(object="Contact", key_field="Legacy__c", external_id="x", fields={"Title": "Dr"})
    assert isinstance(strict.check(0, wrong, NOON), RefusedWriteback)


def test_locks_are_the_records_pointed_to_but_for_users() -> None:
    fields = {
        "AccountId": ACCOUNT,
        "Contact": {"ExternalId__c": "P-1"},
        "OwnerId": "005Tg0000000001",
        "ParentId": None,
    }
    found = prepared(fields=fields)
    assert found.parent_ids == {ACCOUNT}
    assert found.parent_keys == {ParentKey("Contact", "ExternalId__c", "P-1")}
    assert next(iter(found.parent_keys)).locks == {"Contact.ExternalId__c=p-1"}


def test_a_custom_reference_is_led_through_by_its_name_with_r() -> None:
    found = prepared(object="Payment__c", fields={"Account__r": {"ExternalId__c": "A-1"}})
    assert found.parent_keys == {ParentKey("Account", "ExternalId__c", "A-1")}


def test_what_the_org_describes_decides_besides_the_catalogue() -> None:
    org = described(
        Subject=fact(length=10),
        Reason=fact(createable=False, updateable=False),
        Priority=fact(values=("Low", "High")),
        Formula__c=fact(createable=False, updateable=False),
    )
    assert "at most 10" in refusal(org, fields={"Subject": 11 * "x"}).message
    assert "cannot be written" in refusal(org, fields={"Reason": "x"}).message
    assert "one of Low, High" in refusal(org, fields={"Priority": "Urgent"}).message
    assert "by Salesforce alone" in refusal(org, fields={"Formula__c": 1}).message
    assert prepared(org, fields={"Priority": "low"}).fields == {"Priority": "Low"}
    hidden = DescribedObject(object="Case", described_at=NOON, fields={"ExternalId__c": fact()})
    assert "hidden from the integration user" in refusal(hidden, fields={"Subject": "x"}).message


def test_a_fingerprint_tells_contents_apart_and_nothing_else() -> None:
    made = checks().fingerprint
    one = request(deadline="2026-11-25T13:00:00Z", fields={"Subject": "a", "Type": "b"})
    same = request(deadline="2026-11-25T14:00:00+01:00", fields={"Type": "b", "Subject": "a"}, priority=5)
    assert made(one) == made(same)
    others = [
        request(),
        request(fields={"Subject": None}),
        request(fields={"Subject": float("nan")}),
        request(fields={"Subject": 1}),
        request(fields={"Subject": True}),
        request(deadline=(NOON + timedelta(hours=1)).isoformat()),
        request(only_if={}),
        request(may_create=False),
        request(external_id="C-2"),
    ]
    assert len({made(each) for each in [one, *others]}) == 1 + len(others)


def test_a_fingerprint_is_not_the_digest_of_what_somebody_could_guess() -> None:
    other = checks(protected_keys())
    assert other.fingerprint(request()) == checks().fingerprint(request())
    assert isinstance(request(), WritebackRequest)


def test_an_external_id_that_a_number_would_round_is_refused_since_it_would_be_another_records() -> None:
    raw = default_catalogue().model_dump(exclude={"objects": {"__all__": {"name"}}})
    raw["objects"]["Contact"]["fields"]["Legacy__c"] = {"type": "double", "external_id": True}
    known = checks(Catalogue.model_validate(raw))
    values = {"object": "Contact", "key_field": "Legacy__c", "fields": {"LastName": "n"}}
    found = known.check(0, request(external_id="9007199254740993", **values), NOON)
    assert isinstance(found, RefusedWriteback)
    assert "more digits" in found.message
    assert isinstance(
        known.check(0, request(external_id="9007199254740992", **values), NOON), PreparedWriteback
    )


def test_a_refusal_ends_where_nothing_else_is_wrong_and_has_the_key_that_it_came_with() -> None:
    said = refusal(fields={"Subject": 1})
    assert "Also wrong" not in said.message
    assert said.key == "k-1"
    assert refusal(key="k-2", priority=10).key == "k-2"
    assert refusal(external_id="C-1 ").key == "k-1"
    for key in ("\x00", "\ud800"):
        assert refusal(key=key).key == ""
        assert refusal(key=key, priority=10).key == ""
    assert refusal(key=5).key == ""


def test_a_message_of_a_check_stands_without_the_librarys_words() -> None:
    assert "Value error" not in refusal(only_if={}, fields={}, unchanged_since="x").message


def test_a_condition_that_asks_for_nothing_there_is_kept_as_null() -> None:
    assert prepared(only_if={"Subject": None, "Status": "New"}).only_if == {"Subject": None, "Status": "New"}
    assert prepared(only_if={"SuppliedName": None}).only_if == {"SuppliedName": None}
    assert prepared().only_if is None


def test_rules_are_made_again_when_the_org_is_described_anew_or_the_catalogue_changes() -> None:
    facts: list[DescribedObject | None] = [None, described(Subject=fact(createable=False, updateable=False))]
    catalogue = default_catalogue()
    made = WritebackChecks(catalogue, protector(catalogue), lambda _: facts[0])
    assert isinstance(made.check(0, request(), NOON), PreparedWriteback)
    facts.reverse()
    assert isinstance(made.check(0, request(), NOON), RefusedWriteback)


def test_a_parent_without_an_external_id_in_the_catalogue_is_given_by_its_id() -> None:
    fields = {
        "Name__c": {"type": "string", "external_id": True}, "Up__c": {"type": "reference", "references": ["Up__c"]}
    }  # fmt: skip
    objects = {
        "Thing__c": {"label": "t", "key_prefix": "a01", "fields": fields},
        "Up__c": {"label": "u", "key_prefix": "a02", "fields": {"Name__c": {"type": "string"}}},
    }
    found = checks(Catalogue.model_validate({"objects": objects})).check(
        0, request(object="Thing__c", fields={"Up__r": {"Name__c": "x"}}), NOON
    )
    assert isinstance(found, RefusedWriteback)
    assert "give Up__c with the id" in found.message


def test_a_name_that_is_like_none_is_not_compared_with_any() -> None:
    assert "Did you mean" not in refusal(fields={"Nothing_like_it__c": 1}).message
