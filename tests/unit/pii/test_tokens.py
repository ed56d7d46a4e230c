"""Tokens: what is encrypted can be read again, and compared only where the field's class says
so.
"""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from schemas.catalogue import Catalogue
from transforms.pii import DataKey, KeyRing, Protector, Seal, is_misfit_token, is_token, key_of, longest_token
from transforms.pii.tokens import has_form

OLD, NEW = DataKey("1", bytes(range(64))), DataKey("2", bytes(range(1, 65)))
CATALOGUE = Catalogue.model_validate({"objects": {}})
BEFORE, AFTER = Protector(OLD, CATALOGUE), Protector(KeyRing([NEW, OLD]), CATALOGUE)
PERSONAL = Seal("Contact.Email")
SENSITIVE = Seal("Contact.Birthdate", is_bound=True)
INDEXED = Seal("Contact.NationalId__c", is_bound=True, group="national_id")
SEALS = st.sampled_from([PERSONAL, SENSITIVE, INDEXED])
RECORD, OTHER = "003Tg0000000001AAA", "003Tg0000000002AAA"
VALUES = st.text() | st.integers(-(2**53), 2**53) | st.booleans() | st.lists(st.text(), max_size=3)


@given(SEALS, VALUES, st.text(max_size=18))
def test_opening_a_token_gives_back_the_value(seal: Seal, value: Any, record_id: str) -> None:
    assert BEFORE.decrypt(seal.context, BEFORE.seal(seal, value, record_id)) == value


@given(VALUES)
def test_opening_a_writebacks_token_gives_back_the_value(value: Any) -> None:
    assert (
        BEFORE.decrypt_writeback("Contact.Email", BEFORE.encrypt_writeback("Contact.Email", value)) == value
    )


@given(SEALS, VALUES)
def test_a_token_opens_in_no_other_field(seal: Seal, value: Any) -> None:
    token = BEFORE.seal(seal, value, RECORD)
    with pytest.raises(ValueError, match="not a token of"):
        BEFORE.decrypt("Contact.LastName", token)


@given(st.text())
def test_a_sensitive_value_of_two_records_has_nothing_in_common(value: str) -> None:
    one, other = (BEFORE.seal(SENSITIVE, value, record_id) for record_id in (RECORD, OTHER))
    prefix = len("tg2.1.")
    assert one != other
    assert one[prefix:].partition(".")[0][20:] != other[prefix:].partition(".")[0][20:]


@given(st.text())
def test_a_sensitive_value_of_one_record_has_one_token(value: str) -> None:
    assert BEFORE.seal(SENSITIVE, value, RECORD) == BEFORE.seal(SENSITIVE, value, RECORD)


def test_a_sensitive_token_that_is_moved_to_another_record_does_not_have_its_form() -> None:
    token = BEFORE.seal(SENSITIVE, "1990-04-01", RECORD)
    assert has_form(token, SENSITIVE, "1", RECORD)
    assert not has_form(token, SENSITIVE, "1", OTHER)


def test_a_bound_token_with_an_altered_salt_does_not_open() -> None:
    token = BEFORE.seal(SENSITIVE, "1990-04-01", RECORD)
    salt = BEFORE.seal(SENSITIVE, "1990-04-01", OTHER)[len("tg2.1.") :][:20]
    forged = token[: len("tg2.1.")] + salt + token[len("tg2.1.") + 20 :]
    with pytest.raises(ValueError, match="not a token of"):
        BEFORE.decrypt(SENSITIVE.context, forged)


@given(st.text(), st.text())
def test_a_blind_index_is_equal_just_for_equal_values_of_its_group(one: str, other: str) -> None:
    elsewhere = Seal("Case.NationalId__c", is_bound=True, group="national_id")
    another_group = Seal("Case.TaxId__c", is_bound=True, group="tax_id")
    index = BEFORE.seal(INDEXED, one, RECORD).rpartition(".")[2]
    assert (BEFORE.seal(elsewhere, other, OTHER).rpartition(".")[2] == index) == (one == other)
    assert BEFORE.seal(another_group, one, RECORD).rpartition(".")[2] != index


def test_a_blind_index_outlives_a_rotation() -> None:
    before, after = (each.seal(INDEXED, "123-45-6789", RECORD) for each in (BEFORE, AFTER))
    assert (key_of(before), key_of(after)) == ("1", "2")
    assert before.rpartition(".")[2] == after.rpartition(".")[2]


