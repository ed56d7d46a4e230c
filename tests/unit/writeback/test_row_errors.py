"""The fate that follows from a row's error."""

import pytest

from transforms.writeback.row_errors import RowFate, read_row_error

LOCK = "unable to obtain exclusive access to this record or 1 records: 001"
TRIGGER = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"

FATES = [
    ("UNABLE_TO_LOCK_ROW", LOCK, RowFate.AGAIN),
    (
        TRIGGER,
        f"T: execution of AfterUpdate caused by: DmlException: UNABLE_TO_LOCK_ROW, {LOCK}",
        RowFate.AGAIN,
    ),
    (TRIGGER, "T: System.LimitException: Apex CPU time limit exceeded", RowFate.AGAIN),
    (TRIGGER, "T: System.NullPointerException", RowFate.DEAD),
    ("STRING_TOO_LONG", f"Name: data value too large: {LOCK}", RowFate.DEAD),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "m", RowFate.UNKNOWN),
    ("PROCESSING_HALTED", "m", RowFate.UNKNOWN),
    ("UNKNOWN_EXCEPTION", "ErrorId: 1", RowFate.UNKNOWN),
    ("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", RowFate.PARENT),
    (
        "INVALID_FIELD",
        "Foreign key external ID: A-1 not found for field ExternalId__c in entity Account",
        RowFate.PARENT,
    ),
    ("INVALID_FIELD", "No such column 'X__c' on sobject of type Case", RowFate.DEAD),
    ("DUPLICATE_EXTERNAL_ID", "m", RowFate.DEAD),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no", RowFate.DEAD),
    ("SOMETHING_THAT_SALESFORCE_INVENTED", "m", RowFate.DEAD),
]


@pytest.mark.parametrize(("code", "message", "fate"), FATES)
def test_a_code_and_its_words_have_one_fate(code: str, message: str, fate: RowFate):
    assert read_row_error(code, message, key_field="ExternalId__c").fate is fate


@pytest.mark.parametrize(("code", "message", "fate"), FATES)
def test_whatever_an_operator_has_to_act_on_says_what_to_do(code: str, message: str, fate: RowFate):
    advice = read_row_error(code, message).advice
    assert bool(advice) == (fate in (RowFate.DEAD, RowFate.PARENT))
    assert not advice or advice.endswith(".")


DUPLICATES = [
    ("duplicate value found: ExternalId__c duplicates value on record with id: 001", RowFate.AGAIN),
    ("duplicate value found: <unknown> duplicates value on record with id: <unknown>", RowFate.AGAIN),
    ("Duplicate external id specified: A-1", RowFate.AGAIN),
    ("duplicate value found: NationalId__c duplicates value on record with id: 001", RowFate.DEAD),
]


@pytest.mark.parametrize(("message", "fate"), DUPLICATES)
def test_an_upsert_that_lost_a_race_for_its_key_is_sent_again_and_no_other_duplicate_is(
    message: str, fate: RowFate
):
    assert read_row_error("DUPLICATE_VALUE", message, key_field="ExternalId__c").fate is fate


def test_a_duplicate_of_a_row_that_was_not_matched_by_a_key_is_dead():
    assert read_row_error("DUPLICATE_VALUE", DUPLICATES[0][0]).fate is RowFate.DEAD


def test_a_row_without_references_misses_no_parent_but_its_record():
    error = read_row_error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", names_parent=False)
    assert error.fate is RowFate.DEAD


@pytest.mark.parametrize("code", ["ENTITY_IS_DELETED", "NOT_FOUND"])
def test_a_delete_of_what_is_gone_is_done_and_a_change_of_it_is_not(code: str):
    assert read_row_error(code, "m", is_delete=True).fate is RowFate.DONE
    assert read_row_error(code, "m").fate is RowFate.DEAD
