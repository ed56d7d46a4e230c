"""CREATE TABLE: columns with their attributes, and keys that are not enforced."""

from dataclasses import replace
from typing import Any

from sqlglot import exp

from sandbox.redshift.plan.plans import Kind, Plan, RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.expressions import check
from sandbox.redshift.rules.parser import parsed, postgres_text
from sandbox.redshift.rules.rule import UNSUPPORTED, gap, rule
from sandbox.redshift.rules.table_facts import PAGE, Table, check_keys, comment, options
from sandbox.redshift.rules.types import column_type
from sandbox.redshift.rules.words import SYSTEM_COLUMN, SYSTEM_COLUMNS

SYNTAX = rule("create-table", "tables", "CREATE TABLE has the clauses of its page.", PAGE)
ENCODING = rule(
    "encoding", "tables", "ENCODE names one of the compression encodings.", "c_Compression_encodings", "22023"
)
MOST_COLUMNS = rule("most-columns", "tables", "A table has 1,600 columns at most.", PAGE, "54011")
DUPLICATE = rule("duplicate-column", "tables", "Columns of a table have different names.", PAGE, "42701")
CONSTRAINT = rule(
    "check-constraint",
    "tables",
    "There are no CHECK and no EXCLUDE constraints.",
    "c_unsupported-postgresql-features",
    UNSUPPORTED,
)
GENERATED = rule(
    "generated-column", "tables", "Columns are not generated, but by IDENTITY.", PAGE, UNSUPPORTED
)
IDENTITY_TYPE = rule("identity-type", "tables", "IDENTITY columns are INTEGER or BIGINT.", PAGE, "42804")
TEXT_DEFAULT = rule("default-column", "tables", "A DEFAULT names no column and no query.", PAGE, UNSUPPORTED)
LIKE = gap("create-table-like", "tables", "LIKE beside other columns of a CREATE TABLE.", PAGE)
COLLATE = gap("collate", "tables", "COLLATE of columns.", PAGE)
_ENCODINGS = frozenset(
    [
        "raw",
        "az64",
        "bytedict",
        "delta",
        "delta32k",
        "lzo",
        "mostly8",
        "mostly16",
        "mostly32",
        "runlength",
        "text255",
        "text32k",
        "zstd",
        "auto",
    ]
)
_COLUMN_STOPS = (
    "NOT",
    "NULL",
    "DISTKEY",
    "SORTKEY",
    "ENCODE",
    "UNIQUE",
    "PRIMARY",
    "REFERENCES",
    "IDENTITY",
    "GENERATED",
    "COLLATE",
    "CHECK",
    "CONSTRAINT",
)


def plan_create_table(cursor: Cursor, *, is_temporary: bool, verb: str) -> Plan:
    """The plan of CREATE [TEMP] TABLE, from behind the word TABLE."""
    exists = "IF NOT EXISTS " if cursor.take("IF", "NOT", "EXISTS") else ""
    name = cursor.dotted()
    plan = _created(cursor, f"CREATE {'TEMP ' if is_temporary else ''}TABLE {exists}{name}", verb)
    return plan if is_temporary else replace(plan, makes=name)


def _created(cursor: Cursor, begin: str, verb: str) -> Plan:
    """The plan, from behind the table's name; `begin`: what stands before."""
    if cursor.take("(", "LIKE"):
        return _like(cursor, begin, verb)
    table = Table()
    names: tuple[str, ...] = ()
    if cursor.word == "(":
        names = _body(cursor, table)
    options(cursor, table)
    if cursor.take("AS"):
        return _created_as(cursor, table, begin, names)
    cursor.end()
    if names or not table.columns:
        raise cursor.fail()
    check_keys(table, [each.strip('"') for each in table.columns])
    if len(table.columns) > 1_600:
        raise RefusedError(
            MOST_COLUMNS, f"target lists can have at most 1600 entries, not {len(table.columns)}"
        )
    required = {each for key in table.facts.get("keys", ()) if key["kind"] == "p" for each in key["columns"]}
    columns = ", ".join(
        f"{column} {made}{' NOT NULL' if column.strip(chr(34)) in required and 'NOT NULL' not in made else ''}"
        for column, made in table.columns.items()
    )
    return Plan(Kind.REWRITE, f"{comment(table.facts)}{begin} ({columns})", verb, tag="CREATE TABLE")


