"""From what Salesforce says of a row to what becomes of its writebacks, and how long they wait for
another try.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from schemas.writeback.messages import WritebackState
from transforms.writeback.facts import Outcome, ToSend
from transforms.writeback.row_errors import RowError, RowFate, read_row_error, without_values

MOST_TRIES = 12
"""Tries of a writeback before it is a dead letter: with the waits between them some twenty minutes.
"""
MOST_PARENT_TRIES = 4
"""Tries of a writeback whose parent is not there; one that is queued here goes first anyway."""
_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=5)
_MOST_WORDS = 1_000


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
    refusal: int = 0
    """From 1: the number of the collection that was refused as a whole, so that any row of it
    may be to blame; 0: the error is the row's.
    """


def outcome_of(
    entry: ToSend, result: RowResult, *, key_field: str, hidden: Iterable[object]
) -> Outcome | None:
    """The outcome of an entry by its row's result; None when that does not say whether it was
    written.

    Args:
        entry: What was sent.
        result: What the org says of its row.
        key_field: The external id field.
        hidden: Values that must not be said (law 7).
    """
    code = result.code
    if not code:
        return Outcome(WritebackState.DONE, record_id=result.record_id, created=result.created)
    error = read_row_error(code, result.message, key_field=key_field)
    words = without_values(result.message, hidden)[:_MOST_WORDS]
    if error.fate is RowFate.UNKNOWN:
        return None
    if error.fate is RowFate.DONE:
        return Outcome(WritebackState.DONE, record_id=result.record_id or None, code=code, reason=words)
    most = MOST_PARENT_TRIES if error.fate is RowFate.PARENT else MOST_TRIES
    if error.fate is RowFate.DEAD or entry.attempts + 1 >= most:
        return Outcome(WritebackState.DEAD, code, f"{words} {_advice(error)}".strip())
    return Outcome(WritebackState.WAITING, code, words, retry_in=wait_after(entry.attempts))


def wait_after(tries: int) -> timedelta:
    """Before the next try after so many failed ones; doubled each time."""
    return min(_FIRST_WAIT * (1 << min(tries, 20)), _LONGEST_WAIT)


def _advice(error: RowError) -> str:
    return error.advice or f"It was tried {MOST_TRIES} times. Fix what refuses it, then retry."
