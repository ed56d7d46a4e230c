"""Transactions of the stand-in: a refusal breaks them, a write locks its table, a snapshot
stays.
"""

import psycopg
import pytest

pytestmark = pytest.mark.service


def connected(dsn: str, **options: object) -> psycopg.Connection:
    return psycopg.connect(dsn, client_encoding="utf8", prepare_threshold=None, **options)  # type: ignore[arg-type]


def test_a_refusal_breaks_the_transaction(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT)")
    session.execute("BEGIN")
    session.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        session.execute("SAVEPOINT s")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        session.execute("SELECT 1")
    session.execute("ROLLBACK")
    assert session.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)


def test_a_refusal_with_parameters_breaks_the_transaction(session: psycopg.Connection):
    with session.transaction(), pytest.raises(psycopg.errors.UndefinedFunction):
        session.execute("SELECT string_agg(x, %s) FROM (SELECT 'a' AS x) AS q", (",",))
    assert session.execute("SELECT %s::int", (1,)).fetchone() == (1,)


def test_a_refused_statement_alone_leaves_the_session_idle(session: psycopg.Connection):
    for _ in range(2):
        with pytest.raises(psycopg.errors.SyntaxError):
            session.execute("SELECT 1 FROM t FOR SHARE OF nonsense everywhere")
        assert session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_write_waits_for_the_writer_of_the_same_table(redshift_database: str, session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT)")
    with connected(redshift_database) as first, connected(redshift_database) as second:
        first.execute("INSERT INTO t VALUES (1)")
        second.execute("SET statement_timeout TO 300")
        second.commit()
        with pytest.raises(psycopg.errors.QueryCanceled):
            second.execute("INSERT INTO t VALUES (2)")
        second.rollback()
        first.commit()
        second.execute("INSERT INTO t VALUES (2)")
        second.commit()
    assert session.execute("SELECT COUNT(*) FROM t").fetchone() == (2,)


def test_a_lock_takes_no_snapshot(redshift_database: str, session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT)")
    session.execute("CREATE TABLE u (a INT)")
    with connected(redshift_database) as other:
        other.execute("LOCK TABLE u")
        session.execute("INSERT INTO t VALUES (1)")
        assert other.execute("SELECT COUNT(*) FROM t").fetchone() == (1,)
        session.execute("INSERT INTO t VALUES (2)")
        assert other.execute("SELECT COUNT(*) FROM t").fetchone() == (1,)


def test_truncate_commits_its_transaction(redshift_database: str, session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT)")
    session.execute("CREATE TABLE u (a INT)")
    session.execute("INSERT INTO t VALUES (1)")
    with connected(redshift_database) as other:
        other.execute("INSERT INTO u VALUES (7)")
        other.execute("TRUNCATE t")
        other.rollback()
    assert session.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)
    assert session.execute("SELECT a FROM u").fetchone() == (7,)


def test_vacuum_runs_alone(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT)")
    session.execute("VACUUM DELETE ONLY t TO 100 PERCENT")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction), session.transaction():
        session.execute("VACUUM t")


def test_several_statements_of_one_text_commit_together(session: psycopg.Connection):
    with pytest.raises(psycopg.errors.UndefinedTable):
        session.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1); INSERT INTO missing VALUES (1)")
    assert session.execute("SELECT COUNT(*) FROM svv_tables WHERE table_name = 't'").fetchone() == (0,)
    session.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)")
    assert session.execute("SELECT COUNT(*) FROM t").fetchone() == (1,)