def _like(cursor: Cursor, begin: str, verb: str) -> Plan:
    """The columns of another table, with its distribution, sorting and encodings, without its
    keys.
    """
    parent = cursor.dotted()
    how = cursor.one_of("INCLUDING", "EXCLUDING")
    if how:
        cursor.need("DEFAULTS")
    if cursor.word == ",":
        raise RefusedError(LIKE, "the stand-in has no LIKE beside other columns")
    cursor.need(")")
    if cursor.take("BACKUP") and not cursor.one_of("YES", "NO"):
        raise cursor.fail()
    cursor.end()
    defaults = f" {how} DEFAULTS" if how else ""
    text = f"{comment({'like': parent})}{begin} (LIKE {parent}{defaults})"
    return Plan(Kind.REWRITE, text, verb, tag="CREATE TABLE", reads=frozenset({parent}))


def _created_as(cursor: Cursor, table: Table, begin: str, names: tuple[str, ...]) -> Plan:
    tree = parsed(cursor.rest())
    if not isinstance(tree, exp.Query):
        raise cursor.fail()
    found = check(tree)
    if table.columns:
        raise RefusedError(SYNTAX, "CREATE TABLE AS lists names of columns without their types")
    listed = f" ({', '.join(names)})" if names else ""
    made = [each.strip('"') for each in names] or [each.lower() for each in tree.named_selects]
    if "*" not in made:
        check_keys(table, made)
    text = f"{comment(table.facts)}{begin}{listed} AS {postgres_text(tree)}"
    return Plan(Kind.REWRITE, text, "CREATE TABLE AS", tag="SELECT", reads=frozenset(found.tables))


def _body(cursor: Cursor, table: Table) -> tuple[str, ...]:
    """Columns and constraints; for CREATE TABLE AS, the names alone."""
    start = cursor.place
    try:
        return cursor.names()
    except RefusedError:
        cursor.place = start
    cursor.need("(")
    while True:
        if cursor.word in ("PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT", "CHECK", "EXCLUDE"):
            add_constraint(cursor, table)
        else:
            if cursor.word == "LIKE":
                raise RefusedError(LIKE, "the stand-in has no LIKE beside other columns")
            _column(cursor, table)
        if not cursor.take(","):
            break
    cursor.need(")")
    return ()


def _column(cursor: Cursor, table: Table) -> None:
    name = cursor.name()
    plain = name.strip('"')
    if plain in SYSTEM_COLUMNS:
        raise RefusedError(SYSTEM_COLUMN, f'column name "{plain}" conflicts with a system column name')
    if name in table.columns:
        raise RefusedError(DUPLICATE, f'column "{plain}" duplicated')
    table.columns[name] = definition(cursor, table.facts, plain)


def definition(cursor: Cursor, facts: dict[str, Any], plain: str) -> str:
    """Type and attributes of one column, for PostgreSQL; what it lacks goes to the facts."""
    kind, parts = column_type(*type_words(cursor)), []
    while (step := _attribute(cursor, facts, plain, kind)) is not None:
        parts.append(step)
    return " ".join([kind, *filter(None, parts)])


def _attribute(cursor: Cursor, facts: dict[str, Any], plain: str, kind: str) -> str | None:
    """One attribute; None when none stands here."""
    if cursor.take("NOT", "NULL"):
        return "NOT NULL"
    if cursor.take("DEFAULT"):
        return f"DEFAULT {_default(cursor)}"
    if cursor.take("ENCODE"):
        facts.setdefault("encodings", {})[plain] = encoding(cursor)
    elif cursor.take("DISTKEY"):
        facts.setdefault("distkeys", []).append(plain)
    elif cursor.take("SORTKEY"):
        facts.setdefault("sortkeys", []).append(plain)
    elif cursor.take("PRIMARY", "KEY"):
        facts.setdefault("keys", []).append({"kind": "p", "columns": [plain]})
        return "NOT NULL"
    elif cursor.take("UNIQUE"):
        facts.setdefault("keys", []).append({"kind": "u", "columns": [plain]})
    elif cursor.take("REFERENCES"):
        _references(cursor, facts, [plain])
    elif cursor.word in ("IDENTITY", "GENERATED"):
        return _identity(cursor, kind)
    elif cursor.word == "COLLATE":
        raise RefusedError(COLLATE, "the stand-in has no COLLATE")
    elif cursor.word in ("CHECK", "EXCLUDE"):
        raise RefusedError(CONSTRAINT, "CHECK constraints are not supported")
    elif not cursor.take("NULL"):
        return None
    return ""


