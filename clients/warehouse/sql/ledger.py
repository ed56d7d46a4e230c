"""SQL that looks into the ledger, in the part that PostgreSQL and Redshift share."""

from clients.warehouse.sql.apply import LEDGER, OBJECT_COMMIT

_FACTS = (
    "batch, object, lane, start_position, end_position, landed, applied, duplicate, quarantined, rebuilt, "
    "first_changed_at, last_changed_at, last_received_at, committed_at"
)
_CHOSEN = " AND ".join(f"(CAST(%s AS VARCHAR) = '' OR {name} = %s)" for name in ("lane", "object"))
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


def find_applied_batches(count: int) -> str:
    """Which of `count` batches the ledger already has for an object; parameters: object, then
    the batches.
    """
    facts = "batch, object, landed, applied, duplicate, quarantined, rebuilt, COALESCE(isolated, 0), last_changed_at"
    return f"SELECT {facts} FROM {LEDGER} WHERE object = %s AND batch IN ({', '.join(['%s'] * count)})"


def count_recent_changes() -> str:
    """Changes by object and lane since a time; parameter: the time."""
    return (
        f"SELECT object, lane, SUM(applied) FROM {LEDGER} WHERE last_received_at >= %s GROUP BY object, lane"
    )


def count_changes_by_hour() -> str:
    """Changes by object, lane and hour since a time: new ones, and all that were received;
    parameter: the time.

    An hour is given as the seconds since the epoch at which it begins.
    """
    hour = "DATE_TRUNC('hour', last_received_at)"
    return (
        f"SELECT object, lane, CAST(EXTRACT(EPOCH FROM {hour}) AS BIGINT), SUM(applied), SUM(landed) "
        f"FROM {LEDGER} WHERE last_received_at >= %s GROUP BY object, lane, {hour}"
    )


def find_chain_ends(count: int) -> str:
    """Where the ledger does not go on: lane and end of batches, committed since a time, after which
    it has none, the newest first; parameter: the time. A lane that is followed has one such end.
    """
    return (
        f"SELECT done.lane, done.end_position, MAX(done.committed_at) FROM {LEDGER} done "
        f"LEFT JOIN {LEDGER} later ON later.lane = done.lane AND later.start_position = done.end_position "
        "WHERE done.committed_at >= %s AND later.lane IS NULL "
        f"GROUP BY done.lane, done.end_position ORDER BY 3 DESC LIMIT {count}"
    )


def find_ledger_beginning() -> str:
    """When the first change of all was received; null in an empty ledger."""
    return f"SELECT MIN(first_received_at) FROM {LEDGER}"


def find_newest_change() -> str:
    """Commit time of the newest applied change of a lane; parameter: the lane."""
    return f"SELECT MAX(last_changed_at) FROM {LEDGER} WHERE lane = %s"


def find_newest_past_change() -> str:
    """As `find_newest_change`, without batches that hold a commit time which had not come yet;
    parameter: the lane.
    """
    return f"SELECT MAX(last_changed_at) FROM {LEDGER} WHERE lane = %s AND last_changed_at <= committed_at"


def find_batch_beginning() -> str:
    """The first commit and receipt times of an applied batch, null before; parameter: the batch."""
    return f"SELECT MIN(first_changed_at), MIN(first_received_at) FROM {LEDGER} WHERE batch = %s"


def find_batch() -> str:
    """Every object's row of one batch, with its raw file; parameter: the batch."""
    return f"SELECT {_FACTS}, raw_key, first_received_at FROM {LEDGER} WHERE batch = %s ORDER BY object"


def find_last_commit() -> str:
    """Number and applied_at of an object's last commit; parameter: the object."""
    return f"SELECT number, applied_at FROM {OBJECT_COMMIT} WHERE object = %s ORDER BY number DESC LIMIT 1"


def find_last_ledger_commit() -> str:
    """When the ledger's last batch of an object was committed, null before; parameter: the
    object.
    """
    return f"SELECT MAX(committed_at) FROM {LEDGER} WHERE object = %s"
