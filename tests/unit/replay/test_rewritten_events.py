"""Which events and cells are written again: those that the present catalogue would have landed
otherwise, and no others.
"""

from typing import Any

import orjson
import pyarrow as pa
import pytest

from schemas.catalogue import Catalogue
from schemas.ingest.raw import RAW_SCHEMA
from tests.support.builders.bus import protector
from tests.unit.replay.test_reencrypt import (
    HEADER,
    NO_OBJECT,
    OPEN,
    PART,
    SECRET,
    catalogue,
    landed,
    page,
    payload,
)
from transforms.ingest.row_pages import protect_page
from transforms.pii import DataKey, KeyRing, Protector
from transforms.replay.reencrypt import Reprotector

NUMBER = {"type": "double"}
TWO = Catalogue.model_validate(
    {
        "objects": {
            name: {"label": "x", "key_prefix": prefix, "fields": {"Age__c": NUMBER}}
            for name, prefix in (("Person__c", "a0x"), ("Pet__c", "a0y"))
        }
    }
)


def reprotector(under: Catalogue) -> Reprotector:
    return Reprotector(protector(under), under)


def raw(*rows: tuple[str, str]) -> pa.Table:
    """Rows of object and event."""
    found = [
        {"position": "1", "object": name, "changes": 1, "received_at": 0, "event": text}
        for name, text in rows
    ]
    return pa.Table.from_pylist(found, schema=RAW_SCHEMA)


def events(table: pa.Table) -> list[Any]:
    return [orjson.loads(each) for each in table["event"].to_pylist()]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(NO_OBJECT, catalogue(Age__c=NUMBER), id="object-unknown"),
        pytest.param(catalogue(), catalogue(Age__c=NUMBER), id="field-unknown"),
        pytest.param(catalogue(Age__c=SECRET), catalogue(Age__c=NUMBER), id="field-personal"),
        pytest.param(catalogue(), catalogue(LastName=PART), id="compound-unknown"),
        pytest.param(catalogue(LastName=PART | SECRET), catalogue(LastName=PART), id="part-personal"),
        pytest.param(catalogue(Name=OPEN), catalogue(LastName=PART), id="compound-sealed"),
    ],
)
def test_an_event_with_a_token_where_none_belongs_any_more_is_found(
    before: Catalogue, after: Catalogue
) -> None:
    values = {"Town__c": "Oslo", "Age__c": 7, "Name": {"LastName": "Lund"}}
    [found] = reprotector(after).opened(raw(("Person__c", landed(before, **values))))["event"].to_pylist()
    assert payload(found) == payload(landed(after, **values))


def pet(text: str) -> str:
    return text.replace("Person__c", "Pet__c")


def test_events_of_each_object_are_opened_and_those_of_no_object_stay() -> None:
    hidden, known = landed(NO_OBJECT, Age__c=7), landed(TWO, Age__c=7)
    found = reprotector(TWO).opened(
        raw(
            ("Person__c", hidden),
            ("Stranger__c", hidden),
            ("Pet__c", pet(hidden)),
            ("", "{"),
            ("Pet__c", pet(known)),
        )
    )
    texts = found["event"].to_pylist()
    assert [orjson.loads(texts[place])["payload"]["Age__c"] for place in (0, 2, 4)] == [7, 7, 7]
    assert texts[1] == hidden
    assert texts[3] == "{"


def test_refused_events_and_whole_objects_are_closed_and_no_others() -> None:
    before, after = catalogue(Age__c=OPEN), catalogue(Age__c=SECRET)
    one, two = landed(before, Age__c="a"), landed(before, Age__c="b")
    rows = raw(("Person__c", one), ("Person__c", two))
    closed = reprotector(after).closed(rows, {two}, set())
    assert closed["event"].to_pylist() == [one, reprotector(after).event(two)]
    assert closed.drop_columns(["event"]) == rows.drop_columns(["event"])
    closed = reprotector(after).closed(rows, set(), {"Person__c"})
    assert closed["event"].to_pylist() == [reprotector(after).event(each) for each in (one, two)]
    assert reprotector(after).closed(rows, set(), {"Pet__c"}) is rows


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        '{"payload":["a"]}',
        '{"payload":{"ChangeEventHeader":"x"}}',
        '{"payload":{"ChangeEventHeader":{"entityName":["Person__c"]},"Town__c":"tg1.1.x"}}',
        '{"payload":{"ChangeEventHeader":{"entityName":"Stranger__c"},"hidden":"tg1.1.x"}}',
        '{"payload":{"ChangeEventHeader":{"entityName":"Person__c"},"hidden":"tg1.1.not-one"}}',
    ],
)
def test_an_event_of_which_nothing_is_known_stays_as_it_is(text: str) -> None:
    assert reprotector(catalogue()).event(text) == text


