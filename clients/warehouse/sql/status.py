"""SQL of the look at the engine: bounded by time, so that a ledger of many years costs no more.

PostgreSQL finds the time by an index. Redshift skips the blocks of other times: the ledger's rows
lie in the order in which they were committed. Times are parameters: Redshift asks NOW() of its
leader node, which has no tables.
"""

from datetime import timedelta

from clients.warehouse.sql.apply import ARCHIVE, DRIFT, LEDGER, QUARANTINE, RECONCILIATION, REREAD
from schemas.ids import READING_LANES

A_DAY = timedelta(hours=24)
"""Counts and positions are those of the batches committed within this time."""
RECENT_MINUTES = 10
"""Freshness and rates are those of the batches committed within this time."""
RECENT = timedelta(minutes=RECENT_MINUTES)
RECONCILED = timedelta(days=30)
# What a backfill reads is old; it says nothing of how fresh the lanes keep the object. Two per cent
# signs: beside parameters, psycopg takes one for the beginning of a parameter.
_FOLLOWED = " AND ".join(f"lane NOT LIKE '{prefix}%%'" for prefix in READING_LANES)
_SINCE = "committed_at > %s"


def count_day() -> str:
    """object, landed, applied, duplicate, quarantined, changes that break law 8, the newest commit
    time; parameter: committed since when.
    """
    broken = "ABS(landed - applied - duplicate - quarantined)"
    return (
        "SELECT object, SUM(landed), SUM(applied), SUM(duplicate), SUM(quarantined), "
        f"SUM({broken}), MAX(last_changed_at) FROM {LEDGER} WHERE {_SINCE} GROUP BY object ORDER BY object"
    )


def measure_recent() -> str:
    """object, changes a minute; median, 95 %, 99 % and most seconds of each batch's slowest
    change; parameter: committed since when.

    Redshift takes several percentiles in one query if they have one ORDER BY.
    """
    slowest = "(EXTRACT(EPOCH FROM committed_at) - EXTRACT(EPOCH FROM first_changed_at))"
    parts = ", ".join(
        f"PERCENTILE_CONT({part}) WITHIN GROUP (ORDER BY {slowest})" for part in (0.5, 0.95, 0.99)
    )
    return (
        f"SELECT object, SUM(landed) / {RECENT_MINUTES}.0, {parts}, MAX({slowest}) FROM {LEDGER} "
        f"WHERE {_SINCE} AND {_FOLLOWED} GROUP BY object"
    )


def find_positions() -> str:
    """lane, end position, when received, newest commit time: of each lane's newest batch;
    parameters: committed since when, twice.
    """
    newest = f"SELECT lane, MAX(last_received_at) AS newest_at FROM {LEDGER} WHERE {_SINCE} AND {_FOLLOWED} GROUP BY lane"
    return (
        f"SELECT l.lane, MAX(l.end_position), n.newest_at, MAX(l.last_changed_at) FROM {LEDGER} AS l "
        f"JOIN ({newest}) AS n ON n.lane = l.lane AND n.newest_at = l.last_received_at "
        f"WHERE l.{_SINCE} GROUP BY l.lane, n.newest_at ORDER BY l.lane"
    )


def find_archived() -> str:
    """source, last month that is archived, oldest month that is archived and still in the
    warehouse.
    """
    return (
        "SELECT source, MAX(month), MIN(CASE WHEN state IN ('archived', 'verified') THEN month END) "
        f"FROM {ARCHIVE} GROUP BY source ORDER BY source"
    )


def find_first_commit() -> str:
    """When the first batch was committed; null in an empty ledger."""
    return f"SELECT MIN(committed_at) FROM {LEDGER}"


def count_refused() -> str:
    """reason, changes, since when: of what waits in quarantine."""
    return (
        f"SELECT reason, COUNT(*), MIN(quarantined_at) FROM {QUARANTINE} "
        "WHERE resolved_at IS NULL AND acknowledged_at IS NULL GROUP BY reason ORDER BY reason"
    )


def find_last_reconciliations() -> str:
    """The last run of each object; parameter: ended since when."""
    facts = "object, depth, as_of, verdict, found, repaired, altered, calls, isolated, ended_at"
    return (
        f"SELECT {facts} FROM (SELECT {facts}, ROW_NUMBER() OVER (PARTITION BY object ORDER BY ended_at DESC) "
        f"AS place FROM {RECONCILIATION} WHERE ended_at > %s) AS newest "
        "WHERE place = 1 ORDER BY object"
    )


def count_rereads() -> str:
    """object, changes that are to be read again, windows among them, when the first was asked
    for.
    """
    windows = "SUM(CASE WHEN record_id IS NULL THEN 1 ELSE 0 END)"
    return (
        f"SELECT object, COUNT(*), {windows}, MIN(asked_at) FROM {REREAD} "
        "WHERE closed_at IS NULL GROUP BY object ORDER BY object"
    )


def count_advised() -> str:
    """The number of fields about which somebody is advised to do something."""
    newest = f"SELECT object, field, MAX(revision) AS newest FROM {DRIFT} GROUP BY object, field"
    return f"SELECT COUNT(*) FROM {DRIFT} AS d JOIN ({newest}) AS n ON n.newest = d.revision WHERE d.advice <> ''"
