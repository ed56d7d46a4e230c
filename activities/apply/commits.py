"""The commits of an object, numbered in the order in which they become visible.

The number and the time are taken under the object's lock, which is held until the commit. So a
reader who sees a commit sees every commit with a smaller number, and none appears before it
later: the order of the change feed and of `known_at` (docs/decisions/0071).
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clients.warehouse import Transaction
from clients.warehouse.sql import apply as sql, ledger as ledger_sql
from schemas.ops_tables import COMMIT_COLUMNS

_TICK = timedelta(milliseconds=1)
"""The warehouse keeps times in milliseconds."""


class ObjectCommit(NamedTuple):
    """A transaction as one commit of an object."""

    number: int
    applied_at: datetime


def next_commit(transaction: Transaction, object_name: str) -> ObjectCommit:
    """This transaction as the object's next commit. Ask under the object's lock, once a
    transaction.

    The time is that of the clock, or a millisecond after the last commit's: another process's
    clock may be ahead.
    """
    number, last = _last(transaction, object_name)
    return ObjectCommit(number + 1, _now() if last is None else max(_now(), last + _TICK))


def write_commit(transaction: Transaction, object_name: str, commit: ObjectCommit, changes: int) -> None:
    """Write the commit down, after the rows of its changes: on Redshift the first write to `ops`
    keeps every other writer out.
    """
    row = (object_name, commit.number, commit.applied_at, changes)
    transaction.execute(sql.insert_row(sql.OBJECT_COMMIT, COMMIT_COLUMNS), row)


def _last(transaction: Transaction, object_name: str) -> tuple[int, datetime | None]:
    found = transaction.fetch(ledger_sql.find_last_commit(), [object_name])
    if found:
        number, applied_at = found[0]
        return int(number), applied_at
    # Commits of releases that numbered none.
    ((committed_at,),) = transaction.fetch(ledger_sql.find_last_ledger_commit(), [object_name])
    return 0, None if committed_at is None else _in_milliseconds(committed_at)


def _now() -> datetime:
    return _in_milliseconds(datetime.now(UTC))


def _in_milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)
