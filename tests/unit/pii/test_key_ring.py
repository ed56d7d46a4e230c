"""The ring asks for keys that it lacks, and for nothing that cannot be one."""

import pytest

from schemas.catalogue import Catalogue
from transforms.pii import DataKey, KeyRing, Protector, Seal, key_of
from transforms.pii.key_ring import UnknownKeyError

OLD, NEW = DataKey("1", bytes(range(64))), DataKey("2", bytes(range(1, 65)))
SEAL = Seal("Contact.Email")


def asked_for(*key_ids: str) -> int:
    """How often the ring asked for more keys."""
    calls: list[str] = []

    def more() -> list[DataKey]:
        calls.append("asked")
        return [OLD]

    ring = KeyRing([OLD], more)
    for each in key_ids:
        with pytest.raises(UnknownKeyError, match="it names key"):
            ring.key(each)
    return len(calls)


@pytest.mark.parametrize("key_id", ["", "x", "-1", "1234567"])
def test_a_name_that_no_key_has_is_not_asked_for(key_id: str) -> None:
    assert asked_for(key_id) == 0


@pytest.mark.parametrize("key_id", ["2", "123456"])
def test_a_name_that_a_key_may_have_is_asked_for_once(key_id: str) -> None:
    assert asked_for(key_id, key_id) == 1
    assert asked_for(key_id, "3", key_id) == 2


def test_after_twenty_names_nothing_is_asked_for() -> None:
    assert asked_for(*map(str, range(100, 120))) == 20
    assert asked_for(*map(str, range(100, 140))) == 20


def test_a_key_that_is_there_by_now_is_found_at_once() -> None:
    ring = KeyRing([OLD], lambda: [OLD, NEW])
    assert ring.key("2") == NEW
    assert (ring.ids, ring.active, ring.first) == (("1", "2"), NEW, OLD)


def test_a_ring_that_cannot_grow_names_its_keys_and_the_beginning_of_the_one_that_it_lacks() -> None:
    ring = KeyRing([NEW, OLD])
    ring.refresh()
    with pytest.raises(UnknownKeyError, match=f"not a token of key 1, 2: it names key '{36 * 'x'}'"):
        ring.key(40 * "x")


def test_a_value_is_sealed_with_the_key_that_is_named_and_else_with_the_newest() -> None:
    protector = Protector(KeyRing([OLD, NEW]), Catalogue.model_validate({"objects": {}}))
    tokens = [protector.seal(SEAL, "Ada", None, key_id=each) for each in (None, "1", "2")]
    assert [key_of(each) for each in tokens] == ["2", "1", "2"]
    assert [protector.decrypt(SEAL.context, each) for each in tokens] == ["Ada"] * 3
