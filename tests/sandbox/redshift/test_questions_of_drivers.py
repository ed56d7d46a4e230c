"""Questions of drivers to a cluster, answered as redshift_connector's own tests expect."""

import psycopg
import pytest

from sandbox.redshift.wire import frames
from tests.sandbox.redshift.test_transactions import connected

pytestmark = pytest.mark.service


def test_every_character_beyond_ascii_belongs_to_a_name(session: psycopg.Connection):
    names = ["author\u200e", "passion⁘fruit", "papaya\u205f"]
    session.execute(f"CREATE TABLE t ({names[0]} int, {names[1]} int,{names[2]} int)".encode())
    described = session.execute("SELECT * FROM t").description
    assert [column.name for column in described or ()] == names


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("SELECT table_type FROM pg_catalog.svv_all_tables WHERE table_name = 't'", ("TABLE",)),
        ("SELECT data_type FROM svv_all_columns WHERE table_name = 't'", ("integer",)),
        ("SELECT xact_id FROM stl_undone", None),
        ("SELECT typname FROM pg_type WHERE oid = 16", ("bool",)),
        ("SELECT COUNT(*) FROM generate_series(1, 100)", (100,)),
        ("SELECT (pg_catalog.current_schemas(true))[2]", ("public",)),
        (
            "SELECT 'no' AS is_generated, is_generated AS twice FROM svv_columns WHERE table_name = 't'",
            ("no", "no"),
        ),
    ],
)
def test_a_question_of_a_driver_is_answered(session: psycopg.Connection, query: str, row: object):
    session.execute("CREATE TABLE t (a INT)")
    assert session.execute(query.encode()).fetchone() == row


def test_a_column_comes_before_an_alias_of_its_name(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT)")
    query = "SELECT 'x' AS table_name, column_name FROM svv_columns WHERE table_name = 't'"
    assert session.execute(query.encode()).fetchone() == ("x", "a")


def test_oid_is_no_name_of_a_table(session: psycopg.Connection):
    with pytest.raises(psycopg.errors.SyntaxError):
        session.execute("SELECT 1 FROM oid")


def test_a_session_is_ended_by_another_one(session: psycopg.Connection, redshift_database: str):
    with connected(redshift_database, autocommit=True) as other:
        row = other.execute("SELECT pg_backend_pid()").fetchone()
        session.execute("SELECT pg_terminate_backend(%s)", row)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


def test_a_user_of_the_cluster_can_own_a_schema(session: psycopg.Connection):
    session.execute("CREATE SCHEMA s AUTHORIZATION awsuser")
    query = "SELECT usename FROM pg_user u JOIN pg_namespace n ON n.nspowner = u.usesysid WHERE nspname = 's'"
    assert session.execute(query.encode()).fetchone() == ("awsuser",)


def test_parameters_that_the_text_does_not_name_are_texts():
    types = b"\0\3\0\0\2\xc1\0\0\2\xc1\0\0\0\x17"  # unknown, unknown, INTEGER
    assert frames.spare_types("SELECT $1", types) == b"\0\3\0\0\2\xc1\0\0\0\x19\0\0\0\x17"
    assert frames.spare_types("SELECT $1, $2", types) == types
    assert frames.spare_types("SELECT 1", b"\0\0") == b"\0\0"
