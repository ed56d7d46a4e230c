"""PostgreSQL's tables: types, keys, indexes, and how they come to be."""

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set

import psycopg

from clients.database.address import Database
from clients.database.connect import connect_postgres
from clients.database.engine import session_options
from clients.warehouse.making import make, make_view
from clients.warehouse.postgres_indexes import existing_indexes, wanted_indexes
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.shadow.schemas import in_schemas, schemas_of
from clients.warehouse.sql.apply import (
    TABLES_OF_OPS,
    tables_of,
)
from clients.warehouse.sql.scorecard import views
from schemas.catalogue import Catalogue
from schemas.column_names import short_name
from schemas.errors import SettingsError
from schemas.tables import Column, Kind

SYSTEM = "PostgreSQL"
INLINE = "WITH (toast_tuple_target = 8160)"
"""Rows up to a page stay in it. PostgreSQL would else move or compress every text that makes a row
longer than 2 KB, which costs more processor time than all the rest of a load (145 against 65 µs
a row of 5 KB).
"""
MAX_ROW_BYTES = 7_600
"""Of the fields' values in a row: a page has 8,160 bytes for one row (manual, appendix K
"PostgreSQL Limits"), the rest is for our own columns.
"""
_TYPES = {
    Kind.TEXT: "TEXT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.DOUBLE: "DOUBLE PRECISION",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMPTZ",
}
_LOCK = b"SELECT pg_advisory_xact_lock(hashtext('tidegate tables'))"
_SPELLED = {"TIMESTAMPTZ": "timestamp with time zone"}


def ensure_tables(
    dsn: Database,
    catalogue: Catalogue,
    *,
    prefix: str = "",
    more_tables: Mapping[str, Sequence[Column]] | None = None,
) -> list[str]:
    """Create the schemas, tables, columns, views and indexes that are missing; returns the tables
    and columns that were made. Drops nothing.

    Where nothing is missing, no right to make anything is needed. Raises `MigrationMissingError`
    when something is and the user may not make it.

    Args:
        dsn: The database.
        catalogue: Of the objects whose tables are made.
        prefix: Of the schemas' names.
        more_tables: As of `PostgresWarehouse`.
    """
    made: list[str] = []
    with (
        translated_psycopg(SYSTEM),
        connect_postgres(dsn, options=session_options()) as connection,
    ):
        # Several workers start at once: one makes the tables, the others wait and find them.
        connection.execute(_LOCK)
        schemas = schemas_of(prefix)
        for schema in _missing_schemas(connection, schemas):
            make(connection, f"CREATE SCHEMA {schema}", SYSTEM, f"the schema {schema}")
        existing = _existing_columns(connection, schemas)
        for table, columns in itertools.chain(_tables(catalogue), (more_tables or {}).items()):
            where = in_schemas(table, prefix)
            made += _ensure_table(connection, where, columns, existing.get(where))
        for name, statement in views().items():
            make_view(connection, in_schemas(name, prefix), in_schemas(statement, prefix), SYSTEM)
        present = existing_indexes(connection, schemas)
        for name, statement in wanted_indexes(catalogue, prefix).items():
            if name in present:
                continue
            # One a transaction: an index of a large table keeps the writers of that table out, and
            # of no other.
            connection.commit()
            connection.execute(_LOCK)
            make(connection, statement, SYSTEM, f"the index {name}")
    return made


def _missing_schemas(connection: psycopg.Connection, schemas: Sequence[str]) -> list[str]:
    rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", (list(schemas),))
    there = {str(name) for (name,) in rows}
    return [schema for schema in schemas if schema not in there]


def _tables(catalogue: Catalogue) -> Iterator[tuple[str, tuple[Column, ...]]]:
    per_object = (tables_of(spec).items() for spec in catalogue.objects.values())
    return itertools.chain(TABLES_OF_OPS.items(), itertools.chain.from_iterable(per_object))


def _existing_columns(connection: psycopg.Connection, schemas: Sequence[str]) -> dict[str, dict[str, str]]:
    """Table -> column -> type as the server spells it."""
    found: dict[str, dict[str, str]] = {}
    query = """
        SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%s) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"""
    for table, column, type_name in connection.execute(query, (list(schemas),)):
        found.setdefault(table, {})[column] = type_name
    return found


def _ensure_table(
    connection: psycopg.Connection, table: str, columns: Sequence[Column], existing: dict[str, str] | None
) -> list[str]:
    if existing is None:
        for statement in create_statements(table, columns):
            make(connection, statement, SYSTEM, f"the table {table}")
        return [table]
    missing = [column for column in columns if column.name not in existing]
    for column in columns:
        if column not in missing:
            _check_type(table, column, existing[column.name])
    for column in missing:
        statement = f"ALTER TABLE {table} ADD COLUMN {column.sql} {_type_name(column)}"
        make(connection, statement, SYSTEM, f"the column {table}.{column.name}")
    return [f"{table}.{column.name}" for column in missing]


