"""The fold of encrypted texts: their diffs are applied behind the tokens, and give the tokens that
the texts themselves would have.
"""

import os
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from sandbox.org.events.changes import text_diff
from schemas.catalogue import Catalogue
from schemas.ingest.change_types import CREATE, UPDATE
from tests.support.builders.changes import FIELDS, SPEC, change
from transforms.apply.fold import Version, fold
from transforms.pii import DataKey, KeyRing, Protector
from transforms.pii.token_forms import TokenForms

OLD, NEW = DataKey("1", os.urandom(64)), DataKey("2", os.urandom(64))
TEXTS = st.lists(st.text("ab\n", max_size=12), min_size=2, max_size=5)
RECORD = change(1, CREATE).record_id


def sealed(pii: str) -> tuple[Catalogue, TokenForms]:
    """The things' catalogue with an encrypted text, and its tokens under the older key."""
    secret = {**FIELDS, list(FIELDS)[2]: {"type": "textarea", "length": 4_000, "pii": pii}}
    thing = {"label": "Things", "key_prefix": "a0x", "history": True, "fields": secret}
    catalogue = Catalogue.model_validate({"objects": {"Thing__c": thing}})
    return catalogue, TokenForms(
        Protector(KeyRing([OLD, NEW]), catalogue), catalogue.object("Thing__c"), OLD.id
    )


def versions(texts: list[str], catalogue: Catalogue, forms: TokenForms | None, *, key: str) -> list[Version]:
    """A record whose text becomes one after the other, each by a diff that was sealed with a key."""
    spec = catalogue.object("Thing__c")
    sealing = TokenForms(Protector(KeyRing([OLD, NEW]), catalogue), spec, key)
    first = change(1, CREATE, (1, 2, sealing.seal_text("c", texts[0], RECORD)))
    steps = [
        change(
            2 + n,
            UPDATE,
            (None, None, sealing.seal_text("c", text_diff(before, after), RECORD)),
            changed="c",
            diffs="c",
        )
        for n, (before, after) in enumerate(pairwise(texts))
    ]
    return fold([first, *steps], spec, sealed=forms)


@given(TEXTS, st.sampled_from(["personal", "sensitive"]), st.sampled_from([OLD.id, NEW.id]))
def test_diffs_of_encrypted_texts_make_the_tokens_of_the_texts(texts: list[str], pii: str, key: str) -> None:
    catalogue, forms = sealed(pii)
    found = versions(texts, catalogue, forms, key=key)
    assert [each.is_complete for each in found] == [True] * len(texts)
    assert [forms.open_text("c", each.values[2]) for each in found] == texts
    assert [each.values[2] for each in found[1:]] == [
        forms.seal_text("c", text, RECORD) for text in texts[1:]
    ]


@pytest.mark.parametrize("pii", ["personal", "sensitive"])
def test_without_keys_an_encrypted_text_that_came_as_a_diff_is_in_doubt(pii: str) -> None:
    catalogue, _ = sealed(pii)
    found = versions(["a\nb", "a\nc"], catalogue, None, key=OLD.id)
    assert [each.is_complete for each in found] == [True, False]


def test_a_diff_that_is_no_token_of_its_column_leaves_the_text_in_doubt() -> None:
    catalogue, forms = sealed("sensitive")
    first = change(1, CREATE, (1, 2, forms.seal_text("c", "a", RECORD)))
    wrong = change(2, UPDATE, (None, None, text_diff("a", "b")), changed="c", diffs="c")
    found = fold([first, wrong], catalogue.object("Thing__c"), sealed=forms)
    assert (found[-1].is_complete, found[-1].values) == (False, first.values)


def test_a_clear_text_is_folded_as_it_is_beside_encrypted_ones() -> None:
    _, forms = sealed("sensitive")
    update = change(2, UPDATE, (None, None, text_diff("a", "b")), changed="c", diffs="c")
    assert fold([change(1, CREATE, (1, 2, "a")), update], SPEC, sealed=forms)[-1].values == (1, 2, "b")