def type_words(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    """Name and arguments of a type."""
    first = cursor.token().text.upper()
    cursor.place += 1
    if first == "DOUBLE":
        cursor.need("PRECISION")
        first = "DOUBLE PRECISION"
    elif first in ("CHARACTER", "CHAR", "BINARY", "BIT") and cursor.take("VARYING"):
        first = f"{first} VARYING" if first in ("BINARY", "BIT") else "CHARACTER VARYING"
    arguments: list[str] = []
    if cursor.take("("):
        while not cursor.take(")"):
            arguments.append(cursor.token().text)
            cursor.place += 1
            cursor.take(",")
    if first in ("TIME", "TIMESTAMP"):
        for zone in ("WITH", "WITHOUT"):
            if cursor.take(zone, "TIME", "ZONE"):
                first += f" {zone} TIME ZONE"
    while cursor.take("[", "]"):
        first += "[]"
    if cursor.word == "[":
        first += "[]"
    return first, tuple(arguments)


def _default(cursor: Cursor) -> str:
    tree = parsed(f"SELECT {cursor.expression(*_COLUMN_STOPS)}")
    check(tree)
    if any(tree.find_all(exp.Column, exp.Subquery)):
        raise RefusedError(TEXT_DEFAULT, "a default cannot name columns or hold queries")
    return postgres_text(tree).removeprefix("SELECT ")


def encoding(cursor: Cursor) -> str:
    """The name of a compression encoding. Raises `RefusedError`."""
    found = cursor.token().text.lower()
    cursor.place += 1
    if found not in _ENCODINGS:
        raise RefusedError(ENCODING, f'"{found}" is no compression encoding')
    return found


def _identity(cursor: Cursor, kind: str) -> str:
    if kind not in ("integer", "bigint"):
        raise RefusedError(IDENTITY_TYPE, f"an identity column cannot be {kind}")
    is_default = cursor.take("GENERATED", "BY", "DEFAULT", "AS")
    if not is_default and cursor.word == "GENERATED":
        raise RefusedError(GENERATED, "generated columns are not supported")
    cursor.need("IDENTITY", "(")
    seed = cursor.number()
    cursor.need(",")
    step = cursor.number()
    cursor.need(")")
    how = "BY DEFAULT" if is_default else "ALWAYS"
    return f"GENERATED {how} AS IDENTITY (START {seed} MINVALUE {min(seed, 0)} INCREMENT {step})"


def add_constraint(cursor: Cursor, table: Table) -> None:
    """One constraint of a table, which is kept and not enforced."""
    named = cursor.take("CONSTRAINT") and cursor.name().strip('"')
    keys = table.facts.setdefault("keys", [])
    if cursor.take("PRIMARY", "KEY"):
        columns = cursor.names()
        keys.append({"kind": "p", "columns": [each.strip('"') for each in columns], "name": named or None})
    elif cursor.take("UNIQUE"):
        keys.append(
            {"kind": "u", "columns": [each.strip('"') for each in cursor.names()], "name": named or None}
        )
    elif cursor.take("FOREIGN", "KEY"):
        columns = cursor.names()
        cursor.need("REFERENCES")
        _references(cursor, table.facts, [each.strip('"') for each in columns])
    else:
        raise RefusedError(CONSTRAINT, f"{cursor.word} constraints are not supported")


def _references(cursor: Cursor, facts: dict[str, Any], columns: list[str]) -> None:
    other = cursor.dotted()
    referred = [each.strip('"') for each in cursor.names()] if cursor.word == "(" else []
    facts.setdefault("keys", []).append(
        {"kind": "f", "columns": columns, "table": other, "referred": referred}
    )
