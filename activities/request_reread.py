"""Changes that a batch could not carry go on a list, `ops.reread`, in the transaction of its
effects: a killed worker forgets nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from clients.warehouse import Transaction
from clients.warehouse.sql import repair as sql
from clients.warehouse.sql.apply import RECORD_LIST, REREAD, TOUCHED
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import REREAD_COLUMNS
from transforms.repair import Asked, asked_by_incomplete, doubtful_records, reread_table


def ask(transaction: Transaction, asked: Sequence[Asked]) -> int:
    """Put rows on the list; returns how many."""
    if asked:
        transaction.load(REREAD, REREAD_COLUMNS, reread_table(asked, datetime.now(UTC)))
    return len(asked)


def ask_for_incomplete(
    transaction: Transaction, spec: ObjectSpec, new: pa.Table, known: Iterable[str]
) -> int:
    """Ask for the records that new changes have left incomplete; `known` had a row before."""
    doubtful = doubtful_records(new, known)
    if not doubtful:
        return 0
    rows = pa.table({"record_id": pa.array(doubtful, pa.large_string())})
    transaction.stage(TOUCHED, RECORD_LIST, rows)
    incomplete = transaction.fetch(sql.find_incomplete(spec))
    return ask(transaction, asked_by_incomplete(spec.name, incomplete))
