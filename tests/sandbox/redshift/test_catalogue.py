"""The system views of the stand-in say what Redshift's say."""

import psycopg
import pytest

from sandbox.redshift.rules.functions import FUNCTIONS, RENAMED
from sandbox.redshift.rules.rewritten import REWRITTEN

pytestmark = pytest.mark.service


@pytest.fixture
def made(session: psycopg.Connection) -> psycopg.Connection:
    session.execute("CREATE SCHEMA s")
    session.execute(
        "CREATE TABLE s.t (a BIGINT NOT NULL ENCODE raw, b VARCHAR(40) ENCODE zstd, c DECIMAL(9,2), PRIMARY KEY (a)) "
        "DISTSTYLE KEY DISTKEY(a) COMPOUND SORTKEY(b, a)"
    )
    return session


def test_svv_columns_gives_types_and_lengths(made: psycopg.Connection):
    found = made.execute(
        "SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, is_nullable "
        "FROM svv_columns WHERE table_schema = 's' ORDER BY ordinal_position"
    ).fetchall()
    assert found == [
        ("a", "bigint", None, 64, 0, "NO"),
        ("b", "character varying", 40, None, None, "YES"),
        ("c", "numeric", None, 9, 2, "YES"),
    ]


def test_pg_table_def_shows_keys_and_encodings_of_the_search_path(made: psycopg.Connection):
    query = (
        'SELECT "column", type, encoding, distkey, sortkey, "notnull" FROM pg_table_def WHERE tablename = %s'
    )
    assert made.execute(query, ("t",)).fetchall() == []
    made.execute("SET search_path TO s, public")
    assert sorted(made.execute(query, ("t",)).fetchall()) == [
        ("a", "bigint", "raw", True, 2, True),
        ("b", "character varying(40)", "zstd", False, 1, False),
        ("c", "numeric(9,2)", "az64", False, 0, False),
    ]


def test_svv_table_info_shows_tables_with_rows(made: psycopg.Connection):
    query = 'SELECT "schema", "table", diststyle, sortkey1 FROM svv_table_info'
    made.execute("INSERT INTO s.t VALUES (1, 'x', 2)")
    made.execute("ANALYZE s.t")
    assert made.execute(query).fetchall() == [("s", "t", "KEY(a)", "b")]


def test_svv_redshift_schemas_hides_what_is_the_stand_ins_own(made: psycopg.Connection):
    found = made.execute("SELECT schema_name FROM svv_redshift_schemas ORDER BY 1").fetchall()
    assert found == [("public",), ("s",)]


def test_a_changed_distribution_is_shown(made: psycopg.Connection):
    made.execute("ALTER TABLE s.t ALTER DISTKEY b")
    query = "SELECT reldiststyle FROM pg_class_info WHERE relname = 't'"
    assert made.execute(query).fetchone() == (1,)
    made.execute("SET search_path TO s")
    assert made.execute('SELECT "column" FROM pg_table_def WHERE distkey').fetchall() == [("b",)]


def test_every_function_is_there(session: psycopg.Connection, database: str):
    """A function of the list is PostgreSQL's, the stand-in's, or put otherwise."""
    session.execute("SELECT 1")
    special = {"COALESCE", "NULLIF", "GREATEST", "LEAST", "TRUNC", "COUNT"}
    with psycopg.connect(database) as connection:
        there = {row[0].upper() for row in connection.execute("SELECT proname FROM pg_proc")}
    assert sorted(set(FUNCTIONS) - there - special - set(REWRITTEN) - set(RENAMED)) == []
