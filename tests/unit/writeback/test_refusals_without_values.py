"""A refusal's code, fields and remedy are in plaintext; Salesforce's words never are."""

from datetime import UTC, datetime

import pytest

from clients.salesforce.bulk.ingest_csv import ingest_results
from clients.salesforce.safe_words import HIDDEN, safe_words
from schemas.writeback.messages import WritebackState
from transforms.writeback.facts import ToSend
from transforms.writeback.outcomes import UNREADABLE, RowResult, outcome_of

SECRET = "Lovelace"


def to_send() -> ToSend:
    """An entry that was sent."""
    deadline = datetime(2100, 1, 1, tzinfo=UTC)
    return ToSend((1,), "Contact.Key__c=k", "k", {"LastName": SECRET}, {}, deadline)


FORMS = [
    f"Name: data value too large: {SECRET} Ada (max length=9)",
    f"bad value: {SECRET.upper()}",
    f"bad value: {SECRET[:5]}...",
    f"duplicate value found: {SECRET[::-1]}",
    "born on 10 December 1815",
]


@pytest.mark.parametrize("words", FORMS)
def test_no_form_of_a_quoted_value_is_in_clear(words: str) -> None:
    """Masking known values missed those that the org had changed: a cut, another case, another
    date form.
    """
    result = RowResult(code="STRING_TOO_LONG", message=words, fields=("LastName",))
    outcome = outcome_of(to_send(), result, key_field="Key__c", known={"LastName"})
    assert outcome is not None
    assert outcome.state is WritebackState.DEAD
    assert outcome.reason.startswith("Salesforce refuses LastName. Correct the value")
    assert outcome.words == words
    assert words not in outcome.reason


def test_a_field_that_the_object_lacks_and_a_code_that_is_no_word_are_not_repeated() -> None:
    result = RowResult(code=f"{SECRET} Ada", message="m", fields=(SECRET, "LastName"))
    outcome = outcome_of(to_send(), result, key_field="Key__c", known={"LastName"})
    assert outcome is not None
    assert outcome.code == UNREADABLE
    assert SECRET not in outcome.reason


def test_fields_of_a_job_are_told_from_its_words() -> None:
    said = f"STRING_TOO_LONG:data value: {SECRET}:LastName Title --"
    content = f'"sf__Id","sf__Error","Key__c"\n"","{said}","K-1"\n'.encode()
    [(_, result)] = ingest_results(content, "Key__c")
    assert (result.code, result.fields) == ("STRING_TOO_LONG", ("LastName", "Title"))


QUERY = f"\nSELECT Id,Gone__c FROM Contact WHERE LastName IN ('{SECRET}')\n          ^\nERROR at Row:1:Column:11\n"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            f"{QUERY}No such column 'Gone__c' on entity 'Contact'. If you are attempting to use …",
            "No such column 'Gone__c' on entity 'Contact'",
        ),
        (f"unexpected token: '{SECRET}'", HIDDEN),
        (QUERY, HIDDEN),
        ("TotalRequests Limit exceeded.", "TotalRequests Limit exceeded"),
        (
            "API is not enabled for this Organization",
            "API is not enabled for this Organization",
        ),
        (f'"{SECRET}"', HIDDEN),
    ],
)
def test_only_known_sentences_of_salesforce_are_repeated(message: str, shown: str) -> None:
    assert safe_words(message) == shown
