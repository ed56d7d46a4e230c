"""Sealed rows come back as they were, for those who have each subject's key."""

from typing import Any

import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import example, given, strategies as st

from transforms.retention.seal import SubjectKey, is_sealed, json_text, open_table, seal_table

ADA, BOB = "003Tg0000000001AAA", "003Tg0000000002AAA"
KEYS = {ADA: SubjectKey(1, bytes(range(64))), BOB: SubjectKey(2, bytes(range(1, 65)))}
READ = {(name, each.generation): each.key for name, each in KEYS.items()}
TOKEN, SEALED_ONCE = "tg1.1.QQ==", "tgs1.1.QQ=="


def table(names: list[str | None], notes: list[str | None]) -> pa.Table:
    """Two rows. A name is protected, a note is not."""
    return pa.table(
        {
            "version": pa.array([7, None], pa.int64()),
            "record_id": pa.array([ADA, BOB], pa.large_string()),
            "name": pa.array(names, pa.large_string()),
            "open": pa.array([True, False]),
            "note": pa.array(notes, pa.string()),
        }
    )


def sealed(rows: pa.Table, context: str = "audit.contact_change", **changed: SubjectKey) -> pa.Table:
    keys = {**KEYS, **changed}
    return seal_table(rows, subjects="record_id", protected=["name"], keys=keys, context=context)


def opened(rows: pa.Table, keys: dict[Any, bytes] = READ, context: str = "audit.contact_change") -> Any:
    return open_table(rows, subjects="record_id", keys=keys, context=context)


TEXTS = st.lists(st.none() | st.text() | st.just(TOKEN), min_size=2, max_size=2)


@given(TEXTS, TEXTS)
@example(["", None], [SEALED_ONCE, "tgs1.once upon a time"])
@example([None, None], [None, TOKEN])
@example([SEALED_ONCE, TOKEN], [None, None])
def test_opened_rows_are_as_they_were_before_they_were_sealed(
    names: list[str | None], notes: list[str | None]
) -> None:
    rows = table(names, notes)
    found, gone = opened(sealed(rows))
    assert (found, found.schema, gone) == (rows, rows.schema, set())


def test_of_a_protected_column_every_value_is_sealed_and_of_another_tokens_alone() -> None:
    found = sealed(table(["Ada", ""], ["clear", TOKEN])).to_pydict()
    assert [is_sealed(value) for value in found["name"]] == [True, True]
    assert [is_sealed(value) for value in found["note"]] == [False, True]
    assert (found["note"][0], found["record_id"]) == ("clear", [ADA, BOB])
    assert "Ada" not in str(found)


def test_only_texts_are_sealed_and_never_the_subject() -> None:
    rows = table(["Ada", None], [None, None])
    columns = rows.column_names
    for subject in (ADA, SEALED_ONCE):
        given = rows.set_column(1, "record_id", pa.array([subject, subject], pa.large_string()))
        keys = {subject: KEYS[ADA]}
        found = seal_table(given, subjects="record_id", protected=columns, keys=keys, context="c")
        for name in ("version", "record_id", "open"):
            assert found[name] == given[name]
        assert open_table(found, subjects="record_id", keys={(subject, 1): KEYS[ADA].key}, context="c") == (
            given,
            set(),
        )


def test_a_sealed_value_names_the_generation_of_its_key() -> None:
    found = sealed(table(["Ada", "Ada"], [None, None]))["name"].to_pylist()
    assert [value.rpartition(".")[0] for value in found] == ["tgs1.1", "tgs1.2"]


def test_the_same_value_is_the_same_text_in_the_next_export_and_no_other_place() -> None:
    rows = table([TOKEN, TOKEN], [TOKEN, TOKEN])
    assert sealed(rows) == sealed(rows)
    elsewhere = sealed(rows, "audit.lead_change")
    texts = [text for each in (sealed(rows), elsewhere) for text in (*each["name"], *each["note"])]
    assert len({text.as_py() for text in texts}) == 8


def test_a_sealed_value_opens_in_no_other_table() -> None:
    with pytest.raises(InvalidTag):
        opened(sealed(table(["Ada", None], [None, None])), context="audit.lead_change")


def test_a_row_whose_subject_has_no_key_cannot_be_sealed() -> None:
    with pytest.raises(KeyError):
        seal_table(
            table([None, None], [None, None]),
            subjects="record_id",
            protected=[],
            keys={ADA: KEYS[ADA]},
            context="c",
        )


@pytest.mark.parametrize("left", [{}, {(ADA, 2): KEYS[ADA].key}], ids=["no key", "the next one"])
def test_without_a_subjects_key_its_sealed_values_are_null_and_it_is_named(left: dict[Any, bytes]) -> None:
    rows = sealed(table(["Ada", "Bob"], ["clear", TOKEN]))
    found, gone = opened(rows, {(BOB, 2): READ[BOB, 2], **left})
    assert (found, gone) == (table([None, "Bob"], ["clear", TOKEN]), {ADA})


def test_a_subject_without_sealed_values_misses_no_key() -> None:
    rows = table([None, None], ["clear", None])
    assert opened(sealed(rows), {}) == (rows, set())


def test_a_key_is_not_in_its_representation() -> None:
    assert repr(KEYS[ADA]) == "SubjectKey(generation=1)"


def test_a_json_value_has_one_text_whatever_the_order_of_its_keys() -> None:
    assert json_text({"b": 1, "a": [None]}) == json_text({"a": [None], "b": 1}) == '{"a":[null],"b":1}'
    assert json_text(None) is None
