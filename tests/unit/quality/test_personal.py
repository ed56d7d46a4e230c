"""Personal data in plaintext is found by field, and no value is ever said."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from schemas.catalogue import Catalogue
from schemas.quality import Rule
from transforms.quality.findings import read
from transforms.quality.personal import Looks, marked, sample_of, suspicions

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
    Looks.EMAIL: ["write to ada.lovelace@example.org today", "a+b@mail.example.com"],
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
    [text, *others] = marked(staged, SPEC, 10)["field_findings"].to_pylist()
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
    assert marked(table(notes=["a@example.org"], field_findings=[None]), SPEC, 0)[
        "field_findings"
    ].to_pylist() == [None]
