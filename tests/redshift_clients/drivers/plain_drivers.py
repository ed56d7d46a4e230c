"""Programs of users of pg8000, asyncpg and petl, none of which knows Redshift: `python
plain_drivers.py CALL` with the database on stdin, a result on stdout.
"""

import json
import sys

# The folder of this script is first on the path, and a script in it has a client's name.
sys.path.pop(0)

import asyncio
from urllib.parse import urlsplit

import asyncpg
import petl
import pg8000.dbapi
import psycopg2


def place(given):
    found = urlsplit(given["dsn"])
    return {
        "host": found.hostname,
        "port": found.port,
        "user": found.username,
        "password": found.password,
        "database": found.path[1:],
    }


def by_pg8000(given):
    """Rows by parameters, and the SQLSTATE of a refusal."""
    connection = pg8000.dbapi.connect(**place(given))
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INT, b VARCHAR(20))")
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, "one"), (2, "日本")])
    connection.commit()
    cursor.execute("SELECT a, b FROM t WHERE a >= %s ORDER BY a", (1,))
    rows = [list(row) for row in cursor.fetchall()]
    try:
        cursor.execute("INSERT INTO t VALUES (3, 'x') RETURNING a")
    except pg8000.dbapi.DatabaseError as error:
        return [rows, error.args[0]["C"]]


def by_asyncpg(given):
    """Rows by parameters in one transaction, and a cursor."""

    async def run():
        connection = await asyncpg.connect(**place(given), statement_cache_size=0)
        try:
            async with connection.transaction():
                await connection.execute("CREATE TABLE t (a INT, b VARCHAR(20))")
                await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "one"), (2, "日本")])
                walked = [row["a"] async for row in connection.cursor("SELECT a FROM t ORDER BY a")]
            found = await connection.fetchrow("SELECT b FROM t WHERE a = $1", 2)
            return [walked, found["b"]]
        finally:
            await connection.close()

    return asyncio.run(run())


def by_petl(given):
    """Rows that are appended and read by petl over psycopg2."""
    connection = psycopg2.connect(given["dsn"])
    connection.cursor().execute("CREATE TABLE t (a INT, b VARCHAR(20))")
    petl.appenddb([["a", "b"], [1, "one"], [2, "日本"]], connection, "t")
    return [list(row) for row in petl.fromdb(connection, "SELECT a, b FROM t ORDER BY a")]


print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