def existing_columns(dsn: Database, *, prefix: str = "") -> dict[str, Set[str]]:
    """As of `Warehouse`."""
    with (
        translated_psycopg(SYSTEM),
        connect_postgres(dsn, options=session_options()) as connection,
    ):
        found = _existing_columns(connection, schemas_of(prefix))
    return {table.removeprefix(prefix): columns.keys() for table, columns in found.items()}


def vacuum(dsn: Database, tables: Sequence[str], *, is_full: bool) -> None:
    """Make the space of deleted rows free for new ones; `is_full`: rewrite the tables, under a
    lock.
    """
    with (
        translated_psycopg(SYSTEM),
        # Without the bound on idle transactions: a vacuum is one statement.
        connect_postgres(dsn, autocommit=True) as connection,
    ):
        for table in tables:
            connection.execute(f"VACUUM {'(FULL) ' if is_full else ''}{table}".encode())


def wrong_types(dsn: Database, catalogue: Catalogue) -> list[str]:
    """A sentence for each column that is there with another type than the catalogue's. Changes
    nothing.
    """
    found = []
    with (
        translated_psycopg(SYSTEM),
        connect_postgres(dsn, options=session_options()) as connection,
    ):
        existing = _existing_columns(connection, schemas_of(""))
    for table, columns in _tables(catalogue):
        there = existing.get(table, {})
        for column in columns:
            if column.name in there:
                try:
                    _check_type(table, column, there[column.name])
                except SettingsError as error:
                    found.append(str(error).partition(". ")[0])
    return found


def _check_type(table: str, column: Column, found: str) -> None:
    """A binary COPY does not look at types: eight letters that are sent to a BIGINT column become a
    number.
    """
    wanted = _SPELLED.get(_type_name(column), _type_name(column)).lower().replace(", ", ",")
    if found != wanted:
        raise SettingsError(
            f"The warehouse has {table}.{column.name} as {found}, the catalogue makes it {wanted}. "
            "Give the field its former type, or convert the column, then start again."
        )


def create_statements(table: str, columns: Sequence[Column]) -> list[str]:
    """The DDL of one permanent table with its keys and indexes."""
    bare = table.partition(".")[2]
    statements = [f"CREATE TABLE {table} ({definitions(columns, keys=True)}{_key_of(table)}) {INLINE}"]
    if table.endswith("reread"):
        statements.append(f"CREATE INDEX {bare}_open ON {table} (object, record_id) WHERE closed_at IS NULL")
    if table.endswith("quality"):
        statements.append(
            f"CREATE INDEX {bare}_open ON {table} (object, record_id) WHERE resolved_at IS NULL"
        )
    if table.endswith("_history"):
        index = short_name(f"{bare}_open")
        statements.append(f"CREATE INDEX {index} ON {table} (record_id) WHERE is_current")
    return statements


def _key_of(table: str) -> str:
    if table.endswith("_current"):
        return ", PRIMARY KEY (record_id)"
    if table.endswith("_change"):
        return ", PRIMARY KEY (record_id, change_order)"
    if table.endswith("_history"):
        return ", PRIMARY KEY (record_id, change_order)"
    if table.endswith("_base"):
        return ", PRIMARY KEY (record_id)"
    if table.endswith("ops.archive"):
        return ", PRIMARY KEY (source, month)"
    if table.endswith("ops.refold"):
        return ""  # asking twice does no harm
    if table.endswith("reconciliation"):
        return ", PRIMARY KEY (run, object)"
    if table.endswith(("checked", "ops.token_key", "ops.copied")):
        return ", PRIMARY KEY (object)"
    if table.endswith("reread"):
        return ""  # asking twice does no harm
    if table.endswith("ops.object_commit"):
        return ", PRIMARY KEY (object, number)"
    if table.endswith("ops.hold"):
        return ", PRIMARY KEY (object, batch)"
    if table.endswith("quality"):
        return ", PRIMARY KEY (object, record_id, field, rule)"
    if table.endswith("ops.erased"):
        return ", PRIMARY KEY (record_id)"
    if table.endswith("quality_day"):
        return ", PRIMARY KEY (day, object, field, rule)"
    if table.endswith("ops.names"):
        return ", PRIMARY KEY (object, field)"
    if table.endswith("drift"):
        return ", PRIMARY KEY (revision)"
    return ", PRIMARY KEY (batch, object)" if table.endswith("ledger") else ", PRIMARY KEY (batch, ordinal)"


def definitions(columns: Sequence[Column], *, keys: bool) -> str:
    return ", ".join(
        f"{column.sql} {_type_name(column)}{' NOT NULL' if keys and column.required else ''}"
        for column in columns
    )


def _type_name(column: Column) -> str:
    return f"NUMERIC(18, {column.scale})" if column.kind is Kind.DECIMAL else _TYPES[column.kind]
