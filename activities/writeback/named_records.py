"""Name records to a query of the change log: a few in the statement, many in a temporary table."""

from collections.abc import Sequence

import pyarrow as pa

from clients.warehouse import Transaction
from clients.warehouse.sql.apply import MOST_LISTED, RECORD_LIST
from clients.warehouse.sql.reconcile import NAMED


def name_records(reading: Transaction, record_ids: Sequence[str]) -> Sequence[str]:
    """The parameters that name the records; empty when they are in `NAMED` instead."""
    if 0 < len(record_ids) <= MOST_LISTED:
        return record_ids
    reading.stage(NAMED, RECORD_LIST, pa.table({"record_id": pa.array(record_ids, pa.large_string())}))
    return ()