@given(SEALS, VALUES)
def test_old_tokens_open_after_a_rotation(seal: Seal, value: Any) -> None:
    assert AFTER.decrypt(seal.context, BEFORE.seal(seal, value, RECORD)) == value


@given(SEALS, SEALS, VALUES)
def test_a_reformed_token_is_what_the_value_would_get_today(before: Seal, after: Seal, value: Any) -> None:
    former = Seal(after.context, before.is_bound, before.group)
    token = BEFORE.seal(former, value, OTHER)
    assert AFTER.reformed(after, token, RECORD, "2") == AFTER.seal(after, value, RECORD)
    assert AFTER.reformed(after, AFTER.seal(after, value, RECORD), RECORD, "1") == BEFORE.seal(
        after, value, RECORD
    )


@pytest.mark.parametrize("text", ["tg1.9.AAAA", "tg2.1.!!", "tg1.", "tg2x.1.", "plain"])
def test_what_does_not_open_stays_as_it_is(text: str) -> None:
    assert AFTER.reformed(SENSITIVE, text, RECORD, "2") == text


@given(st.text())
def test_no_two_tokens_of_writebacks_are_equal_nor_one_of_the_warehouses(value: str) -> None:
    tokens = [BEFORE.encrypt_writeback("Contact.Email", value) for _ in range(3)]
    warehouse = [BEFORE.seal(seal, value, RECORD) for seal in (PERSONAL, SENSITIVE)]
    assert len({*tokens, *warehouse}) == len(tokens) + len(warehouse)
    with pytest.raises(ValueError, match="not a token of"):
        BEFORE.decrypt("Contact.Email", tokens[0])


@given(st.text())
def test_an_external_id_names_one_record_over_a_rotation_and_is_no_token_of_the_warehouse(value: str) -> None:
    context = "Contact.ExternalId__c"
    token = BEFORE.encrypt_writeback_key(context, value)
    assert token == AFTER.encrypt_writeback_key(context, value)
    assert token != BEFORE.encrypt(context, value)
    assert AFTER.decrypt_writeback(context, token) == value


def test_a_writeback_of_an_older_release_still_opens() -> None:
    assert (
        AFTER.decrypt_writeback("Contact.Email", BEFORE.encrypt("Contact.Email", "a@b.example"))
        == "a@b.example"
    )


@given(SEALS, st.integers(0, 300), st.sampled_from("aß漢🙂"))
def test_a_token_is_no_longer_than_is_promised(seal: Seal, length: int, character: str) -> None:
    assert len(BEFORE.seal(seal, length * character, RECORD)) <= longest_token(length)


@given(SEALS, VALUES)
def test_a_token_tells_without_the_key_whether_it_hides_a_text(seal: Seal, value: Any) -> None:
    token = BEFORE.seal(seal, value, RECORD)
    assert (is_token(token), is_misfit_token(token)) == (isinstance(value, str), not isinstance(value, str))


def test_a_ring_asks_for_a_key_that_it_does_not_know() -> None:
    made = [OLD]
    ring = KeyRing([OLD], lambda: made)
    token = AFTER.seal(PERSONAL, "a", RECORD)
    reader = Protector(ring, CATALOGUE)
    with pytest.raises(ValueError, match="it names key '2'"):
        reader.decrypt(PERSONAL.context, token)
    made.append(NEW)
    ring.refresh()
    assert reader.decrypt(PERSONAL.context, token) == "a"
    assert ring.active.id == "2"


def test_a_text_that_only_looks_like_a_token_makes_no_call_each_time() -> None:
    calls: list[str] = []

    def more() -> list[DataKey]:
        calls.append("asked")
        return [OLD]

    ring = KeyRing([OLD], more)
    for key_id in ["2", "2", "x", "", "12345678", *map(str, range(100, 200))]:
        with pytest.raises(ValueError, match="it names key"):
            ring.key(key_id)
    assert len(calls) == 20


def test_a_fingerprint_tells_keys_apart_and_nothing_of_them() -> None:
    assert OLD.fingerprint != NEW.fingerprint
    assert OLD.fingerprint == DataKey("7", OLD.key).fingerprint
    assert OLD.key.hex() not in OLD.fingerprint
    assert OLD.key.hex() not in repr(OLD)


def test_the_newest_key_encrypts_whatever_the_order() -> None:
    ring = KeyRing([DataKey("10", bytes(64)), NEW, OLD])
    assert (ring.active.id, ring.first.id, ring.ids) == ("10", "1", ("1", "2", "10"))
