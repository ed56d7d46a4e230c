"""Parts of compounds that the catalogue ignores: no finding names them, and no value of theirs is
written in plaintext.
"""

from typing import Any

import pytest

from schemas.catalogue import Catalogue
from schemas.quality import Rule
from tests.support.builders.bus import protector
from transforms.ingest.read_payload import PayloadReader
from transforms.pii import is_any_token

IGNORED = {"type": "double", "ignore": True}
FIELDS: dict[str, dict[str, Any]] = {
    "Name": {"type": "string"},
    "BillingCity": {"type": "string", "part_of": "BillingAddress", "part": "City"},
    "BillingLatitude": {**IGNORED, "part_of": "BillingAddress", "part": "Latitude"},
    "ShippingCity": {"type": "string", "ignore": True, "part_of": "ShippingAddress", "part": "City"},
    "Loc__Latitude__s": {**IGNORED, "part_of": "Loc__c"},
}


CATALOGUE = Catalogue.model_validate(
    {"objects": {"Account": {"label": "Accounts", "key_prefix": "001", "fields": FIELDS}}}
)


def unknown(payload: dict[str, Any]) -> list[str]:
    found = PayloadReader(CATALOGUE.object("Account"), {}).read(payload, "UPDATE").found
    return [each.field for each in found if each.rule is Rule.UNKNOWN_FIELD]


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        ({"BillingAddress": {"City": "Harrow", "Latitude": 51.5}}, []),
        ({"BillingAddress": {"Latitude": 51.5, "Longitude": -0.3}}, ["BillingAddress.Longitude"]),
        ({"BillingAddress": None}, []),
        ({"ShippingAddress": {"City": "Harrow"}}, []),
        ({"ShippingAddress": None}, []),
        ({"Loc__c": {"Loc__Latitude__s": 51.5}}, []),
        ({"OtherAddress": {"City": "Harrow"}}, ["OtherAddress"]),
    ],
)
def test_an_ignored_part_is_known_to_be_ignored_and_others_are_not(
    payload: dict[str, Any], names: list[str]
) -> None:
    assert unknown(payload) == names


def test_an_ignored_part_is_encrypted_and_then_still_known_to_be_ignored() -> None:
    payload: dict[str, Any] = {
        "ChangeEventHeader": {"entityName": "Account", "recordIds": ["001000000000001AAA"]},
        "BillingAddress": {"City": "Harrow", "Latitude": 51.5},
        "ShippingAddress": {"City": "Harrow"},
    }
    protector(CATALOGUE).protect_event({"payload": payload})
    assert payload["BillingAddress"]["City"] == "Harrow"
    assert is_any_token(payload["BillingAddress"]["Latitude"])
    assert is_any_token(payload["ShippingAddress"])
    assert unknown(payload) == []
