"""From what Salesforce says of a row to what becomes of its writebacks, and how long they wait for
another try.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from schemas.writeback.messages import WritebackState
from transforms.writeback.facts import Outcome, ToSend
from transforms.writeback.row_errors import RowError, RowFate, read_row_error

MOST_TRIES = 12
"""Tries of a writeback before it is a dead letter: with the waits between them some twenty minutes.
"""
MOST_PARENT_TRIES = 4
"""Tries of a writeback whose parent is not there; one that is queued here goes first anyway."""
_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=5)
_MOST_WORDS = 1_000
_CODE = re.compile(r"\w{1,80}", re.ASCII)
UNREADABLE = "TIDEGATE_UNREADABLE_ERROR"
"""A code of our own: what came in place of Salesforce's code is no word, and may quote a value."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """The org's answer for one row."""

    record_id: str = ""
    """Empty when the row failed."""
    created: bool = False
    code: str = ""
    """Salesforce's, or one of ours (`transforms.writeback.row_errors`); empty when the row was
    written.
    """
    message: str = ""
    """Its words, whole: they may quote values of the row."""
    fields: tuple[str, ...] = ()
    """The fields that it names, as it names them."""
    is_ours: bool = False
    """True = the message is ours, and quotes nothing."""
    refusal: int = 0
    """From 1: the number of the collection that was refused as a whole, so that any row of it
    may be to blame; 0: the error is the row's.
    """


def outcome_of(entry: ToSend, result: RowResult, *, key_field: str, known: Collection[str]) -> Outcome | None:
    """The outcome of an entry by its row's result; None when that does not say whether it was
    written.

    Args:
        entry: What was sent.
        result: What the org says of its row.
        key_field: The external id field.
        known: Names of the object's fields: no others are repeated in plaintext.
    """
    code = result.code if _CODE.fullmatch(result.code) else UNREADABLE
    if not result.code:
        return Outcome(WritebackState.DONE, record_id=result.record_id, created=result.created)
    error = read_row_error(code, result.message, key_field=key_field)
    words = "" if result.is_ours else result.message[:_MOST_WORDS]
    said = _said(result, known)
    if error.fate is RowFate.UNKNOWN:
        return None
    if error.fate is RowFate.DONE:
        return Outcome(
            WritebackState.DONE, record_id=result.record_id or None, code=code, reason=said, words=words
        )
    most = MOST_PARENT_TRIES if error.fate is RowFate.PARENT else MOST_TRIES
    if error.fate is RowFate.DEAD or entry.attempts + 1 >= most:
        return Outcome(WritebackState.DEAD, code, f"{said} {_advice(error)}", words=words)
    return Outcome(WritebackState.WAITING, code, said, words=words, retry_in=wait_after(entry.attempts))


def _said(result: RowResult, known: Collection[str]) -> str:
    """The error in words of ours: Salesforce's may quote a value in any form, cut or changed."""
    if result.is_ours:
        return result.message
    fields = [name for name in dict.fromkeys(result.fields) if name in known]
    return f"Salesforce refuses {', '.join(fields) or 'the row'}."


def wait_after(tries: int) -> timedelta:
    """Before the next try after so many failed ones; doubled each time."""
    return min(_FIRST_WAIT * (1 << min(tries, 20)), _LONGEST_WAIT)


def _advice(error: RowError) -> str:
    return error.advice or f"It was tried {MOST_TRIES} times. Fix what refuses it, then retry."
