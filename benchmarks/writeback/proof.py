"""Has each writeback had its effect once? By the org's own events and records, one by one.

Against the sandbox only: its file is read, which Salesforce does not have.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import psycopg

from benchmarks.writeback.load import TEXT


def one_effect(org_file: Path, dsn: str, user_id: str) -> dict[str, Any]:
    """The org's values for the writebacks in the store.

    `events_missing` and `events_beyond`: by how many our own changes of a record, as the org's
    event log has them, are fewer or more than the record's writebacks that are done;
    `records_twice`: external ids with two records; `last_value_lost`: records whose text is not
    that of their last writeback that is done. All are 0 when each has had one effect.
    """
    done, last = _done(dsn)
    told = own_events(org_file, user_id)
    missing = sum(max(count - told[record], 0) for record, count in done.items())
    beyond = sum(max(told[record] - count, 0) for record, count in done.items())
    texts = texts_of(org_file)
    wrong = [key for key, text in last.items() if texts.get(key) != [text]]
    return {
        "records": len(done),
        "writebacks_done": sum(done.values()),
        "own_events": sum(told[record] for record in done),
        "events_missing": missing,
        "events_beyond": beyond,
        "records_twice": sum(len(texts.get(key, [])) > 1 for key in last),
        "last_value_lost": len(wrong),
    }


def own_events(org_file: Path, user_id: str) -> Counter[str]:
    """Record id -> events that say that we have changed it: under a batch's name, or by an ingest
    job of our user.
    """
    found: Counter[str] = Counter()
    with closing(sqlite3.connect(f"file:{org_file}?mode=ro", uri=True)) as connection:
        for (body,) in connection.execute("SELECT body FROM events"):
            if b"client=tidegate-" not in body and b"bulkapi" not in body:
                continue
            header = orjson.loads(body)["payload"]["ChangeEventHeader"]
            by_job = "bulkapi" in header["changeOrigin"] and header["commitUser"][:15] == user_id[:15]
            if by_job or "client=tidegate-" in header["changeOrigin"]:
                found.update(header["recordIds"])
    return found


def texts_of(org_file: Path) -> dict[tuple[str, str], list[str]]:
    """Object and external id -> the texts of the live records with it."""
    found: dict[tuple[str, str], list[str]] = {}
    with closing(sqlite3.connect(f"file:{org_file}?mode=ro", uri=True)) as connection:
        for name, text in TEXT.items():
            query = f'SELECT ExternalId__c, "{text}" FROM "{name}" WHERE IsDeleted = 0'
            for external_id, value in connection.execute(query):
                found.setdefault((name, external_id), []).append(value)
    return found


def not_arrived(org_file: Path, wanted: Mapping[tuple[str, str], str]) -> int:
    """Records whose text is not what was to be written last."""
    texts = texts_of(org_file)
    return sum(texts.get(key) != [text] for key, text in wanted.items())


def _done(dsn: str) -> tuple[Counter[str], dict[tuple[str, str], str]]:
    """Writebacks that are done by record id, and what the last of each record has written."""
    counts: Counter[str] = Counter()
    last: dict[tuple[str, str], str] = {}
    query = (
        "SELECT object, external_id, record_id, fields FROM writeback WHERE state = 'done' ORDER BY number"
    )
    with psycopg.connect(dsn) as connection:
        for name, external_id, record_id, fields in connection.execute(query):
            counts[record_id] += 1
            last[name, external_id] = fields[TEXT[name]]
    return counts, last
