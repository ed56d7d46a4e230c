"""Raw events under another catalogue than the one they were landed under: readable where it allows,
encrypted where it asks.
"""

import copy
from typing import Any

import orjson
import pyarrow as pa
import pytest

from schemas.catalogue import Catalogue
from schemas.ingest.raw import RAW_SCHEMA
from tests.support.builders.bus import protector
from transforms.ingest.row_pages import protect_page
from transforms.replay.reencrypt import Reprotector

HEADER = {"entityName": "Person__c", "recordIds": ["a0x01"]}


def catalogue(**fields: dict[str, Any]) -> Catalogue:
    entry = {"label": "People", "key_prefix": "a0x", "fields": {"Town__c": {"type": "string"}, **fields}}
    return Catalogue.model_validate({"objects": {"Person__c": entry}})


SECRET = {"type": "string", "pii": "personal"}
OPEN = {"type": "string"}
PART = {"type": "string", "part_of": "Name", "part": "LastName"}


def landed(under: Catalogue, **payload: Any) -> str:
    data = {"payload": {"ChangeEventHeader": HEADER, **copy.deepcopy(payload)}, "event": {"replayId": 1}}
    protector(under).protect_event(data)
    return orjson.dumps(data).decode()


def payload(text: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(text)["payload"]
    del found["ChangeEventHeader"]
    return found


def again(text: str, under: Catalogue) -> str:
    return Reprotector(protector(under), under).event(text)


NO_OBJECT = Catalogue.model_validate({"objects": {}})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(NO_OBJECT, catalogue(Age__c={"type": "int"}), id="object-unknown"),
        pytest.param(catalogue(), catalogue(Age__c={"type": "int"}), id="field-unknown"),
        pytest.param(catalogue(), catalogue(Age__c=SECRET), id="field-unknown-and-personal"),
        pytest.param(catalogue(Age__c=OPEN), catalogue(Age__c=SECRET), id="field-clear-and-personal"),
        pytest.param(catalogue(Age__c=SECRET), catalogue(Age__c=OPEN), id="field-personal-and-clear"),
        pytest.param(NO_OBJECT, catalogue(LastName=PART), id="compound-of-an-unknown-object"),
        pytest.param(catalogue(Name=OPEN), catalogue(LastName=PART), id="text-and-compound"),
        pytest.param(catalogue(Name=OPEN), catalogue(Name=OPEN, LastName=PART), id="text-and-compound-too"),
        pytest.param(catalogue(Name=OPEN), catalogue(LastName=PART | SECRET), id="text-and-secret-compound"),
        pytest.param(catalogue(Name=OPEN), catalogue(Name=SECRET), id="object-in-a-text-and-secret"),
        pytest.param(catalogue(Name=SECRET), catalogue(Name=OPEN), id="object-in-a-secret-and-clear"),
        pytest.param(catalogue(), catalogue(Name=OPEN), id="object-in-an-unknown-text"),
        pytest.param(
            catalogue(LastName=PART | SECRET), catalogue(LastName=PART), id="part-personal-and-clear"
        ),
        pytest.param(catalogue(), catalogue(LastName=PART), id="compound-unknown"),
        pytest.param(catalogue(), catalogue(LastName=PART | SECRET), id="compound-unknown-and-personal"),
        pytest.param(
            catalogue(First__c=PART | {"part": "FirstName"}),
            catalogue(First__c=PART | {"part": "FirstName"}, LastName=PART | SECRET),
            id="part-unknown-and-personal",
        ),
    ],
)
def test_an_event_is_as_the_present_catalogue_would_have_landed_it(before: Catalogue, after: Catalogue):
    values = {"Town__c": "Oslo", "Age__c": 7, "Name": {"FirstName": "Ada", "LastName": "Lund"}}
    assert payload(again(landed(before, **values), after)) == payload(landed(after, **values))


@pytest.mark.parametrize("before", [NO_OBJECT, catalogue(), catalogue(Age__c=SECRET), catalogue(Age__c=OPEN)])
@pytest.mark.parametrize("after", [catalogue(Age__c=SECRET), catalogue(Age__c=OPEN)])
def test_a_diff_of_a_text_is_as_the_present_catalogue_would_have_landed_it(
    before: Catalogue, after: Catalogue
):
    text = landed(before, Age__c={"diff": "Ada"})
    assert payload(again(text, after)) == payload(landed(after, Age__c={"diff": "Ada"}))


