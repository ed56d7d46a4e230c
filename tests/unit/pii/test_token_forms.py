"""Rows are brought to one form before they are applied or compared."""

from typing import Any

import pyarrow as pa

from schemas.catalogue import Catalogue
from transforms.pii import DataKey, KeyRing, Protector, Seal, seal_of
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


def email(key_id: str, value: Any = "a@b.example") -> str:
    return PROTECTOR.seal(EMAIL, value, None, key_id=key_id)


def birth(key_id: str, place: int, value: Any = "1990-04-01") -> str:
    return PROTECTOR.seal(BIRTH, value, IDS[place], key_id=key_id)


def test_rows_in_their_form_are_the_same_rows() -> None:
    rows = table([email("2"), None, email("2", "c")], [birth("2", 0), birth("2", 1), None])
    assert TokenForms(PROTECTOR, SPEC, "2").table(rows) is rows


def test_a_personal_column_behind_a_sensitive_one_is_bound_to_no_record() -> None:
    entry = {"label": "Things", "key_prefix": "a0x", "fields": dict(reversed(FIELDS.items()))}
    spec = Catalogue.model_validate({"objects": {"Thing__c": entry}}).object("Thing__c")
    rows = table([email("2")] * 3, [birth("2", place) for place in range(3)])
    assert TokenForms(PROTECTOR, spec, "2").table(rows) is rows


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


def test_a_column_that_the_rows_lack_or_that_is_in_its_form_leaves_the_others_to_be_reformed() -> None:
    forms, wanted = TokenForms(PROTECTOR, SPEC, "2"), [birth("2", place) for place in range(3)]
    rows = table([email("2")] * 3, [birth("1", place) for place in range(3)])
    for each in (
        rows,
        rows.drop_columns(["email"]),
        rows.set_column(1, "email", pa.nulls(3, pa.large_string())),
    ):
        found = forms.table(each)
        assert found["birth"].to_pylist() == wanted
        assert found.drop_columns(["birth"]) == each.drop_columns(["birth"])


def test_a_value_that_is_no_text_keeps_that_in_its_form() -> None:
    forms = TokenForms(PROTECTOR, SPEC, "2")
    emails: list[Any] = [7, ["a"], True]
    births: list[Any] = [7, "a", {}]
    found = forms.table(
        table([email("1", each) for each in emails], [birth("1", 0, each) for each in births])
    )
    assert found["email"].to_pylist() == [email("2", each) for each in emails]
    assert found["birth"].to_pylist() == [birth("2", place, each) for place, each in enumerate(births)]
    assert forms.table(found) is found


def test_a_clear_text_among_tokens_stays_as_it_is() -> None:
    rows = table(["clear", email("1"), None], ["clear", birth("1", 1), None])
    found = TokenForms(PROTECTOR, SPEC, "2").table(rows)
    assert found["email"].to_pylist() == ["clear", email("2"), None]
    assert found["birth"].to_pylist() == ["clear", birth("2", 1), None]


def test_a_text_is_opened_and_sealed_under_the_forms_own_key() -> None:
    forms = TokenForms(PROTECTOR, SPEC, "1")
    assert forms.seal_text("birth", "1990-04-01", IDS[0]) == birth("1", 0)
    assert forms.open_text("birth", birth("2", 0)) == "1990-04-01"
    assert forms.columns == ("email", "birth")


def test_an_index_is_part_of_the_form() -> None:
    fields = {"Number__c": {"type": "string", "pii": "sensitive", "blind_index": "number"}}
    entry = {"label": "Things", "key_prefix": "a0x", "fields": fields}
    spec = Catalogue.model_validate({"objects": {"Thing__c": entry}}).object("Thing__c")
    forms, seal = TokenForms(PROTECTOR, spec, "2"), seal_of(spec, "Number__c")
    assert (seal.group, forms.shape("number")) == ("number", (("tg2.2.", "tg2x.2."), True))
    plain = Seal("Thing__c.Number__c", is_bound=True)
    tokens = [PROTECTOR.seal(each, "a", IDS[n], key_id="2") for n, each in enumerate((seal, plain, seal))]
    rows = pa.table(
        {"record_id": pa.array(IDS, pa.large_string()), "number": pa.array(tokens, pa.large_string())}
    )
    formed = forms.table(rows)
    assert formed["number"].to_pylist() == [PROTECTOR.seal(seal, "a", each, key_id="2") for each in IDS]
    assert forms.table(formed) is formed


def test_a_field_that_the_catalogue_lacks_is_sealed_as_a_personal_one() -> None:
    assert seal_of(SPEC, "Nickname__c") == Seal("Thing__c.Nickname__c")
    assert (Seal("Thing__c.Email__c"), Seal("Thing__c.Birth__c", is_bound=True)) == (EMAIL, BIRTH)
