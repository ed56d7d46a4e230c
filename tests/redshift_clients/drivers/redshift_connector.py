"""A program of a redshift_connector user: `python redshift_connector.py CALL` with the database on
stdin, a result on stdout.
"""

import json
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

import decimal
from urllib.parse import urlsplit

import redshift_connector


def connected(given, **more):
    place = urlsplit(given["dsn"])
    options = {"ssl": False, **more}
    return redshift_connector.connect(
        host=place.hostname,
        port=place.port,
        database=place.path[1:],
        user=given.get("user") or place.username,
        password=place.password,
        **options,
    )


def login(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]


def types(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (s SMALLINT, i INT, b BIGINT, r REAL, d DOUBLE PRECISION, o BOOLEAN, n NUMERIC(18,2), "
            "v VARCHAR(20), a DATE, t TIMESTAMP, z TIMESTAMPTZ)"
        )
        row = (
            1,
            2,
            2**40,
            0.5,
            0.25,
            True,
            decimal.Decimal("1.50"),
            "日本",
            "2026-01-02",
            "2026-01-02 03:04:05",
            "2026-01-02 03:04:05+00",
        )
        marks = ", ".join(["%s"] * len(row))
        cursor.execute(f"INSERT INTO t VALUES ({marks})", row)
        cursor.execute("SELECT * FROM t")
        names = [column[0] for column in cursor.description]
        return [names, [str(value) for value in cursor.fetchone()]]


def many(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT, b VARCHAR(9))")
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(n, str(n)) for n in range(50)])
        cursor.execute("SELECT COUNT(*), SUM(a) FROM t WHERE a >= %s", (10,))
        return list(map(int, cursor.fetchone()))


def refusals(given):
    """A refusal, then the session goes on; twice, with and without parameters."""
    said = []
    with connected(given) as connection, connection.cursor() as cursor:
        for statement, values in (
            ("SELECT string_agg(a, ',') FROM pg_class", None),
            ("SELECT a FROM missing WHERE a = %s", (1,)),
            ("SELECT a FROM t FOR UPDATE", None),
        ):
            try:
                cursor.execute(statement, values)
            except redshift_connector.Error as error:
                said.append(error.args[0]["C"])
            connection.rollback()
        cursor.execute("SELECT 1")
        return [said, cursor.fetchone()[0]]


def rollback(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT)")
        connection.commit()
        cursor.execute("INSERT INTO t VALUES (1)")
        connection.rollback()
        connection.autocommit = True
        cursor.execute("INSERT INTO t VALUES (2)")
        cursor.execute("SELECT a FROM t")
        return [row[0] for row in cursor.fetchall()]


def metadata(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT NOT NULL, b VARCHAR(9), PRIMARY KEY (a))")
        connection.commit()
        tables = cursor.get_tables(schema_pattern="public")
        columns = cursor.get_columns(schema_pattern="public", tablename_pattern="t")
        return [[row[2] for row in tables], [row[3] for row in columns]]


def copy(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a BIGINT)")
        cursor.execute(f"COPY t FROM '{given['url']}' IAM_ROLE '{given['role']}' FORMAT AS PARQUET")
        cursor.execute("SELECT a FROM t ORDER BY a")
        return [row[0] for row in cursor.fetchall()]


def large(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT)")
        cursor.execute("INSERT INTO t VALUES " + ", ".join(f"({n})" for n in range(5_000)))
        cursor.execute("SELECT x.a FROM t AS x CROSS JOIN (SELECT a FROM t LIMIT 20) AS y")
        return len(cursor.fetchall())


print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
