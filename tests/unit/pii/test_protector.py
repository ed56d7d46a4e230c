"""Law 7 at the door: what is not declared harmless is encrypted, wherever in an event it stands."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from schemas.catalogue import Catalogue
from tests.support.builders.bus import protector
from tests.support.builders.things import CATALOGUE, HEADER, ID, THING, event, landed, typed
from transforms.ingest.decode_events import BROKEN
from transforms.pii import DataKey, Protector, is_misfit_token, is_token, longest_token

SECRET = "Ada Lovelace"
PROTECTOR = protector(CATALOGUE)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_decrypting_gives_back_what_was_encrypted(value: Any) -> None:
    assert PROTECTOR.decrypt("Contact.Email", PROTECTOR.encrypt("Contact.Email", value)) == value


@given(st.text())
def test_a_value_of_a_field_has_one_token(value: str) -> None:
    again = protector(CATALOGUE)
    assert PROTECTOR.encrypt("Contact.Email", value) == again.encrypt("Contact.Email", value)


@given(st.text(), st.text())
def test_two_values_never_share_a_token(one: str, other: str) -> None:
    tokens = {PROTECTOR.encrypt("Contact.Email", value) for value in (one, other)}
    assert len(tokens) == len({one, other})


def test_the_same_value_in_two_fields_looks_different() -> None:
    assert PROTECTOR.encrypt("Contact.Email", SECRET) != PROTECTOR.encrypt("Contact.Phone", SECRET)


def test_a_token_cannot_be_moved_to_another_field() -> None:
    token = PROTECTOR.encrypt("Contact.Email", SECRET)
    with pytest.raises(ValueError, match=r"not a token of Contact\.Phone"):
        PROTECTOR.decrypt("Contact.Phone", token)


def test_a_token_of_another_key_is_refused() -> None:
    other = Protector(DataKey("2", bytes(range(1, 65))), CATALOGUE)
    with pytest.raises(ValueError, match="not a token of key 1"):
        PROTECTOR.decrypt("Contact.Email", other.encrypt("Contact.Email", SECRET))


@pytest.mark.parametrize("text", ["", SECRET, "tg1.", "tg1x.1."])
def test_a_clear_text_is_no_token(text: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        PROTECTOR.decrypt("Contact.Email", text)


def test_the_empty_text_is_a_value_like_any_other() -> None:
    token = PROTECTOR.encrypt("Contact.Email", "")
    assert is_token(token)
    assert PROTECTOR.decrypt("Contact.Email", token) == ""


@pytest.mark.parametrize("value", [7, True, 1.5, ["a"], {"a": "b"}])
def test_a_value_that_is_no_text_shows_that_without_the_key(value: Any) -> None:
    token = PROTECTOR.encrypt("Contact.Email", value)
    assert is_misfit_token(token)
    assert not is_token(token)


@given(st.integers(0, 300), st.sampled_from("aß漢🙂"))
def test_a_token_is_no_longer_than_is_promised(length: int, character: str) -> None:
    assert len(PROTECTOR.encrypt("Contact.Email", length * character)) <= longest_token(length)


def test_the_key_is_not_in_the_representation() -> None:
    assert repr(DataKey("1", SECRET.encode())) == "DataKey(id='1')"


def protected(data: dict[str, Any]) -> dict[str, Any]:
    """The payload of the event after protection."""
    given = copy.deepcopy(data)
    PROTECTOR.protect_event(given)
    payload: dict[str, Any] = given["payload"]
    return payload


def test_a_declared_field_stays_as_it_is() -> None:
    assert protected(event({"Title__c": "a", "Count__c": 7}))["Title__c"] == "a"


def test_a_field_of_a_person_is_encrypted() -> None:
    assert (
        PROTECTOR.decrypt(f"{THING}.Email__c", protected(event({"Email__c": SECRET}))["Email__c"]) == SECRET
    )


def test_what_is_null_stays_null() -> None:
    assert protected(event({"Email__c": None, "Address": {"Street": None}}))["Email__c"] is None


def test_a_part_of_a_compound_is_encrypted_under_its_own_field() -> None:
    parts = protected(event({"Address": {"City": "Ghent", "Street": SECRET}}))["Address"]
    assert parts["City"] == "Ghent"
    assert PROTECTOR.decrypt(f"{THING}.Street__c", parts["Street"]) == SECRET


def test_a_part_that_travels_by_itself_is_treated_as_in_the_compound() -> None:
    payload = protected(event({"City__c": "Ghent", "Street__c": SECRET}))
    assert payload["City__c"] == "Ghent"
    assert PROTECTOR.decrypt(f"{THING}.Street__c", payload["Street__c"]) == SECRET


# Where a value may turn up that nobody declared to be harmless.
PLACES = [
    pytest.param(event({"Email__c": SECRET}), id="a field of a person"),
    pytest.param(event({"Birth__c": SECRET}), id="a sensitive field"),
    pytest.param(event({"Street__c": SECRET}), id="a part by itself"),
    pytest.param(event({"Address": {"Street": SECRET}}), id="a part in its compound"),
    pytest.param(event({"Address": {"Landmark": SECRET}}), id="an unknown part"),
    pytest.param(event({"Address": {"Street": {"of": SECRET}}}), id="an object in a part"),
    pytest.param(event({"Address": SECRET}), id="a compound that is a text"),
    pytest.param(event({"Address": [{"Street": SECRET}]}), id="a compound that is a list"),
    pytest.param(event({"Email__c": {"diff": SECRET}}), id="a diff of a person's field"),
    pytest.param(event({"Email__c": [SECRET]}), id="a list in a person's field"),
    pytest.param(event({"Nickname__c": SECRET}), id="an unknown field"),
    pytest.param(event({"Nickname__c": {"deep": [SECRET]}}), id="an unknown compound"),
    pytest.param(event({"Title__c": {"FirstName": "Ann", "Own__c": SECRET}}), id="an object in a clear text"),
    pytest.param(event({"Title__c": [SECRET]}), id="a list in a clear text"),
    pytest.param(event({"Count__c": {"diff": SECRET}}), id="a diff in a clear number"),
    pytest.param(event({"Title__c": {"diff": {"of": SECRET}}}), id="a diff that is no text"),
    pytest.param(event({"Title__c": {"diff": "a", "more": SECRET}}), id="beside a clear text's diff"),
    pytest.param(event({"City__c": {"of": SECRET}}), id="an object in a clear part by itself"),
    pytest.param(event({"Address": {"City": {"of": SECRET}}}), id="an object in a clear part"),
    pytest.param(event({"Address": {"City": [[SECRET]]}}), id="a list in a clear part"),
    pytest.param(event({"Name": SECRET}, entityName="Lead"), id="an unknown object"),
    pytest.param(event({"Name": SECRET}, entityName=None), id="an object without a name"),
    pytest.param(event({"Name": SECRET}, entityName=["Thing__c"]), id="a name that is a list"),
    pytest.param(event(entityName=f"{SECRET} of"), id="a name that is no word"),
    pytest.param(event(changeType=f"{SECRET}!"), id="a change that is no word"),
    pytest.param(event(commitNumber=SECRET), id="a commit number that is a text"),
    pytest.param(event(commitTimestamp={"of": SECRET}), id="a time that is an object"),
    pytest.param(event(recordIds=[ID, f"{SECRET}@x"]), id="a record id that is none"),
    pytest.param(event(recordIds={"of": SECRET}), id="record ids that are an object"),
    pytest.param(event(recordIds=f"{SECRET}@x"), id="record ids that are a text"),
    pytest.param(event(commitUser=f"{SECRET}@x"), id="a user that is no id"),
    pytest.param(event(changeOrigin=f"{SECRET} <a@b>"), id="an origin that is none"),
    pytest.param(event(transactionKey=f"\x00{SECRET}"), id="a key with a NUL"),
    pytest.param(event(changedFields=["Email__c", f"{SECRET}@x"]), id="a changed field that is no name"),
    pytest.param(event(nulledFields=SECRET), id="emptied fields that are a text"),
    pytest.param(event(more=SECRET), id="an unknown part of the header"),
    pytest.param(event() | {"event": {"replayId": 7, "more": SECRET}}, id="beside the replay id"),
    pytest.param(event() | {"event": [SECRET]}, id="a place that is a list"),
    pytest.param(event() | {"schema": f"{SECRET} <a>"}, id="a schema that is no id"),
    pytest.param({"payload": {"LastName": SECRET}}, id="no header"),
    pytest.param({"payload": {"ChangeEventHeader": SECRET}}, id="a header that is a text"),
    pytest.param({"payload": [SECRET]}, id="a payload that is a list"),
    pytest.param({"payload": SECRET}, id="a payload that is a text"),
    pytest.param({"paylaod": {"ChangeEventHeader": HEADER, "LastName": SECRET}}, id="a misspelt payload"),
    pytest.param(event() | {"sobject": {"LastName": SECRET}}, id="beside a good payload"),
    pytest.param({BROKEN: SECRET, "event": {"replayId": 7}}, id="a broken message"),
    pytest.param({BROKEN: SECRET, "payload": {"LastName": SECRET}}, id="beside a broken message"),
]


@pytest.mark.parametrize("data", PLACES)
def test_nothing_undeclared_is_landed_in_clear(data: dict[str, Any]) -> None:
    (row,) = landed(copy.deepcopy(data)).to_pylist()
    assert SECRET not in row["event"]
    assert SECRET not in row["object"]


@pytest.mark.parametrize("data", PLACES[:-2])
def test_nothing_undeclared_is_thrown_away(data: dict[str, Any]) -> None:
    before = copy.deepcopy(data)
    PROTECTOR.protect_event(before)
    tokens = [text for text in texts(before) if is_token(text) or is_misfit_token(text)]
    contexts = [
        "unknown",
        *(f"{THING}.{f}" for f in [*CATALOGUE.object(THING).fields, "Nickname__c", "Address"]),
    ]
    assert any(SECRET in opened(token, [*contexts, f"{THING}.Address.Landmark"]) for token in tokens)


@pytest.mark.parametrize("data", PLACES[:-2])
def test_a_header_that_was_protected_stays_as_it_is(data: dict[str, Any]) -> None:
    before = copy.deepcopy(data)
    PROTECTOR.protect_event(before)
    after = copy.deepcopy(before)
    PROTECTOR.protect_event(after)
    for place in ("event", "schema"):
        assert after.get(place) == before.get(place)
    kept = [each["payload"] for each in (before, after) if isinstance(each.get("payload"), dict)]
    assert len({orjson.dumps(each.get("ChangeEventHeader")) for each in kept}) <= 1


def test_an_object_in_a_clear_field_costs_that_field_alone() -> None:
    (change,) = typed(event({"Title__c": "a", "Notes__c": {"of": SECRET}, "Address": {"City": [SECRET]}}))
    assert (change["isolated_fields"], change["title"]) == ("city,notes", "a")
    assert change["field_findings"].count("wrong_type") == 2


def test_a_diff_of_a_clear_text_stays_readable() -> None:
    assert protected(event({"Title__c": {"diff": "a"}}))["Title__c"] == {"diff": "a"}
    assert protected(event({"Address": {"City": {"diff": "a"}}}))["Address"] == {"City": {"diff": "a"}}


@pytest.mark.parametrize("value", [[SECRET], {"diff": "x", "more": SECRET}])
def test_a_clear_field_that_is_a_compound_too_hides_all_but_its_parts(value: Any) -> None:
    fields = {
        "Name": {"type": "string"},
        "FirstName": {"type": "string", "part_of": "Name"},
    }
    entry = {"label": "Accounts", "key_prefix": "001", "fields": fields}
    person = protector(Catalogue.model_validate({"objects": {"Account": entry}}))
    data = event({"Name": value}, entityName="Account")
    person.protect_event(data)
    assert SECRET.encode() not in orjson.dumps(data)
    for kept in ({"FirstName": "Ada"}, {"diff": "Ada"}):
        data = event({"Name": dict(kept)}, entityName="Account")
        person.protect_event(data)
        assert data["payload"]["Name"] == kept


def texts(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return [text for inner in inside for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def opened(token: str, contexts: list[str]) -> str:
    for context in contexts:
        try:
            return orjson.dumps(PROTECTOR.decrypt(context, token)).decode()
        except ValueError:
            continue
    return ""


@given(st.dictionaries(st.sampled_from([*CATALOGUE.object(THING).fields, "Address", "X"]), JSON, max_size=5))
def test_protection_takes_any_payload(body: dict[str, Any]) -> None:
    data = event(body)
    assert PROTECTOR.protect_event(data) == THING
    clear = {
        "Title__c",
        "Notes__c",
        "Parent__c",
        "Open__c",
        "Count__c",
        "Score__c",
        "Amount__c",
        "Due__c",
        "At__c",
    }
    for name in body.keys() - clear - {"City__c", "Address"}:
        assert body[name] is None or data["payload"][name].startswith(("tg1", "tg2"))


@pytest.mark.parametrize("name", ["", "a/b", 300 * "x", "x\x00", "Größe"])
def test_a_name_that_cannot_be_an_objects_is_not_used_as_one(name: str) -> None:
    assert PROTECTOR.protect_event(event(entityName=name)) == ""
