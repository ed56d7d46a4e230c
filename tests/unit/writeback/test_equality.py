"""Whether a record has what was sent, however Salesforce writes it: what is not recognised would be
written a second time.
"""

from typing import Any

import pytest

from schemas.catalogue import FieldSpec, FieldType, ObjectSpec, Pii, default_catalogue
from transforms.writeback.equality import paths, same

KINDS = {
    "Text": FieldSpec(type=FieldType.STRING),
    "Amount": FieldSpec(type=FieldType.CURRENCY),
    "Count": FieldSpec(type=FieldType.INT),
    "Number": FieldSpec(type=FieldType.DOUBLE),
    "Day": FieldSpec(type=FieldType.DATE),
    "Moment": FieldSpec(type=FieldType.DATETIME),
    "Choices": FieldSpec(type=FieldType.MULTIPICKLIST),
    "Parent": FieldSpec(type=FieldType.REFERENCE, references=("Account",)),
}
ALIKE = [
    ("Text", "  a text ", "a text"),
    ("Text", "", None),
    ("Amount", 100, 100.0),
    ("Amount", 0.1, 0.10),
    ("Count", 5, 5.0),
    ("Number", 5, 5.0),
    ("Day", "2026-11-25", "2026-11-25"),
    ("Moment", "2026-11-25T15:00:00+01:00", "2026-11-25T14:00:00.000+0000"),
    ("Choices", "a;b", "b;a"),
    ("Parent", "001000000000001", "001000000000001AAA"),
]
UNLIKE = [("Text", "a", "A"), ("Amount", 100, 100.01), ("Text", "a", None), ("Choices", "a", "a;b")]


def kept(pii: Pii) -> ObjectSpec:
    fields = {name: each.model_copy(update={"pii": pii}) for name, each in KINDS.items()}
    return ObjectSpec(name="Case", label="c", key_prefix="500", fields=fields)


@pytest.mark.parametrize("pii", list(Pii))
@pytest.mark.parametrize(("name", "sent", "stored"), ALIKE, ids=str)
def test_a_value_is_recognised_in_the_form_in_which_salesforce_keeps_it_personal_or_not(
    pii: Pii, name: str, sent: Any, stored: Any
) -> None:
    assert same(kept(pii), name, sent, {name: stored})


@pytest.mark.parametrize("pii", list(Pii))
@pytest.mark.parametrize(("name", "sent", "stored"), UNLIKE, ids=str)
def test_another_value_is_not_taken_for_what_was_sent(pii: Pii, name: str, sent: Any, stored: Any) -> None:
    assert not same(kept(pii), name, sent, {name: stored})


def test_a_parent_by_its_external_id_is_read_and_compared_by_it_where_it_leads_to_one_object() -> None:
    case = default_catalogue().object("Case")
    sent = {"ExternalId__c": "A-1"}
    assert paths(case, "Account", sent) == ["Account.ExternalId__c"]
    assert paths(case, "Owner", sent) == []
    assert paths(case, "Subject", "x") == ["Subject"]
    assert paths(case, "Nothing__c", "x") == []
    assert same(case, "Account", sent, {"Account.ExternalId__c": "a-1"})
    assert not same(case, "Account", sent, {"Account.ExternalId__c": "A-2"})
    assert same(case, "Account", sent, {})


def test_a_field_that_was_not_read_is_not_known_to_be_the_same() -> None:
    case = default_catalogue().object("Case")
    assert not same(case, "Subject", None, {})
    assert same(case, "Subject", None, {"Subject": ""})
