"""Rows are brought to one form before they are applied or compared."""

import pyarrow as pa

from schemas.catalogue import Catalogue
from transforms.pii import DataKey, KeyRing, Protector, seal_of
from transforms.pii.token_forms import TokenForms

FIELDS = {
    "Email__c": {"type": "email", "length": 80, "pii": "personal"},
    "Birth__c": {"type": "date", "pii": "sensitive"},
    "Title__c": {"type": "string"},
}
CATALOGUE = Catalogue.model_validate(
    {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "fields": FIELDS}}}
)
SPEC = CATALOGUE.object("Thing__c")
OLD, NEW = DataKey("1", bytes(range(64))), DataKey("2", bytes(range(1, 65)))
PROTECTOR = Protector(KeyRing([OLD, NEW]), CATALOGUE)
EMAIL, BIRTH = seal_of(SPEC, "Email__c"), seal_of(SPEC, "Birth__c")
IDS = ["a0xTg0000000001AAA", "a0xTg0000000002AAA", "a0xTg0000000003AAA"]


def table(emails: list[str | None], births: list[str | None]) -> pa.Table:
    text = pa.large_string()
    columns = {"record_id": IDS, "email": emails, "birth": births, "title": ["tg1.1.mine", None, "b"]}
    return pa.table({name: pa.array(values, text) for name, values in columns.items()})


def email(key_id: str, value: str = "a@b.example") -> str:
    return PROTECTOR.seal(EMAIL, value, None, key_id=key_id)


def birth(key_id: str, place: int, value: str = "1990-04-01") -> str:
    return PROTECTOR.seal(BIRTH, value, IDS[place], key_id=key_id)


def test_rows_in_their_form_are_the_same_rows() -> None:
    rows = table([email("2"), None, email("2", "c")], [birth("2", 0), birth("2", 1), None])
    assert TokenForms(PROTECTOR, SPEC, "2").table(rows) is rows


def test_equal_values_under_two_keys_become_equal_tokens() -> None:
    rows = table([email("1"), email("2"), None], [None, None, None])
    for key_id in ("1", "2"):
        found = TokenForms(PROTECTOR, SPEC, key_id).table(rows)
        assert found["email"].to_pylist() == [email(key_id), email(key_id), None]
        assert found["title"].to_pylist() == ["tg1.1.mine", None, "b"]


def test_the_token_of_an_event_of_several_records_becomes_each_ones_own() -> None:
    shared = birth("1", 0)
    found = TokenForms(PROTECTOR, SPEC, "1").table(table([None] * 3, [shared] * 3))
    assert found["birth"].to_pylist() == [birth("1", place) for place in range(3)]


def test_tokens_from_before_the_field_was_sensitive_are_bound_to_their_record() -> None:
    old = PROTECTOR.encrypt("Thing__c.Birth__c", "1990-04-01")
    assert old.startswith("tg1.")
    forms = TokenForms(PROTECTOR, SPEC, "2")
    assert forms.value(BIRTH, IDS[1], old) == birth("2", 1)


def test_a_row_of_a_query_is_brought_to_the_form_as_a_table_is() -> None:
    forms, columns = TokenForms(PROTECTOR, SPEC, "2"), ["title", "birth", "email"]
    row = forms.row(IDS[2], ("t", birth("1", 0), email("1")), forms.places(columns))
    assert row == ("t", birth("2", 2), email("2"))


def test_a_shape_tells_what_needs_no_re_encryption() -> None:
    forms = TokenForms(PROTECTOR, SPEC, "2")
    assert forms.shape("email") == (("tg1.2.", "tg1x.2."), False)
    assert forms.shape("birth") == (("tg2.2.", "tg2x.2."), False)
    assert (forms.compared, forms.bound) == (("email",), ("birth",))
