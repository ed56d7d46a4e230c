"""Parts of an event that have not their form are hidden, and all others stay as they are."""

from typing import Any

import pytest

from schemas.catalogue import Catalogue
from tests.support.builders.bus import protector
from tests.support.builders.things import CATALOGUE, HEADER, ID, THING, event
from transforms.pii import (
    HEADER as HEADER_NAME,
    Protector,
    first_record,
    is_any_token,
    is_misfit_token,
    is_token,
    sealed_token,
)

PROTECTOR = protector(CATALOGUE)
ODD = "Ada Lovelace <ada@b.example>"


def protected(data: dict[str, Any]) -> dict[str, Any]:
    PROTECTOR.protect_event(data)
    return data


def header(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = protected(event(**changed))["payload"][HEADER_NAME]
    return found


def opened(token: Any) -> Any:
    return PROTECTOR.decrypt("unknown", token)


def test_an_event_with_every_part_in_its_form_keeps_them_all() -> None:
    changed = {"nulledFields": ["Title__c", "Address.City"], "changedFields": [], "diffFields": None}
    data = event({"Title__c": "a"}, **changed)
    data["event"] |= {"EventApiName": "ThingChangeEvent", "EventUuid": "0002b8c1-6a3c", "replayId": "+12"}
    assert protected(data) == {
        "schema": "s",
        "payload": {HEADER_NAME: HEADER | changed, "Title__c": "a"},
        "event": {"replayId": "+12", "EventApiName": "ThingChangeEvent", "EventUuid": "0002b8c1-6a3c"},
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commitTimestamp", 1.5e12),
        ("commitTimestamp", "-1790000000000"),
        ("sequenceNumber", 30 * "9"),
        ("recordIds", ID),
        ("recordIds", [f"{ID[:15]}*"]),
        ("recordIds", [18 * "0", ""]),
        ("commitUser", ""),
        ("changeType", 80 * "x"),
        ("changedFields", [255 * "x"]),
        ("transactionKey", None),
        ("_tidegate_erased", None),
    ],
)
def test_a_part_of_the_header_in_its_form_stays(name: str, value: Any) -> None:
    assert header(**{name: value})[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commitTimestamp", True),
        ("commitTimestamp", 31 * "9"),
        ("sequenceNumber", "\u0667"),
        ("recordIds", f"{ID}x"),
        ("recordIds", 7),
        ("commitUser", 19 * "0"),
        ("changeType", 81 * "x"),
        ("changeType", ""),
        ("changeType", 7),
        ("transactionKey", 7),
        ("changeOrigin", "a b"),
        ("nulledFields", {"a": 1}),
    ],
)
def test_a_part_of_the_header_in_another_form_is_hidden_and_can_be_read_again(name: str, value: Any) -> None:
    token = header(**{name: value})[name]
    assert opened(token[0] if isinstance(token, list) else token) == value


def test_of_a_list_only_the_odd_ones_are_hidden() -> None:
    first, second = header(recordIds=[ID, ODD])["recordIds"]
    assert (first, opened(second)) == (ID, ODD)


def test_an_odd_text_becomes_a_token_and_anything_else_a_token_in_a_list() -> None:
    assert is_token(header(changeType=ODD)["changeType"])
    for value in (f"\x00{ODD}", 7, {"of": ODD}, [ODD, ODD]):
        [token] = header(changeType=value)["changeType"]
        assert opened(token) == value
    assert opened(protected(event() | {"schema": ODD})["schema"]) == ODD
    assert opened(protected(event() | {"event": [ODD]})["event"][0]) == [ODD]
    assert protected(event() | {"schema": None, "event": None})["event"] is None


def test_a_part_that_is_hidden_is_not_hidden_again() -> None:
    for value in (ODD, f"\x00{ODD}", 7, [ODD, ODD], [ODD]):
        once = header(changeType=value)["changeType"]
        assert header(changeType=once)["changeType"] == once


def test_a_text_of_the_org_that_looks_like_a_token_is_hidden() -> None:
    assert opened(header(changeType=["tg1.1.x"])["changeType"][0]) == ["tg1.1.x"]
    assert opened(header(changeType="tg1.1.x y")["changeType"]) == "tg1.1.x y"


@pytest.mark.parametrize(
    "header",
    [None, "x", {}, {"recordIds": None}, {"recordIds": ID}, {"recordIds": []}, {"recordIds": [7, ID]}],
)
def test_a_header_without_a_record_names_none(header: object) -> None:
    assert first_record(header) is None
    assert first_record({"recordIds": [ID, "other"]}) == ID


def test_an_object_that_the_catalogue_lacks_keeps_its_name_and_hides_the_rest() -> None:
    data = event({"Name": "Ada"}, entityName="Lead")
    assert PROTECTOR.protect_event(data) == "Lead"
    assert data["payload"].keys() == {HEADER_NAME, "hidden"}
    assert opened(data["payload"]["hidden"]) == {"Name": "Ada"}
    assert PROTECTOR.open_unknown(PROTECTOR.encrypt("unknown", "Ada")) == "Ada"


@pytest.mark.parametrize(
    ("payload", "left"), [({}, {}), (None, {}), ({HEADER_NAME: {"a": None}}, {HEADER_NAME: {"a": None}})]
)
def test_of_a_payload_without_values_nothing_is_hidden(payload: Any, left: dict[str, Any]) -> None:
    assert protected({"payload": payload})["payload"] == left


def test_a_clear_field_holds_one_value_and_anything_nested_is_sealed() -> None:
    assert PROTECTOR.clear_value(THING, "Title__c", "a") == "a"
    assert PROTECTOR.clear_value(THING, "Title__c", {"diff": "a"}) == {"diff": "a"}
    for value in ({"of": "a"}, ["a"], {"diff": 7}):
        token = sealed_token(PROTECTOR.clear_value(THING, "Title__c", value))
        assert token is not None
        assert PROTECTOR.decrypt(f"{THING}.Title__c", token) == value


def test_of_a_protected_diff_its_text_is_sealed_and_of_any_other_object_the_whole() -> None:
    payload = protected(event({"Email__c": {"diff": "a"}, "Birth__c": {"of": "a"}}))["payload"]
    assert is_token(payload["Email__c"]["diff"])
    assert is_misfit_token(payload["Birth__c"])


def test_two_tokens_of_a_writebacks_value_differ_and_open_to_it() -> None:
    tokens = [PROTECTOR.encrypt_writeback("Contact.Email", "a") for _ in range(2)]
    assert len(set(tokens)) == 2
    assert [PROTECTOR.decrypt_writeback("Contact.Email", each) for each in tokens] == ["a", "a"]


def test_records_that_were_erased_before_stay_erased() -> None:
    forgets = protector(CATALOGUE)
    for some in (["a"], ["b", "c"], []):
        forgets.forget(some)
    assert forgets.erased == {"a", "b", "c"}


def test_a_catalogue_counts_from_its_reload_on() -> None:
    changed: Protector = protector(Catalogue.model_validate({"objects": {}}))
    assert is_any_token(_title(changed))
    changed.reload(CATALOGUE)
    assert _title(changed) == "a"
    assert list(changed.specs) == [THING]


def _title(changed: Protector) -> Any:
    data = event({"Title__c": "a"})
    changed.protect_event(data)
    return data["payload"].get("Title__c", data["payload"].get("hidden"))
