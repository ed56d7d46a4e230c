"""SQL of replays, in the part that PostgreSQL and Redshift share: what the log has, what quarantine
and ledger become, how a shadow differs.
"""

from clients.warehouse.sql.apply import LEDGER, QUARANTINE, change_table
from schemas.catalogue import ObjectSpec
from schemas.tables import ORDER_SIZE, RECORD_ID, Column, Kind

IDENTITIES = "stage_identities"
"""Temporary: changes by record and place, numbered."""
IDENTITY_COLUMNS: tuple[Column, ...] = (
    RECORD_ID,
    Column("change_order", Kind.TEXT, ORDER_SIZE),
    Column("number", Kind.INTEGER),
)
RELEASED = "stage_released"
"""Temporary: rows that leave quarantine. The record is there because temporary tables are
distributed by it.
"""
RELEASED_COLUMNS: tuple[Column, ...] = (
    RECORD_ID,
    Column("batch", Kind.TEXT, 255),
    Column("ordinal", Kind.INTEGER),
)

_CHOSEN = " AND ".join(
    [
        *(f"(CAST(%s AS VARCHAR) = '' OR {name} = %s)" for name in ("reason", "object", "batch")),
        "resolved_at IS NULL",
    ]
)
"""Of what is not answered."""
_WAITING = f"{_CHOSEN} AND acknowledged_at IS NULL"
_FACTS = 'batch, ordinal, object, record_id, "position", reason, detail, received_at, quarantined_at'


def find_unlogged(spec: ObjectSpec) -> str:
    """Numbers of the staged identities that the change log lacks."""
    return (
        f"SELECT i.number FROM {IDENTITIES} AS i LEFT JOIN {change_table(spec)} AS c "
        f"ON c.record_id = i.record_id AND c.change_order = i.change_order WHERE c.record_id IS NULL"
    )


def find_ledger_counts(count: int) -> str:
    """batch, landed, applied, duplicate, quarantined, rebuilt, isolated of `count` batches;
    parameters: object, then the batches.
    """
    facts = "batch, landed, applied, duplicate, quarantined, rebuilt, COALESCE(isolated, 0)"
    return f"SELECT {facts} FROM {LEDGER} WHERE object = %s AND batch IN ({', '.join(['%s'] * count)})"


def correct_ledger() -> str:
    """New counts for a batch that the ledger has; its times stay those of the first time.

    Parameters: applied, duplicate, quarantined, rebuilt, isolated, batch, object.
    """
    return (
        f"UPDATE {LEDGER} SET applied = %s, duplicate = %s, quarantined = %s, rebuilt = %s, isolated = %s "
        f"WHERE batch = %s AND object = %s"
    )


def find_refused(count: int) -> str:
    """Quarantine rows of `count` batches, without the events, the last column when it was answered.

    Parameters: object, then the batches.
    """
    facts = "batch, ordinal, record_id, reason, detail, quarantined_at, resolved_at"
    return f"SELECT {facts} FROM {QUARANTINE} WHERE object = %s AND batch IN ({', '.join(['%s'] * count)})"


def delete_released() -> str:
    """Take the staged rows out of quarantine."""
    return (
        f"DELETE FROM {QUARANTINE} USING {RELEASED} AS r "
        f"WHERE quarantine.batch = r.batch AND quarantine.ordinal = r.ordinal"
    )


def find_quarantined_batches(count: int) -> str:
    """The first `count` batches after one that quarantine holds changes of.

    Parameters: the batch to go on after; then reason, object and batch, each twice, empty for any.
    """
    return f"SELECT DISTINCT batch FROM {QUARANTINE} WHERE batch > %s AND {_WAITING} ORDER BY batch LIMIT {count}"


def count_quarantine(*, acknowledged: bool = False) -> str:
    """object, reason, changes, batches, the oldest refusal; parameters: reason, object and batch,
    each twice, empty for any.

    `acknowledged`: also what needs no more care.
    """
    chosen = _CHOSEN if acknowledged else _WAITING
    return (
        f"SELECT object, reason, COUNT(*), COUNT(DISTINCT batch), MIN(quarantined_at) FROM {QUARANTINE} "
        f"WHERE {chosen} GROUP BY object, reason ORDER BY object, reason"
    )


def list_quarantine(count: int, *, acknowledged: bool = False) -> str:
    """The oldest `count` rows without their events; parameters as of `count_quarantine`."""
    chosen = _CHOSEN if acknowledged else _WAITING
    return f"SELECT {_FACTS} FROM {QUARANTINE} WHERE {chosen} ORDER BY quarantined_at, batch, ordinal LIMIT {count}"


def find_quarantine_row() -> str:
    """One row and its event; parameters: batch, ordinal."""
    return f"SELECT {_FACTS}, event FROM {QUARANTINE} WHERE batch = %s AND ordinal = %s"


def find_batches_of_record(spec: ObjectSpec) -> str:
    """Every batch that holds changes of a record; parameters: the record, the object, the
    record.
    """
    return (
        f"SELECT batch FROM {change_table(spec)} WHERE record_id = %s UNION "
        f"SELECT batch FROM {QUARANTINE} WHERE object = %s AND record_id = %s"
    )
