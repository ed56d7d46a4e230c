"""CREATE, ALTER, DROP and COMMENT of everything, and what of it Redshift lacks."""

from typing import Any

from sqlglot import exp

from sandbox.redshift.plan.plans import Ends, Kind, Plan, RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.expressions import check
from sandbox.redshift.rules.lexer import Statement
from sandbox.redshift.rules.parser import parsed, postgres_text
from sandbox.redshift.rules.rule import NOT_PARSED, UNKNOWN, UNSUPPORTED, gap, rule
from sandbox.redshift.rules.tables import (
    SYNTAX,
    Table,
    add_constraint,
    comment,
    definition,
    plan_create_table,
    type_words,
)
from sandbox.redshift.rules.types import column_type
from sandbox.redshift.rules.words import SYSTEM_COLUMN, SYSTEM_COLUMNS

_FEATURES = "c_unsupported-postgresql-features"
INDEX = rule("index", "definitions", "There are no indexes.", _FEATURES, UNSUPPORTED)
TRIGGER = rule("trigger", "definitions", "There are no triggers and no rules.", _FEATURES, UNSUPPORTED)
SEQUENCE = rule("sequence", "definitions", "There are no sequences.", _FEATURES, UNSUPPORTED)
LACKING = rule(
    "lacking-object",
    "definitions",
    "Tablespaces, domains, types, operators, extensions, casts and the like do not exist.",
    _FEATURES,
    UNSUPPORTED,
)
OBJECT_GAP = gap(
    "object-gap",
    "definitions",
    "Functions, procedures, external objects, materialized views, datashares, models, libraries, groups.",
    "c_SQL_commands",
)
ALTER = rule("alter-table", "definitions", "ALTER TABLE has the actions of its page.", "r_ALTER_TABLE")
ALTER_ONE = rule(
    "alter-table-one", "definitions", "ALTER TABLE adds one column a statement.", "r_ALTER_TABLE"
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
VIEW = rule(
    "create-view",
    "definitions",
    "CREATE VIEW has a query, and perhaps WITH NO SCHEMA BINDING.",
    "r_CREATE_VIEW",
)
CONCURRENTLY = rule(
    "drop-options", "definitions", "DROP has IF EXISTS, and CASCADE or RESTRICT.", "r_DROP_TABLE"
)
SCHEMA = rule(
    "create-schema",
    "definitions",
    "CREATE SCHEMA has IF NOT EXISTS, AUTHORIZATION and QUOTA.",
    "r_CREATE_SCHEMA",
)
LATE_BINDING = gap(
    "late-binding",
    "definitions",
    "A view WITH NO SCHEMA BINDING over tables that do not exist yet.",
    "r_CREATE_VIEW",
)
_MISSING = {
    "INDEX": INDEX,
    "UNIQUE": INDEX,
    "TRIGGER": TRIGGER,
    "RULE": TRIGGER,
    "SEQUENCE": SEQUENCE,
    "EVENT": TRIGGER,
}
_LACKING = [
    "TABLESPACE",
    "DOMAIN",
    "TYPE",
    "OPERATOR",
    "AGGREGATE",
    "CAST",
    "CONVERSION",
    "EXTENSION",
    "LANGUAGE",
    "POLICY",
    "PUBLICATION",
    "SUBSCRIPTION",
    "SERVER",
    "FOREIGN",
    "UNLOGGED",
    "STATISTICS",
    "COLLATION",
    "ACCESS",
    "TEXT",
]
_GAPS = [
    "FUNCTION",
    "PROCEDURE",
    "EXTERNAL",
    "MATERIALIZED",
    "DATASHARE",
    "MODEL",
    "LIBRARY",
    "GROUP",
    "USER",
    "ROLE",
    "IDENTITY",
    "MASKING",
    "RLS",
    "DATABASE",
]


def plan_create(statement: Statement) -> Plan:
    """CREATE TABLE, VIEW and SCHEMA."""
    cursor = Cursor(statement, SYNTAX)
    cursor.need("CREATE")
    is_temporary = bool(cursor.one_of("LOCAL")) | bool(cursor.one_of("TEMPORARY", "TEMP"))
    if cursor.take("TABLE"):
        return plan_create_table(cursor, is_temporary=is_temporary, verb="CREATE TABLE")
    cursor.take("OR", "REPLACE")
    if cursor.word == "VIEW":
        return _view(statement)
    if cursor.take("SCHEMA"):
        return _schema(cursor)
    raise _lacking(cursor)


def _lacking(cursor: Cursor) -> RefusedError:
    word = cursor.word
    if word in _MISSING:
        return RefusedError(_MISSING[word], f"{word} is not supported")
    if word in _LACKING:
        return RefusedError(LACKING, f"{word} is not supported")
    if word in _GAPS:
        return RefusedError(OBJECT_GAP, f"the stand-in has no {word}")
    return RefusedError(UNKNOWN, f'syntax error at or near "{word}"')


def _view(statement: Statement) -> Plan:
    tree = parsed(statement.text)
    options = {"this", "kind", "expression", "replace", "no_schema_binding"}
    if not isinstance(tree, exp.Create) or {name for name, value in tree.args.items() if value} - options:
        raise RefusedError(VIEW, "syntax error in CREATE VIEW")
    if not isinstance(tree.expression, exp.Query):
        raise RefusedError(VIEW, "CREATE VIEW needs a query")
    found = check(tree.expression)
    binding = bool(tree.args.pop("no_schema_binding", False))
    if binding and any("." not in table for table in found.tables):
        raise RefusedError(VIEW, "CREATE VIEW … WITH NO SCHEMA BINDING names each table with its schema")
    return Plan(
        Kind.REWRITE, postgres_text(tree), "CREATE VIEW", tag="CREATE VIEW", reads=frozenset(found.tables)
    )


def _schema(cursor: Cursor) -> Plan:
    exists = cursor.take("IF", "NOT", "EXISTS")
    name = cursor.name()
    owner = f" AUTHORIZATION {cursor.name()}" if cursor.take("AUTHORIZATION") else ""
    if cursor.take("QUOTA") and not cursor.take("UNLIMITED"):
        cursor.number()
        cursor.one_of("MB", "GB", "TB")
    cursor.end()
    text = f"CREATE SCHEMA {'IF NOT EXISTS ' if exists else ''}{name}{owner}"
    return Plan(Kind.REWRITE, text, "CREATE SCHEMA", tag="CREATE SCHEMA")


def plan_drop(statement: Statement) -> Plan:
    """DROP TABLE, VIEW and SCHEMA."""
    cursor = Cursor(statement, CONCURRENTLY)
    cursor.need("DROP")
    kind = cursor.one_of("TABLE", "VIEW", "SCHEMA")
    if not kind:
        raise _lacking(cursor)
    exists = "IF EXISTS " if cursor.take("IF", "EXISTS") else ""
    names = [cursor.dotted()]
    while cursor.take(","):
        names.append(cursor.dotted())
    how = cursor.one_of("CASCADE", "RESTRICT")
    cursor.end()
    text = f"DROP {kind} {exists}{', '.join(names)} {how}".rstrip()
    return Plan(Kind.REWRITE, text, f"DROP {kind}", tag=f"DROP {kind}")


def plan_alter(statement: Statement) -> Plan:
    """ALTER TABLE and ALTER SCHEMA."""
    cursor = Cursor(statement, ALTER)
    cursor.need("ALTER")
    if cursor.take("SCHEMA"):
        cursor.name()
        cursor.one_of("RENAME", "OWNER") or _raise(cursor)
        cursor.need("TO")
        cursor.name()
        cursor.end()
        return Plan(Kind.FORWARD, statement.text, "ALTER SCHEMA")
    if not cursor.take("TABLE"):
        raise _lacking(cursor)
    name = cursor.dotted()
    facts: dict[str, Any] = {}
    action = _action(cursor, facts)
    if cursor.word == ",":
        raise RefusedError(ALTER_ONE, 'syntax error at or near ","')
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
            return "SET (autovacuum_enabled = true)"
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
    if cursor.word in ("PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT", "CHECK"):
        add_constraint(cursor, Table(facts=facts))
        return "SET (autovacuum_enabled = true)"
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
    nothing = "SET (autovacuum_enabled = true)"
    if cursor.take("DISTKEY"):
        facts["distkeys"] = [cursor.name().strip('"')]
        return nothing
    if cursor.take("DISTSTYLE"):
        facts["diststyle"] = cursor.one_of("ALL", "EVEN", "AUTO", "KEY") or _raise(cursor)
        if cursor.take("DISTKEY"):
            facts["distkeys"] = [cursor.name().strip('"')]
        return nothing
    if cursor.word in ("COMPOUND", "SORTKEY"):
        cursor.take("COMPOUND")
        cursor.need("SORTKEY")
        facts["sortkeys"] = (
            [] if cursor.one_of("AUTO", "NONE") else [each.strip('"') for each in cursor.names()]
        )
        return nothing
    if cursor.take("ENCODE", "AUTO"):
        return nothing
    cursor.take("COLUMN")
    column = cursor.name()
    if cursor.take("ENCODE"):
        facts["encodings"] = {column.strip('"'): cursor.token().text.lower()}
        cursor.place += 1
        return nothing
    if not cursor.take("TYPE"):
        raise cursor.fail()
    kind = column_type(*type_words(cursor))
    if not kind.startswith("varchar"):
        raise RefusedError(ALTER_TYPE, f'cannot alter column {column} to type "{kind}"')
    return f"ALTER COLUMN {column} TYPE {kind}"


def plan_comment(statement: Statement) -> Plan:
    """COMMENT ON."""
    cursor = Cursor(statement, NOT_PARSED)
    cursor.need("COMMENT", "ON")
    if not cursor.one_of("TABLE", "COLUMN", "VIEW", "DATABASE", "CONSTRAINT", "SCHEMA"):
        raise cursor.fail()
    return Plan(Kind.FORWARD, statement.text, "COMMENT", ends=Ends.INSIDE)
