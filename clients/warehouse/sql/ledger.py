"""SQL that looks into the ledger, in the part that PostgreSQL and Redshift share."""

from clients.warehouse.sql.apply import LEDGER

_FACTS = (
    "batch, object, lane, start_position, end_position, landed, applied, duplicate, quarantined, rebuilt, "
    "first_changed_at, last_changed_at, last_received_at, committed_at"
)
_CHOSEN = " AND ".join(f"(%s = '' OR {name} = %s)" for name in ("lane", "object"))
_NEWEST_FIRST = "ORDER BY committed_at DESC, batch DESC, object"


def list_ledger(count: int) -> str:
    """The newest `count` rows; parameters: lane and object, each twice, empty for any."""
    return f"SELECT {_FACTS} FROM {LEDGER} WHERE {_CHOSEN} {_NEWEST_FIRST} LIMIT {count}"


def list_ledger_until(count: int) -> str:
    """The same of the rows that were committed by a time; parameters: as of `list_ledger`, then the
    time.
    """
    return (
        f"SELECT {_FACTS} FROM {LEDGER} WHERE {_CHOSEN} AND committed_at <= %s {_NEWEST_FIRST} LIMIT {count}"
    )
