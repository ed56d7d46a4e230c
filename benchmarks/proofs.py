"""Is everything there? The org's own events against the change log, one by one, and the change log
against the history, row by row.

Against the sandbox only: its file is read, which Salesforce does not have.
"""

import hashlib
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg

from clients.warehouse.sql import apply as sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.change_types import SNAPSHOT
from transforms.ingest.change_header import change_order

_DIGITS = 15
"""Hexadecimal digits of a fingerprint: they fit into a signed 64-bit integer."""


@dataclass(frozen=True)
class Prints:
    """A set of changes that can be compared with another: how many, and the sum of their
    fingerprints.
    """

    changes: int
    total: int


def logged(connection: psycopg.Connection, spec: ObjectSpec, lane: str) -> Prints:
    """The change log's rows of a lane's changes of an object."""
    one = f"('x' || SUBSTR(MD5(record_id || '|' || change_order), 1, {_DIGITS}))::bit({_DIGITS * 4})::bigint"
    query = f"SELECT COUNT(*), COALESCE(SUM({one}), 0) FROM {sql.change_table(spec)} WHERE batch LIKE %s"
    count, total = connection.execute(query.encode(), (f"{lane}/%",)).fetchall()[0]
    return Prints(int(count), int(total))


def committed(org_file: Path) -> dict[str, Prints]:
    """The events on the org's bus, by object: every record of every event."""
    counts: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    connection = sqlite3.connect(f"file:{org_file}?mode=ro", uri=True)
    try:
        for (body,) in connection.execute("SELECT body FROM events"):
            header: dict[str, Any] = orjson.loads(body)["payload"]["ChangeEventHeader"]
            place = change_order(header["commitTimestamp"], header["commitNumber"], header["sequenceNumber"])
            name = header["entityName"]
            for record_id in header["recordIds"]:
                counts[name] += 1
                totals[name] += _print(f"{record_id}|{place}")
    finally:
        connection.close()
    return {name: Prints(counts[name], totals[name]) for name in counts}


def missing_events(
    connection: psycopg.Connection, catalogue: Catalogue, org_file: Path, lane: str
) -> list[str]:
    """A sentence an object whose events are not the lane's changes in the change log."""
    told, found = committed(org_file), []
    for spec in catalogue.objects.values():
        ours, theirs = logged(connection, spec, lane), told.get(spec.name, Prints(0, 0))
        if ours != theirs:
            found.append(
                f"{spec.name}: {theirs.changes:,} changes on the bus, {ours.changes:,} in the change log, or others"
            )
    return found


def broken_history(connection: psycopg.Connection, spec: ObjectSpec) -> dict[str, int]:
    """Counts of errors in an object's history, all 0 when it is right.

    `without_version`: changes that have no version; `without_change`: versions that have no
    change; `not_contiguous`: versions that do not end where the next one begins, that are not
    counted up from 1, or that are the current one and not the last, or the other way round;
    `not_current`: records whose latest state stands at another version than the last.
    """
    log, history = sql.change_table(spec), sql.history_table(spec)
    on = "c.record_id = h.record_id AND c.change_order = h.change_order"
    queries = {
        "without_version": f"SELECT COUNT(*) FROM {log} AS c LEFT JOIN {history} AS h ON {on} WHERE h.record_id IS NULL",
        "without_change": f"SELECT COUNT(*) FROM {history} AS h LEFT JOIN {log} AS c ON {on} WHERE c.record_id IS NULL",
        "not_contiguous": f"""
            SELECT COUNT(*) FROM (
                SELECT valid_to, is_current, version,
                       LEAD(valid_from) OVER by_record AS next_from, ROW_NUMBER() OVER by_record AS place
                FROM {history} WINDOW by_record AS (PARTITION BY record_id ORDER BY change_order)
            ) AS v
            WHERE valid_to IS DISTINCT FROM next_from OR version <> place OR is_current <> (next_from IS NULL)
        """,
        "not_current": f"""
            SELECT COUNT(*) FROM {sql.current_table(spec)} AS c
            FULL JOIN (SELECT * FROM {history} WHERE is_current) AS h ON c.record_id = h.record_id
            WHERE (c.version, c.last_change_order) IS DISTINCT FROM (h.version, h.change_order)
        """,
    }
    return {name: _count(connection, query) for name, query in queries.items()}


def records_in_both(connection: psycopg.Connection, spec: ObjectSpec, lane: str) -> int:
    """Records that a backfill has read and that the lane's events have changed, too."""
    query = f"""
        SELECT COUNT(*) FROM (
            SELECT record_id FROM {sql.change_table(spec)} GROUP BY record_id
            HAVING COUNT(CASE WHEN change_type = '{SNAPSHOT}' THEN 1 END) > 0
               AND COUNT(CASE WHEN batch LIKE '{lane}/%' THEN 1 END) > 0
        ) AS r
    """
    return _count(connection, query)


def _count(connection: psycopg.Connection, query: str) -> int:
    return int(connection.execute(query.encode()).fetchall()[0][0])


def _print(text: str) -> int:
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:_DIGITS], 16)
