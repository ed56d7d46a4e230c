"""The proofs of the benchmarks can fail: each thing that may be wrong with a log or a history is
found.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import psycopg
import pytest

from benchmarks.proofs import broken_history, missing_events
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from transforms.ingest.change_header import change_order

pytestmark = pytest.mark.service

LANE = "changes"
ACCOUNT = default_catalogue().object("Account")
RECORD = "001Tg0000000001IAA"
SECONDS = (1_767_000_000, 1_767_000_005, 1_767_000_009)


def place(number: int) -> str:
    return change_order(SECONDS[number - 1] * 1_000, 80 + number, 1)


@pytest.fixture
def curated(warehouse: PostgresWarehouse, database: str) -> Iterator[psycopg.Connection]:
    """Three changes of one record, and its versions."""
    warehouse.ensure_tables(default_catalogue())
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for number in (1, 2, 3):
            connection.execute(
                "INSERT INTO audit.account_change (record_id, change_order, change_type, changed_at, received_at, batch, applied_at) "
                "VALUES (%s, %s, 'update', to_timestamp(%s), now(), %s, now())",
                (RECORD, place(number), SECONDS[number - 1], f"{LANE}/{number}"),
            )
            ends = SECONDS[number] if number < 3 else None
            connection.execute(
                "INSERT INTO curated.account_history (record_id, change_order, version, valid_from, valid_to, is_current, is_deleted, "
                "is_complete, changed_at, applied_at, batch) VALUES (%s, %s, %s, to_timestamp(%s), to_timestamp(%s), %s, "
                "false, true, now(), now(), 'b')",
                (RECORD, place(number), number, SECONDS[number - 1], ends, ends is None),
            )
        connection.execute(
            "INSERT INTO curated.account_current (record_id, last_change_order, version, is_deleted, is_complete, changed_at, "
            "applied_at, batch) VALUES (%s, %s, 3, false, true, now(), now(), 'b')",
            (RECORD, place(3)),
        )
        yield connection


@pytest.fixture
def org_file(tmp_path: Path) -> Path:
    """The same three changes as the org tells them."""
    file = tmp_path / "org.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE events (body BLOB)")
        for number in (1, 2, 3):
            header = {
                "entityName": "Account",
                "recordIds": [RECORD],
                "commitTimestamp": SECONDS[number - 1] * 1_000,
                "commitNumber": 80 + number,
                "sequenceNumber": 1,
            }
            body = orjson.dumps({"payload": {"ChangeEventHeader": header}})
            connection.execute("INSERT INTO events VALUES (?)", (body,))
    connection.close()
    return file


def faults(connection: psycopg.Connection) -> set[str]:
    return {name for name, count in broken_history(connection, ACCOUNT).items() if count}


def test_what_is_whole_is_found_whole(curated: psycopg.Connection, org_file: Path) -> None:
    assert missing_events(curated, default_catalogue(), org_file, LANE) == []
    assert faults(curated) == set()


def test_an_event_in_the_place_of_another_is_found_though_the_count_is_right(
    curated: psycopg.Connection, org_file: Path
) -> None:
    curated.execute(
        "UPDATE audit.account_change SET change_order = %s WHERE change_order = %s",
        (change_order(SECONDS[1] * 1_000, 99, 1), place(2)),
    )
    assert len(missing_events(curated, default_catalogue(), org_file, LANE)) == 1


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM curated.account_history WHERE version = 2", {"without_version", "not_contiguous"}),
        ("DELETE FROM audit.account_change WHERE batch = 'changes/2'", {"without_change"}),
        ("UPDATE curated.account_history SET valid_to = now() WHERE version = 1", {"not_contiguous"}),
        ("UPDATE curated.account_history SET version = 5 WHERE version = 2", {"not_contiguous"}),
        ("UPDATE curated.account_current SET version = 2", {"not_current"}),
        ("DELETE FROM curated.account_current", {"not_current"}),
    ],
)
def test_a_break_in_the_history_is_found(
    curated: psycopg.Connection, statement: str, found: set[str]
) -> None:
    curated.execute(statement.encode())
    assert faults(curated) == found