def test_a_field_that_is_called_hidden_is_a_field() -> None:
    before, after = catalogue(hidden=SECRET), catalogue(hidden=OPEN)
    text = landed(before, hidden="a", Town__c="Oslo")
    assert payload(reprotector(after).event(text)) == {"hidden": "a", "Town__c": "Oslo"}


def test_what_is_null_stays_null_in_a_field_of_any_class() -> None:
    for before in (catalogue(Age__c=SECRET), catalogue(Age__c=OPEN)):
        text = landed(before, Age__c=None, Town__c=None)
        for after in (catalogue(Age__c=SECRET), catalogue(Age__c=OPEN)):
            assert payload(reprotector(after).event(text)) == {"Age__c": None, "Town__c": None}


def test_what_is_unknown_keeps_its_token_over_a_rotation() -> None:
    under, keys = catalogue(), [DataKey(str(n), bytes(range(n, n + 64))) for n in (0, 1)]
    data = {"payload": {"ChangeEventHeader": HEADER, "Odd__c": {"a": 1}, "Town__c": "Oslo"}}
    Protector(keys[0], under).protect_event(data)
    text = orjson.dumps(data).decode()
    rotated = Reprotector(Protector(KeyRing(keys), under), under)
    assert rotated.event(text) == text


def test_a_page_in_its_form_is_the_same_page() -> None:
    spec = catalogue(
        Mail__c=SECRET, Birth__c=SECRET | {"pii": "sensitive"}, Sum__c=NUMBER | {"pii": "personal"}
    )
    texts: dict[str, list[str | None]] = {
        "Id": ["a0x01", "a0x02"],
        "Town__c": ["Oslo", None],
        "Mail__c": ["a", None],
        "Birth__c": [None, "b"],
        "Sum__c": ["1.5", None],
    }
    rows = protect_page(page(**texts), spec.object("Person__c"), protector(spec))
    assert reprotector(spec).page(rows, "Person__c") is rows
    assert reprotector(NO_OBJECT).page(rows, "Person__c") is rows
    assert reprotector(catalogue(Age__c=NUMBER)).page(rows.select(["Mail__c"]), "Person__c") is not None


def test_a_column_of_a_page_that_the_catalogue_lacks_stays_and_those_behind_it_do_not() -> None:
    before, after = catalogue(Mail__c=SECRET), catalogue(Mail__c=OPEN)
    texts: dict[str, list[str | None]] = {"Odd__c": ["tg1.1.x"], "Town__c": ["Oslo"], "Mail__c": ["a"]}
    rows = protect_page(page(**texts), before.object("Person__c"), protector(before))
    rows = rows.set_column(0, "Odd__c", pa.array(["tg1.1.x"], pa.large_string()))
    found = reprotector(after).page(rows, "Person__c")
    assert found.to_pydict() == {"Odd__c": ["tg1.1.x"], "Town__c": ["Oslo"], "Mail__c": ["a"]}


def test_a_sensitive_cell_is_sealed_for_its_own_record() -> None:
    before, after = catalogue(Birth__c=OPEN), catalogue(Birth__c=SECRET | {"pii": "sensitive"})
    texts: dict[str, list[str | None]] = {"Id": ["a0x01", "a0x02", "a0x03"], "Birth__c": ["a", None, "c"]}
    rows = protect_page(page(**texts), before.object("Person__c"), protector(before))
    found = reprotector(after).page(rows, "Person__c")
    assert found == protect_page(page(**texts), after.object("Person__c"), protector(after))
