"""Questions about Redshift that AWS' guide leaves open, or answers in two ways. PostgreSQL answers
those that it has words for.

Each works in a schema of its own and leaves nothing in it that the next one minds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from workers.warehouse_verify.answers import Answer, answered, clock, need

_WIDE = 800
"""Fields of the widest object of Salesforce."""


@dataclass(frozen=True)
class Desk:
    """A session in autocommit, and the schema to work in."""

    connection: psycopg.Connection
    schema: str
    is_redshift: bool

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> psycopg.Cursor[Any]:
        return self.connection.execute(statement.format(s=self.schema).encode(), parameters)

    def one(self, statement: str, parameters: Sequence[Any] | None = None) -> Any:
        row = self.run(statement, parameters).fetchone()
        return None if row is None else row[0]

    def table(self, name: str, columns: str, rows: str = "") -> None:
        self.run(f"DROP TABLE IF EXISTS {{s}}.{name}")
        self.run(f"CREATE TABLE {{s}}.{name} ({columns})")
        if rows:
            self.run(f"INSERT INTO {{s}}.{name} VALUES {rows}")


def _session(desk: Desk) -> str:
    zone = desk.one("SHOW timezone")
    need(str(zone).upper() in {"UTC", "ETC/UTC"}, f"the session is in {zone}")
    moment = "CAST('2026-03-29 23:30:00+00' AS TIMESTAMPTZ)"
    hour = desk.one(f"SELECT CAST(EXTRACT(EPOCH FROM DATE_TRUNC('day', {moment})) AS BIGINT)")
    need(hour == 1_774_742_400, f"DATE_TRUNC of a TIMESTAMPTZ gives {hour}")
    return "the session is in UTC, and DATE_TRUNC goes by it"


def _isolation(desk: Desk) -> str:
    name = desk.connection.info.dbname
    level = desk.one("SELECT isolation_level FROM stv_db_isolation_level WHERE TRIM(db_name) = %s", (name,))
    need("snapshot" in str(level).lower(), f"the database has {level}")
    return str(level).strip()


def _untyped_parameter(desk: Desk) -> str:
    plain = answered("", lambda: repr(desk.one("SELECT %s", ("x",))), is_needed=False).told
    cast = desk.one("SELECT CAST(%s AS VARCHAR)", ("x",))
    need(cast == "x", f"CAST(%s AS VARCHAR) gives {cast!r}")
    return f"SELECT %s: {plain}; with CAST it gives the value"


def _updated_alias(desk: Desk) -> str:
    desk.table("aliased", "id VARCHAR(18), n BIGINT", "('a', 1), ('b', 2)")
    desk.run("UPDATE {s}.aliased SET n = aliased.n + 1 WHERE aliased.id = 'a'")
    need(
        desk.one("SELECT n FROM {s}.aliased WHERE id = 'a'") == 2, "an UPDATE without an alias did not count"
    )
    with_alias = answered(
        "", lambda: f"taken, {desk.run('UPDATE {s}.aliased AS x SET n = 9').rowcount} rows", is_needed=False
    )
    return f"without an alias it works; with one: {with_alias.told}"


def _joined_update(desk: Desk) -> str:
    desk.table("target", "id VARCHAR(18), n BIGINT", "('a', 1), ('b', 2)")
    desk.table("source", "id VARCHAR(18), n BIGINT", "('a', 10), ('a', 11), ('b', 20)")
    one_row = "SELECT f.id AS id, MIN(f.n) AS n FROM {s}.source AS f GROUP BY f.id"
    desk.run(f"UPDATE {{s}}.target SET n = o.n FROM ({one_row}) AS o WHERE target.id = o.id")
    found = desk.run("SELECT id, n FROM {s}.target ORDER BY id").fetchall()
    need(found == [("a", 10), ("b", 20)], f"the UPDATE from an aggregate gives {found}")
    several = answered(
        "",
        lambda: str(
            desk.run("UPDATE {s}.target SET n = f.n FROM {s}.source AS f WHERE target.id = f.id").rowcount
        ),
        is_needed=False,
    )
    return f"rows are aggregated first; without that: {several.told} rows or an error"


def _update_or_merge(desk: Desk) -> str:
    if desk.is_redshift:
        desk.table("current", "id BIGINT, n BIGINT")
        desk.run(
            "INSERT INTO {s}.current SELECT n, 0 FROM (SELECT ROW_NUMBER() OVER () AS n FROM svv_columns) AS c"
        )
    else:
        desk.table("current", "id BIGINT, n BIGINT")
        desk.run("INSERT INTO {s}.current SELECT n, 0 FROM generate_series(1, 5000) AS n")
    desk.run("CREATE TEMP TABLE verify_net AS SELECT id, 1 AS n FROM {s}.current")
    try:
        with clock() as update_took:
            desk.run("UPDATE {s}.current SET n = s.n FROM verify_net AS s WHERE current.id = s.id")
            update = update_took()
        with clock() as merge_took:
            desk.run(
                "MERGE INTO {s}.current USING verify_net ON current.id = verify_net.id "
                "WHEN MATCHED THEN UPDATE SET n = verify_net.n "
                "WHEN NOT MATCHED THEN INSERT VALUES (verify_net.id, verify_net.n)"
            )
            merge = merge_took()
    finally:
        desk.run("DROP TABLE verify_net")
    return f"UPDATE … FROM took {update}, MERGE {merge}"


def _percentiles(desk: Desk) -> str:
    desk.table("took", "n DOUBLE PRECISION", "(1), (2), (3)")
    parts = ", ".join(f"PERCENTILE_CONT({part}) WITHIN GROUP (ORDER BY n)" for part in (0.5, 0.95, 0.99))
    found = desk.run(f"SELECT {parts} FROM {{s}}.took").fetchone()
    need(found is not None and float(found[0]) == 2, f"three percentiles of one order give {found}")
    return "three of one order fit into one query"


def _milliseconds(desk: Desk) -> str:
    desk.table("moments", "at TIMESTAMPTZ", "(CAST('2026-11-30 12:00:00.123+00:00' AS TIMESTAMPTZ))")
    found = desk.one("SELECT CAST(ROUND(EXTRACT(EPOCH FROM at) * 1000) AS BIGINT) FROM {s}.moments")
    need(found == 1_796_040_000_123, f"EXTRACT(EPOCH) gives {found} ms")
    return "EXTRACT(EPOCH) * 1000, rounded, gives the millisecond"


def _literals(desk: Desk) -> str:
    desk.table("texts", "t VARCHAR(80), d DOUBLE PRECISION")
    desk.run("INSERT INTO {s}.texts VALUES ('it''s ü 中', CAST('1e+300' AS DOUBLE PRECISION)), (NULL, NULL)")
    found = desk.run("SELECT t, d FROM {s}.texts WHERE t IS NOT NULL").fetchall()
    need(found == [("it's ü 中", 1e300)], f"values of an INSERT come back as {found}")
    backslash = desk.one("SELECT CAST('a\\\\b' AS VARCHAR(9))")
    return (
        f"values come back as they were sent; two backslashes in a text are {str(backslash).count(chr(92))}"
    )


def _reserved_names(desk: Desk) -> str:
    names = ("language", "connect", "start", "user", "tag", "system", "order", "timestamp")
    desk.table("named", ", ".join(f'"{name}" VARCHAR(9)' for name in names))
    columns = ", ".join(f'"{name}"' for name in names)
    need(
        desk.run(f"SELECT {columns} FROM {{s}}.named").fetchall() == [],
        "a query by reserved names gives rows",
    )
    return "reserved words are columns when they are quoted"


def _wide_rows(desk: Desk) -> str:
    narrow = ", ".join(f"c{number} VARCHAR(1020)" for number in range(_WIDE))
    desk.table("wide", f"id VARCHAR(18), {narrow}", "")
    desk.run("INSERT INTO {s}.wide (id, c0) VALUES ('a', 'x')")
    desk.run("UPDATE {s}.wide SET c1 = n.c0 FROM (SELECT id, c0 FROM {s}.wide) AS n WHERE wide.id = n.id")
    need(desk.one("SELECT COUNT(*) FROM (SELECT * FROM {s}.wide) AS w") == 1, "the wide row cannot be read")
    longest = ", ".join(f"c{number} VARCHAR(65535)" for number in range(_WIDE))

    def all_long() -> str:
        desk.table("widest", longest)
        return f"made, {len(desk.run('SELECT * FROM {s}.widest').fetchall())} rows read"

    return f"{_WIDE} columns of 1,020 bytes work; of 65,535: {answered('', all_long, is_needed=False).told}"


def _commits(desk: Desk) -> str:
    desk.table("commits", "n BIGINT")
    with clock() as took:
        for number in range(5):
            desk.run("INSERT INTO {s}.commits VALUES (%s)", (number,))
        rows = took()
    with clock() as took:
        for _ in range(3):
            with desk.connection.transaction():
                desk.run("CREATE TEMP TABLE verify_listed (record_id VARCHAR(18))")
                desk.run("DROP TABLE verify_listed")
        return f"five commits of one row took {rows}; three of a temporary table {took()}"


_REDSHIFT_ONLY: tuple[tuple[str, Callable[[Desk], str]], ...] = (("isolation is SNAPSHOT", _isolation),)
_NEEDED: tuple[tuple[str, Callable[[Desk], str]], ...] = (
    ("sessions are in UTC", _session),
    ("a parameter among the results has a type", _untyped_parameter),
    ("an UPDATE needs no alias", _updated_alias),
    ("an UPDATE finds one row", _joined_update),
    ("percentiles share one order", _percentiles),
    ("times are whole milliseconds", _milliseconds),
    ("short lists go as values", _literals),
    ("reserved words are names", _reserved_names),
    ("objects of 800 fields", _wide_rows),
)
_TOLD: tuple[tuple[str, Callable[[Desk], str]], ...] = (
    ("UPDATE or MERGE", _update_or_merge),
    ("commits", _commits),
)


def ask_server(desk: Desk) -> list[Answer]:
    """The answers to every question."""
    needed = (*(_REDSHIFT_ONLY if desk.is_redshift else ()), *_NEEDED)
    found = [_asked(desk, name, ask, is_needed=True) for name, ask in needed]
    return found + [_asked(desk, name, ask, is_needed=False) for name, ask in _TOLD]


def _asked(desk: Desk, name: str, ask: Callable[[Desk], str], *, is_needed: bool) -> Answer:
    return answered(name, lambda: ask(desk), is_needed=is_needed)
