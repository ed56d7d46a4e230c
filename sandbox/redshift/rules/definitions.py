"""CREATE, DROP and COMMENT, and the objects that Redshift lacks."""

from sqlglot import exp

from sandbox.redshift.plan.plans import Ends, Kind, Plan, RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.expressions import check
from sandbox.redshift.rules.lexer import Statement
from sandbox.redshift.rules.parser import parsed, postgres_text
from sandbox.redshift.rules.rule import UNKNOWN, UNSUPPORTED, gap, rule
from sandbox.redshift.rules.tables import (
    SYNTAX,
    plan_create_table,
)

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
SCHEMA_ELEMENTS = gap("schema-elements", "definitions", "Objects within CREATE SCHEMA.", "r_CREATE_SCHEMA")
COMMENT = rule(
    "comment",
    "definitions",
    "COMMENT is on a table, a column, a constraint, a database or a view.",
    "r_COMMENT",
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
    raise lacking(cursor)


def lacking(cursor: Cursor) -> RefusedError:
    """The refusal of an object that there is not, by its kind."""
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
    named, text = tree.this.sql("postgres"), postgres_text(tree)
    reads = frozenset(found.tables)
    return Plan(Kind.REWRITE, text, "CREATE VIEW", tag="CREATE VIEW", reads=reads, makes=named)


def _schema(cursor: Cursor) -> Plan:
    cursor.rule = SCHEMA
    exists = cursor.take("IF", "NOT", "EXISTS")
    name = "" if cursor.word == "AUTHORIZATION" else cursor.name()
    owner = f" AUTHORIZATION {cursor.name()}" if cursor.take("AUTHORIZATION") else ""
    if cursor.take("QUOTA"):
        take_quota(cursor)
    if cursor.word in ("CREATE", "GRANT"):
        raise RefusedError(SCHEMA_ELEMENTS, f"the stand-in has no CREATE SCHEMA … {cursor.word}")
    cursor.end()
    text = f"CREATE SCHEMA {'IF NOT EXISTS ' if exists else ''}{name}{owner}"
    return Plan(Kind.REWRITE, text, "CREATE SCHEMA", tag="CREATE SCHEMA", makes=name)


def take_quota(cursor: Cursor) -> None:
    """Step over what follows QUOTA; the stand-in keeps none."""
    if not cursor.take("UNLIMITED"):
        cursor.number()
        cursor.one_of("MB", "GB", "TB")


def plan_drop(statement: Statement) -> Plan:
    """DROP TABLE, VIEW and SCHEMA."""
    cursor = Cursor(statement, CONCURRENTLY)
    cursor.need("DROP")
    kind = cursor.one_of("TABLE", "VIEW", "SCHEMA")
    if not kind:
        raise lacking(cursor)
    exists = "IF EXISTS " if cursor.take("IF", "EXISTS") else ""
    names = [cursor.dotted()]
    while cursor.take(","):
        names.append(cursor.dotted())
    how = cursor.one_of("CASCADE", "RESTRICT")
    cursor.end()
    text = f"DROP {kind} {exists}{', '.join(names)} {how}".rstrip()
    return Plan(Kind.REWRITE, text, f"DROP {kind}", tag=f"DROP {kind}")


def plan_comment(statement: Statement) -> Plan:
    """COMMENT ON."""
    cursor = Cursor(statement, COMMENT)
    cursor.need("COMMENT", "ON")
    kind = cursor.one_of("TABLE", "COLUMN", "VIEW", "DATABASE", "CONSTRAINT")
    if not kind:
        raise cursor.fail()
    cursor.dotted()
    if kind == "CONSTRAINT":
        cursor.need("ON")
        cursor.dotted()
    cursor.need("IS")
    if not cursor.take("NULL"):
        cursor.text()
    cursor.end()
    return Plan(Kind.FORWARD, statement.text, "COMMENT", ends=Ends.INSIDE)
