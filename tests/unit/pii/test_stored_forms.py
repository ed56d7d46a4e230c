"""Forms that are stored: they stay as they are over releases, and each is known by its look."""

from typing import Any

import pytest

from schemas.catalogue import Catalogue
from transforms.pii import (
    DataKey,
    KeyRing,
    Protector,
    Seal,
    is_any_token,
    is_comparable_token,
    is_misfit_token,
    is_token,
    key_of,
    longest_token,
    sealed_token,
)
from transforms.pii.tokens import has_form, make_text_tokens, make_token, record_salt

KEY = DataKey("7", bytes(range(64)))
RING = KeyRing([KEY])
PROTECTOR = Protector(RING, Catalogue.model_validate({"objects": {}}))
RECORD, OTHER = "003Tg0000000001AAA", "003Tg0000000002AAA"
PERSONAL = Seal("Contact.Email")
SENSITIVE = Seal("Contact.Birthdate", is_bound=True)
INDEXED = Seal("Contact.NationalId__c", is_bound=True, group="national_id")
SEALS = {"personal": PERSONAL, "sensitive": SENSITIVE, "indexed": INDEXED}


@pytest.mark.parametrize(
    ("seal", "value", "token"),
    [
        ("personal", "Ada", "tg1.7.cKsHgSA532D4idACwN3LkbQza7w="),
        ("personal", 7, "tg1x.7.UsZxW47DXufQTXnSPgVRXONg"),
        ("sensitive", "Ada", "tg2.7.MDAzVGcwMDAwMDAwMDAxffvi9of1-KvJO0wAgwzp9StxzF8="),
        ("sensitive", [7], "tg2x.7.MDAzVGcwMDAwMDAwMDAxggRm5l8Lf4eVbwgj9oeUHvCyBBg="),
        ("indexed", "Ada", "tg2.7.MDAzVGcwMDAwMDAwMDAxVACZPKiQ9-Vw6Zqs98r_syztcnI=.-QkuNRamKkYWgHWAe8Hh"),
    ],
)
def test_a_token_is_that_of_every_release(seal: str, value: Any, token: str) -> None:
    assert PROTECTOR.seal(SEALS[seal], value, RECORD) == token
    assert PROTECTOR.decrypt(SEALS[seal].context, token) == value


def test_a_fingerprint_and_an_index_are_those_of_every_release() -> None:
    key = DataKey("7", KEY.key)
    assert (key.fingerprint, PROTECTOR.key_name) == (
        "c3c45e6e2dc30b50331c305a587b3e3f",
        "7:c3c45e6e2dc30b50331c305a587b3e3f",
    )
    assert KeyRing([key]).blind_index("national_id", b"Ada") == "-QkuNRamKkYWgHWAe8Hh"


@pytest.mark.parametrize("length", range(8))
def test_the_longest_token_is_as_long_as_is_promised(length: int) -> None:
    ring = KeyRing([DataKey(36 * "k", KEY.key)])
    token = make_token(ring, INDEXED, length * "🙂", salt=record_salt(RECORD))
    assert len(token) == longest_token(length)


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("tg1.7.A", "any text comparable"),
        ("tg1x.7.A", "any other comparable"),
        ("tg2.7.A", "any text"),
        ("tg2x.7.A", "any other"),
        ("tg1", ""),
        ("a tg1.7.A", ""),
        (7, ""),
        (None, ""),
        (["tg1x.7.A"], ""),
    ],
)
def test_a_token_is_told_by_its_beginning(value: object, kinds: str) -> None:
    looks = {
        "any": is_any_token(value),
        "text": is_token(value),
        "other": is_misfit_token(value),
        "comparable": is_comparable_token(value),
    }
    assert {name for name, has in looks.items() if has} == set(kinds.split())


@pytest.mark.parametrize(
    "value", ["tg1x.7.A", [], ["tg1.7.A"], [7], ["tg1x.7.A", "tg1x.7.A"], ["b", "tg1x.7.A"], None, {}]
)
def test_a_sealed_object_is_a_list_of_one_token_alone(value: object) -> None:
    assert sealed_token(value) is None
    assert sealed_token(["tg1x.7.A"]) == "tg1x.7.A"


def test_the_key_of_a_token_stands_between_its_first_two_stops() -> None:
    assert [key_of(each) for each in ("tg1.7.A", "tg2.12.A.I", "tg1.", "plain")] == ["7", "12", "", ""]


@pytest.mark.parametrize("value", ["Ada", 7])
@pytest.mark.parametrize("seal", SEALS)
def test_a_token_has_the_form_of_its_seal_key_and_record_and_no_other(seal: str, value: Any) -> None:
    token = PROTECTOR.seal(SEALS[seal], value, RECORD)
    for name, each in SEALS.items():
        assert has_form(token, each, "7", RECORD) == (name == seal)
    assert not has_form(token, SEALS[seal], "8", RECORD)
    assert has_form(token, SEALS[seal], "7", OTHER) == (seal == "personal")
    assert not has_form("plain", SEALS[seal], "7", RECORD)


@pytest.mark.parametrize("seal", SEALS)
def test_the_tokens_of_a_column_are_those_of_its_values(seal: str) -> None:
    values, records = ["Ada", None, ""], [RECORD, OTHER, OTHER]
    found = make_text_tokens(RING, SEALS[seal], values, records)
    wanted = [
        None if value is None else PROTECTOR.seal(SEALS[seal], value, record)
        for value, record in zip(values, records, strict=True)
    ]
    assert found == wanted


@pytest.mark.parametrize("record", [None, "", 7])
def test_without_a_record_a_bound_token_is_bound_to_nothing(record: object) -> None:
    one, other = (PROTECTOR.seal(SENSITIVE, "Ada", record) for _ in range(2))
    assert one != other
    assert PROTECTOR.decrypt(SENSITIVE.context, one) == "Ada"


def test_a_record_whose_id_is_short_has_a_salt_of_its_own_length() -> None:
    assert record_salt("001") == b"001".ljust(15, b"\0")
    assert record_salt(RECORD) == RECORD[:15].encode()
