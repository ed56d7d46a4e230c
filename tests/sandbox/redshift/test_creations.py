"""Two sessions that make the same object at once: the later one waits, then finds it."""

import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.sandbox.redshift.waits import until_it_waits

pytestmark = pytest.mark.service


def _connected(dsn: str, **options: object) -> psycopg.Connection:
    return psycopg.connect(dsn, client_encoding="utf8", prepare_threshold=None, **options)  # type: ignore[arg-type]


def _raced(dsn: str, database: str, statement: str, meanwhile: Callable[[psycopg.Connection], object]) -> str:
    """The SQLSTATE that `statement` gets which is sent while another session has made the same in
    a transaction that is open; empty when it succeeds.

    `database`: the connection string of PostgreSQL behind the stand-in. `meanwhile`: ends the
    first transaction.
    """
    got: list[str] = []

    def make(second: psycopg.Connection) -> None:
        try:
            second.execute(statement.encode())
            got.append("")
        except psycopg.Error as error:
            got.append(error.sqlstate or "")

    with _connected(dsn) as first, _connected(dsn, autocommit=True) as second:
        first.execute(statement.encode())
        other = threading.Thread(target=make, args=(second,))
        other.start()
        until_it_waits(database)
        meanwhile(first)
        other.join()
    return got[0]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE IF NOT EXISTS public.made (a INT)",
        "CREATE SCHEMA IF NOT EXISTS made",
        "CREATE OR REPLACE VIEW made AS SELECT 1 AS a",
    ],
)
def test_the_later_one_finds_what_the_first_has_made(redshift_database: str, database: str, statement: str):
    assert _raced(redshift_database, database, statement, lambda first: first.commit()) == ""


def test_without_if_not_exists_it_is_told_that_the_table_is_there(redshift_database: str, database: str):
    state = _raced(redshift_database, database, "CREATE TABLE made (a INT)", lambda first: first.commit())
    assert state == "42P07"


def test_the_later_one_makes_what_the_first_took_back(redshift_database: str, database: str):
    statement = "CREATE TABLE made (a INT)"
    assert _raced(redshift_database, database, statement, lambda first: first.rollback()) == ""
    with _connected(redshift_database) as session:
        assert session.execute("SELECT COUNT(*) FROM made").fetchone() == (0,)


def test_a_temporary_table_waits_for_nobody(redshift_database: str):
    with _connected(redshift_database) as first, _connected(redshift_database) as second:
        first.execute("CREATE TABLE made (a INT)")
        second.execute("CREATE TEMP TABLE made (a INT)")
        assert second.execute("SELECT COUNT(*) FROM made").fetchone() == (0,)
