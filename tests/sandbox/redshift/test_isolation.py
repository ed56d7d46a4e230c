"""SERIALIZABLE and SNAPSHOT over tables read and written, and the latency of commits."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from sandbox.redshift import launch
from sandbox.redshift.isolation import History

pytestmark = pytest.mark.service
Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path, postgres_port: int, s3_port: int, database: str) -> Iterator[Start]:
    """Starts a stand-in with options; gives the connection string of an empty database."""
    group = ProcessGroup(tmp_path)

    def started(*options: str) -> str:
        ports = launch.RedshiftPorts(free_port(), postgres_port, s3_port)
        launch.start_redshift(group, ports, options=options)
        return launch.dsn(ports.own, database.rpartition("/")[2])

    yield started
    group.stop()


def connected(dsn: str) -> psycopg.Connection:
    return psycopg.connect(dsn, client_encoding="utf8", prepare_threshold=None)


def make_tables(dsn: str) -> None:
    with connected(dsn) as session:
        session.execute("CREATE TABLE t (a INT)")
        session.execute("CREATE TABLE u (a INT)")


def cross(first: psycopg.Connection, second: psycopg.Connection) -> None:
    """Each reads what the other one writes."""
    first.execute("SELECT COUNT(*) FROM t").fetchone()
    second.execute("SELECT COUNT(*) FROM u").fetchone()
    first.execute("INSERT INTO u VALUES (1)")
    first.commit()
    second.execute("INSERT INTO t VALUES (1)")
    second.commit()


def test_a_circle_of_reads_and_writes_fails_under_serializable(start: Start):
    dsn = start("--isolation", "serializable")
    make_tables(dsn)
    with connected(dsn) as first, connected(dsn) as second:
        with pytest.raises(psycopg.errors.InternalError_) as refused:
            cross(first, second)
        assert refused.value.diag.message_primary == "1023"
        second.rollback()
        assert second.execute("SELECT COUNT(*) FROM u").fetchone() == (1,)
        second.execute("INSERT INTO t VALUES (1)")
        second.commit()


def test_the_same_circle_is_allowed_under_snapshot(start: Start):
    dsn = start()
    make_tables(dsn)
    with connected(dsn) as first, connected(dsn) as second:
        cross(first, second)


def test_readers_and_one_writer_are_no_circle(start: Start):
    dsn = start("--isolation", "serializable")
    make_tables(dsn)
    with connected(dsn) as first, connected(dsn) as second:
        first.execute("SELECT COUNT(*) FROM t").fetchone()
        second.execute("INSERT INTO t VALUES (1)")
        second.commit()
        first.execute("INSERT INTO u VALUES (1)")
        first.commit()


def test_a_row_that_another_transaction_has_changed_is_error_1023(start: Start):
    dsn = start()
    make_tables(dsn)
    with connected(dsn) as first, connected(dsn) as second:
        first.execute("INSERT INTO t VALUES (1)")
        first.commit()
        second.execute("SELECT COUNT(*) FROM u").fetchone()
        first.execute("UPDATE t SET a = 2")
        first.commit()
        with pytest.raises(psycopg.errors.InternalError_, match="1023"):
            second.execute("UPDATE t SET a = 3")


def test_a_long_history_is_forgotten():
    history = History()
    for _ in range(100):
        done = history.begin()
        done.reads.add("t")
        done.writes.add("t")
        history.commit(done)
    assert history.known == []


def test_commits_wait_for_each_other(start: Start):
    dsn = start("--commit-ms", "200")
    make_tables(dsn)

    def write(table: str) -> None:
        with connected(dsn) as session:
            session.execute(f"INSERT INTO {table} VALUES (1)".encode())

    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("t", "u")))
    assert time.monotonic() - began >= 0.4