def test_an_encrypted_diff_of_a_field_that_is_in_clear_by_now_is_found_and_opened():
    text, after = landed(catalogue(), Age__c={"diff": "Ada"}), catalogue(Age__c=OPEN)
    assert "Ada" not in text
    opened = Reprotector(protector(after), after).opened(table(text))
    assert payload(opened["event"].to_pylist()[0]) == {"Age__c": {"diff": "Ada"}}


def test_an_object_in_a_clear_field_is_opened_when_the_field_is_a_compound_by_now():
    text, after = landed(catalogue(Name=OPEN), Name={"LastName": "Lund"}), catalogue(LastName=PART)
    opened = Reprotector(protector(after), after).opened(table(text))
    assert payload(opened["event"].to_pylist()[0]) == {"Name": {"LastName": "Lund"}}


def test_an_object_in_a_clear_part_is_encrypted_again_when_the_part_is_personal_by_now():
    values = {"Name": {"LastName": {"of": "Lund"}}}
    text, after = landed(catalogue(LastName=PART), **values), catalogue(LastName=PART | SECRET)
    assert "Lund" not in text
    assert payload(again(text, after)) == payload(landed(after, **values))


def test_what_is_unknown_still_stays_encrypted():
    text = landed(catalogue(), Town__c="Oslo", Surprise__c="x")
    assert again(text, catalogue(Age__c=OPEN)) == text


def test_a_text_that_only_looks_like_a_token_is_kept():
    text = landed(catalogue(), Town__c="tg1.1.not-one")
    assert payload(again(text, catalogue())) == {"Town__c": "tg1.1.not-one"}


def table(*texts: str) -> pa.Table:
    rows = [
        {"position": "1", "object": "Person__c", "changes": 1, "received_at": 0, "event": text}
        for text in texts
    ]
    return pa.Table.from_pylist(rows, schema=RAW_SCHEMA)


def test_only_events_that_need_it_are_rewritten():
    after = catalogue(Age__c={"type": "int"}, Mail__c=SECRET)
    known = landed(after, Town__c="Oslo", Age__c=3, Mail__c="a@b.c")
    unknown = landed(catalogue(), Town__c="Bergen", Age__c=4)
    reprotector = Reprotector(protector(after), after)
    assert reprotector.opened(table(known, known)) is not None
    raw = table(known, unknown)
    opened = reprotector.opened(raw)
    assert opened["event"].to_pylist() == [known, again(unknown, after)]
    assert opened.schema == raw.schema
    untouched = table(known)
    assert reprotector.opened(untouched) is untouched
    assert reprotector.closed(untouched, {known}, {"Case"}) is untouched


def page(**columns: list[str | None]) -> pa.Table:
    arrays = [pa.array(values, pa.large_string()) for values in columns.values()]
    return pa.Table.from_arrays(arrays, names=list(columns))


def test_a_page_of_rows_has_the_columns_that_were_asked_for_each_as_the_catalogue_protects_it():
    number = {"type": "double"}
    hidden = number | {"pii": "personal"}
    spec = catalogue(Was__c=SECRET, Is__c=OPEN, Both__c=SECRET, Sum__c=hidden, Tax__c=number, Fee__c=hidden)
    texts: dict[str, list[str | None]] = {
        "Town__c": ["Oslo", None],
        "Was__c": ["a", None],
        "Is__c": ["b", "c"],
        "Both__c": [None, "d"],
    }
    rows = page(**texts, Sum__c=["1.5", None], Tax__c=["2.0", None], Fee__c=["3.5", "4.0"])
    before = protect_page(rows, spec.object("Person__c"), protector(spec))
    after = catalogue(
        Was__c=OPEN, Is__c=SECRET, Both__c=SECRET, Sum__c=number, Tax__c=hidden, Fee__c=hidden, New__c=OPEN
    )
    found = Reprotector(protector(after), after).page(before, "Person__c")
    wanted = protect_page(rows, after.object("Person__c"), protector(after))
    assert found.to_pydict() == wanted.to_pydict()
