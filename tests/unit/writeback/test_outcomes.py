"""The outcome of a writeback by its row's answer, and when it is tried again."""

from datetime import timedelta

import pytest

from schemas.writeback.messages import WritebackState
from tests.unit.writeback.test_decide import entry
from transforms.writeback.outcomes import (
    MOST_PARENT_TRIES,
    MOST_TRIES,
    UNREADABLE,
    RowResult,
    outcome_of,
    wait_after,
)
from transforms.writeback.row_errors import UNPROCESSED, RowFate, read_row_error

KNOWN = frozenset({"Subject", "Status"})


def outcome(attempts: int = 0, **result: object):
    return outcome_of(entry(attempts=attempts), RowResult(**result), key_field="ExternalId__c", known=KNOWN)  # type: ignore[arg-type]


@pytest.mark.parametrize("created", [True, False])
def test_a_row_without_a_code_is_done(created: bool) -> None:
    found = outcome(record_id="500A", created=created)
    assert found is not None
    assert (found.state, found.record_id, found.created) == (WritebackState.DONE, "500A", created)
    assert (found.code, found.reason, found.words) == ("", "", "")


def test_an_unknown_outcome_is_none() -> None:
    assert outcome(code=UNPROCESSED, message="w") is None


@pytest.mark.parametrize(
    ("code", "message", "most"),
    [
        ("UNABLE_TO_LOCK_ROW", "w", MOST_TRIES),
        ("INVALID_CROSS_REFERENCE_KEY", "w", MOST_PARENT_TRIES),
    ],
)
def test_a_row_is_tried_so_often_and_no_more(code: str, message: str, most: int) -> None:
    last, over = outcome(most - 2, code=code, message=message), outcome(most - 1, code=code, message=message)
    assert last is not None
    assert over is not None
    assert (last.state, over.state) == (WritebackState.WAITING, WritebackState.DEAD)
    assert last.retry_in == wait_after(most - 2)
    assert (last.words, over.words) == ("w", "w")


def test_a_refused_row_is_dead_at_once_with_advice() -> None:
    found = outcome(code="STRING_TOO_LONG", message="w" * 2_000, fields=("Subject", "Other", "Subject"))
    assert found is not None
    assert found.state is WritebackState.DEAD
    assert found.reason.startswith("Salesforce refuses Subject. Correct the value")
    assert len(found.words) == 1_000
    unnamed = outcome(code="STRING_TOO_LONG", message="w")
    assert unnamed is not None
    assert unnamed.reason.startswith("Salesforce refuses the row. ")


def test_words_of_ours_are_shown_and_not_kept() -> None:
    found = outcome(code="STRING_TOO_LONG", message="Ours.", is_ours=True)
    assert found is not None
    assert (found.words, found.reason.startswith("Ours. ")) == ("", True)


def test_a_code_that_is_no_word_is_not_repeated() -> None:
    found = outcome(code="Ada Lovelace", message="w")
    assert found is not None
    assert found.code == UNREADABLE


def test_after_twelve_tries_the_advice_says_so() -> None:
    found = outcome(MOST_TRIES - 1, code="UNABLE_TO_LOCK_ROW", message="w")
    assert found is not None
    assert "tried 12 times" in found.reason


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 1), (1, 2), (2, 4), (8, 256), (9, 300), (20, 300), (10_000, 300)]
)
def test_waits_double_up_to_five_minutes(tries: int, seconds: float) -> None:
    assert wait_after(tries) == timedelta(seconds=seconds)


RACE = "duplicate value found: ExternalId__c duplicates value on record with id: 500A"


@pytest.mark.parametrize(
    ("code", "message", "options", "fate"),
    [
        ("DUPLICATE_VALUE", RACE, {"key_field": "externalid__C"}, RowFate.AGAIN),
        ("DUPLICATE_VALUE", RACE, {"key_field": "Other__c"}, RowFate.DEAD),
        ("DUPLICATE_VALUE", RACE, {}, RowFate.DEAD),
        ("DUPLICATE_VALUE", "duplicate value found: <unknown>", {"key_field": "K"}, RowFate.AGAIN),
        ("DUPLICATE_VALUE", "Duplicate external id specified", {"key_field": "K"}, RowFate.AGAIN),
        ("ENTITY_IS_DELETED", "", {"is_delete": True}, RowFate.DONE),
        ("NOT_FOUND", "", {"is_delete": True}, RowFate.DONE),
        ("INVALID_CROSS_REFERENCE_KEY", "", {"is_delete": True}, RowFate.DONE),
        ("ENTITY_IS_DELETED", "", {}, RowFate.DEAD),
        ("APEX_ERROR", "unable to obtain exclusive access to this record", {}, RowFate.AGAIN),
        ("APEX_ERROR", "null pointer", {}, RowFate.DEAD),
        ("STRING_TOO_LONG", "UNABLE_TO_LOCK_ROW", {}, RowFate.DEAD),
        ("INVALID_CROSS_REFERENCE_KEY", "", {}, RowFate.PARENT),
        ("INVALID_CROSS_REFERENCE_KEY", "", {"names_parent": False}, RowFate.DEAD),
        ("INVALID_FIELD", "Foreign key external ID: a not found for field K", {}, RowFate.PARENT),
        ("INVALID_FIELD", "Foreign key external ID: a is odd", {}, RowFate.DEAD),
        ("INVALID_FIELD", "No such column", {}, RowFate.DEAD),
        ("NEVER_SEEN", "", {}, RowFate.DEAD),
    ],
)  # fmt: skip
def test_an_error_has_one_fate(code: str, message: str, options: dict, fate: RowFate) -> None:
    error = read_row_error(code, message, **options)
    assert error.fate is fate
    assert bool(error.advice) == (fate in (RowFate.DEAD, RowFate.PARENT))
