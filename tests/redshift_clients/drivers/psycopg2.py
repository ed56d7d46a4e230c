"""A program of a psycopg2 user: `python psycopg2.py CALL` with the database on stdin, a result on
stdout.
"""

import json
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

import psycopg2
import psycopg2.extras


def connected(given, **options):
    return psycopg2.connect(given["dsn"], **options)


def session(given):
    with connected(given) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT, b VARCHAR(30), c TIMESTAMP, d DECIMAL(9,2))")
        cursor.execute(
            "INSERT INTO t VALUES (%s, %s, %s, %s)", (1, "it's \\ \n 日本", "2026-01-02 03:04:05", 1.5)
        )
        cursor.execute("SELECT a, b, c::varchar, d::varchar FROM t WHERE b = %s", ("it's \\ \n 日本",))
        return [connection.server_version, connection.encoding, list(cursor.fetchone())]


def refusals(given):
    said = []
    with connected(given) as connection, connection.cursor() as cursor:
        for statement in ("SELECT row_to_json(1)", "SAVEPOINT x", "SELECT missing"):
            try:
                cursor.execute(statement)
            except psycopg2.Error as error:
                said.append(error.pgcode)
            connection.rollback()
        cursor.execute("SELECT 1")
        return [said, cursor.fetchone()[0]]


def cursors(given):
    with connected(given) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (a INT)")
            psycopg2.extras.execute_values(cursor, "INSERT INTO t VALUES %s", [(n,) for n in range(300)])
        with connection.cursor(name="named") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT a FROM t ORDER BY a")
            return sum(row[0] for row in cursor)


def digest(given):
    try:
        connected(given, user="digest")
    except psycopg2.OperationalError as error:
        return str(error)


print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
