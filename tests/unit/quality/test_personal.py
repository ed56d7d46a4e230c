"""Clear texts that look like a person's data are found by field, and no value is ever shown."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from schemas.catalogue import Catalogue
from schemas.quality import Finding, Rule, Severity
from transforms.quality.findings import read, written
from transforms.quality.personal import _ANY, _PATTERNS, Looks, marked, sample_of, suspicions

FIELDS = {
    "Title__c": {"type": "string"},
    "Notes__c": {"type": "textarea", "length": 4000},
    "Kind__c": {"type": "picklist"},
    "Email__c": {"type": "email", "length": 80, "pii": "personal"},
}
CATALOGUE = Catalogue.model_validate(
    {"objects": {"Thing__c": {"label": "Things", "key_prefix": "a0x", "fields": FIELDS}}}
)
SPEC = CATALOGUE.object("Thing__c")
PERSONAL = {
    Looks.EMAIL: [
        "write to ada.lovelace@example.org today",
        "a+b@mail.example.com",
        "ada_@example.org",
        "ada@x.y.example",
    ],
    Looks.SSN: ["her number is 123-45-6789.", "899-01-0001"],
    Looks.PHONE: ["call (212) 555-0123", "212-555-0123", "+44 20 7946 0958", "+49 (0)30 901820"],
    Looks.CARD: ["paid with 4111 1111 1111 1111", "5500-0000-0000-0004", "card 378282246310005"],
}
HARMLESS = [
    "",
    "Case 00001234 of 2026-11-30T14:00:00Z",
    "the amount is 1,234.56 euro, paid on 2026-11-30",
    "EXT-2026-0815-1234",
    "666-45-6789",
    "000-12-3456",
    "123-00-6789",
    "123-45-0000",
    "987-65-4321",
    "900-65-4321",
    "4111 1111 1111 1112",
    "user@host",
    "500Tg0000000001AAA",
    "0002b8c1-6a3c-bbcb-5c2a-9a4b7d7d7e3f",
]


def table(**columns: Sequence[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.large_string()) for name, values in columns.items()})


@pytest.mark.parametrize(
    ("looks", "text"), [(looks, text) for looks, texts in PERSONAL.items() for text in texts]
)
def test_a_personal_text_is_found(looks: Looks, text: str) -> None:
    [found] = suspicions(table(notes=[text, None, "nothing"]), SPEC)
    assert found == ("Notes__c", looks, 1, 3)


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_text_is_not(text: str) -> None:
    assert suspicions(table(notes=[text], title=[text]), SPEC) == []


def test_encrypted_fields_and_picklists_are_not_looked_at() -> None:
    text = ["a@example.org"]
    assert suspicions(table(email=text, kind=text), SPEC) == []


def test_a_finding_names_the_field_and_counts_and_no_value() -> None:
    texts = ["ada@example.org", "ada@example.org or 123-45-6789", "none"]
    staged = table(notes=texts, field_findings=[None, None, None])
    [text, *others] = marked(staged, SPEC, sample_of(staged, 10))["field_findings"].to_pylist()
    assert others == [None, None]
    [finding] = read(text)
    assert (finding.field, finding.rule) == ("Notes__c", Rule.LOOKS_PERSONAL)
    assert "of 3 values looked at, these look personal: 2 e-mail, 1 SSN" in finding.detail
    assert "ada" not in text
    assert "123" not in text


def test_a_sample_is_spread_over_the_batch_and_nothing_is_marked_without_one() -> None:
    rows = table(notes=[f"{n}" for n in range(1_000)], field_findings=[None] * 1_000)
    assert sample_of(rows, 5)["notes"].to_pylist() == ["0", "249", "499", "749", "999"]
    assert sample_of(rows, 2_000) is rows
    one = table(notes=["a@example.org"], field_findings=[None])
    assert marked(one, SPEC, sample_of(one, 0)) is one


@pytest.mark.parametrize("looks", Looks)
@given(data=st.data())
def test_whatever_fits_a_pattern_fits_the_one_that_is_asked_first(looks: Looks, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(re.compile(_PATTERNS[looks].text, re.ASCII)))
    assert pc.match_substring_regex(pa.array([text], pa.large_string()), _ANY)[0].as_py(), text


@given(st.integers(10**12, 10**19 - 1))
def test_a_card_is_a_number_whose_last_digit_is_its_check_digit(number: int) -> None:
    """ISO/IEC 7812-1, Annex B: every second digit from the right is doubled, and its digits
    added.
    """
    digits = [int(each) for each in reversed(str(number))]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits)]
    assert _PATTERNS[Looks.CARD].is_real(str(number)) is (sum(doubled) % 10 == 0)


def test_every_field_that_looks_personal_is_named() -> None:
    mail, phone = "ada@example.org", "(212) 555-0123"
    found = suspicions(table(title=[mail, phone], notes=[phone, None]), SPEC)
    assert set(found) == {
        ("Title__c", Looks.EMAIL, 1, 2),
        ("Title__c", Looks.PHONE, 1, 2),
        ("Notes__c", Looks.PHONE, 1, 2),
    }


def test_what_was_found_before_stays_beside_it() -> None:
    known = Finding("Kind__c", "kind", Rule.VALUES, Severity.WARN, "none of the list")
    other = written((known._replace(detail="of another change"),))
    staged = table(notes=["x", "a@example.org"], field_findings=[written((known,)), other])
    first, second = marked(staged, SPEC, sample_of(staged, 10))["field_findings"].to_pylist()
    assert second == other
    assert [each.rule for each in read(first)] == [Rule.VALUES, Rule.LOOKS_PERSONAL]
    assert read(first)[0] == known
    alone = table(notes=["x", "a@example.org"], field_findings=[written((known,)), None])
    assert marked(alone, SPEC, sample_of(alone, 10))["field_findings"].to_pylist() == [first, None]


@pytest.mark.parametrize(("rows", "most"), [(0, 10), (3, 0)])
def test_without_changes_or_a_sample_nothing_is_marked(rows: int, most: int) -> None:
    staged = table(notes=["a@example.org"] * rows, field_findings=[None] * rows)
    assert marked(staged, SPEC, sample_of(staged, most)) is staged


def test_a_sample_as_large_as_the_batch_is_the_batch() -> None:
    rows = table(notes=["a", "b", "c"])
    assert sample_of(rows, 3) is rows
    assert sample_of(rows, 2)["notes"].to_pylist() == ["a", "c"]
