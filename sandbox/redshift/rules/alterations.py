"""ALTER TABLE and ALTER SCHEMA."""

from typing import Any

from sandbox.redshift.plan.plans import Kind, Plan, RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.definitions import lacking, take_quota
from sandbox.redshift.rules.lexer import Statement
from sandbox.redshift.rules.rule import UNSUPPORTED, gap, rule
from sandbox.redshift.rules.table_facts import Table, comment
from sandbox.redshift.rules.tables import add_constraint, definition, encoding, type_words
from sandbox.redshift.rules.types import column_type
from sandbox.redshift.rules.words import SYSTEM_COLUMN, SYSTEM_COLUMNS

ALTER = rule("alter-table", "definitions", "ALTER TABLE has the actions of its page.", "r_ALTER_TABLE")
ALTER_ONE = rule(
    "alter-table-one",
    "definitions",
    "ALTER TABLE has one action, or encodings, or SORTKEY and DISTKEY.",
    "r_ALTER_TABLE",
)
ALTER_TYPE = rule(
    "alter-column-type",
    "definitions",
    "Only the length of a VARCHAR column can be altered.",
    "r_ALTER_TABLE",
    UNSUPPORTED,
)
ADD_REQUIRED = rule(
    "add-column-required",
    "definitions",
    "ADD COLUMN … NOT NULL needs a DEFAULT that is not null.",
    "r_ALTER_TABLE",
    "42601",
)
ALTER_GAP = gap(
    "alter-gap", "definitions", "Partitions, APPEND, row-level security, masking.", "r_ALTER_TABLE"
)
_NOTHING = "SET (autovacuum_enabled = true)"
"""For PostgreSQL, where the facts are all that changes."""


def plan_alter(statement: Statement) -> Plan:
    """ALTER TABLE and ALTER SCHEMA."""
    cursor = Cursor(statement, ALTER)
    cursor.need("ALTER")
    if cursor.take("SCHEMA"):
        cursor.name()
        if cursor.take("QUOTA"):
            take_quota(cursor)
            cursor.end()
            return Plan(Kind.REWRITE, "SET stand_in.nothing TO 'on'", "ALTER SCHEMA", tag="ALTER SCHEMA")
        cursor.one_of("RENAME", "OWNER") or _raise(cursor)
        cursor.need("TO")
        cursor.name()
        cursor.end()
        return Plan(Kind.FORWARD, statement.text, "ALTER SCHEMA")
    if not cursor.take("TABLE"):
        raise lacking(cursor)
    name = cursor.dotted()
    facts: dict[str, Any] = {}
    action = _action(cursor, facts)
    while cursor.take(","):
        if action != _NOTHING or not cursor.take("ALTER"):
            raise RefusedError(ALTER_ONE, 'syntax error at or near ","')
        action = _alter_part(cursor, facts)
    cursor.end()
    begin = comment(facts) if facts else ""
    return Plan(Kind.REWRITE, f"{begin}ALTER TABLE {name} {action}", "ALTER TABLE", tag="ALTER TABLE")


def _raise(cursor: Cursor) -> str:
    raise cursor.fail()


def _action(cursor: Cursor, facts: dict[str, Any]) -> str:
    if cursor.take("ADD"):
        return _add(cursor, facts)
    if cursor.take("DROP"):
        kind = "CONSTRAINT" if cursor.take("CONSTRAINT") else "COLUMN"
        cursor.take("COLUMN")
        column = cursor.name()
        how = cursor.one_of("CASCADE", "RESTRICT")
        if kind == "CONSTRAINT":
            facts["drop_key"] = column.strip('"')
            return _NOTHING
        return f"DROP COLUMN {column} {how}".rstrip()
    if cursor.take("RENAME", "TO"):
        return f"RENAME TO {cursor.name()}"
    if cursor.take("RENAME", "COLUMN"):
        before = cursor.name()
        cursor.need("TO")
        return f"RENAME COLUMN {before} TO {cursor.name()}"
    if cursor.take("OWNER", "TO"):
        return f"OWNER TO {cursor.name()}"
    if cursor.take("SET", "SCHEMA"):
        return f"SET SCHEMA {cursor.name()}"
    if cursor.take("ALTER"):
        return _alter_part(cursor, facts)
    raise RefusedError(
        ALTER_GAP if cursor.word in ("APPEND", "ROW", "SET") else ALTER,
        f'syntax error at or near "{cursor.word}"',
    )


def _add(cursor: Cursor, facts: dict[str, Any]) -> str:
    if cursor.word in ("PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT", "CHECK", "EXCLUDE"):
        add_constraint(cursor, Table(facts=facts))
        return _NOTHING
    cursor.take("COLUMN")
    if cursor.word == "IF":
        raise cursor.fail()
    column = cursor.name()
    plain = column.strip('"')
    if plain in SYSTEM_COLUMNS:
        raise RefusedError(SYSTEM_COLUMN, f'column name "{plain}" conflicts with a system column name')
    made = definition(cursor, facts, plain)
    if "NOT NULL" in made and "DEFAULT" not in made:
        raise RefusedError(
            ADD_REQUIRED, "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression"
        )
    return f"ADD COLUMN {column} {made}"


def _alter_part(cursor: Cursor, facts: dict[str, Any]) -> str:
    if cursor.take("DISTKEY"):
        facts["distkeys"] = [cursor.name().strip('"')]
        return _NOTHING
    if cursor.take("DISTSTYLE"):
        facts["diststyle"] = cursor.one_of("ALL", "EVEN", "AUTO", "KEY") or _raise(cursor)
        if cursor.take("DISTKEY"):
            facts["distkeys"] = [cursor.name().strip('"')]
        return _NOTHING
    if cursor.word in ("COMPOUND", "SORTKEY"):
        cursor.take("COMPOUND")
        cursor.need("SORTKEY")
        facts["sortkeys"] = (
            [] if cursor.one_of("AUTO", "NONE") else [each.strip('"') for each in cursor.names()]
        )
        return _NOTHING
    if cursor.take("ENCODE", "AUTO"):
        return _NOTHING
    cursor.take("COLUMN")
    column = cursor.name()
    if cursor.take("ENCODE"):
        facts.setdefault("encodings", {})[column.strip('"')] = encoding(cursor)
        return _NOTHING
    if not cursor.take("TYPE"):
        raise cursor.fail()
    kind = column_type(*type_words(cursor))
    if not kind.startswith("varchar"):
        raise RefusedError(ALTER_TYPE, f'cannot alter column {column} to type "{kind}"')
    return f"ALTER COLUMN {column} TYPE {kind}"
