"""Asks the warehouse, PostgreSQL or Redshift: server, rights, and the types of the columns. Every
attempt is rolled back.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg.errors import InsufficientPrivilege

from clients.database.address import Database
from clients.database.connect import connect_postgres, connect_redshift
from clients.doctor import redshift_types
from clients.doctor.redshift_copy import examine_copy
from clients.doctor.redshift_unload import examine_unload
from clients.doctor.warehouse_server import examine_server
from clients.storage.objects import S3Address
from clients.warehouse import postgres_tables
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.shadow.schemas import schemas_of
from schemas.catalogue import Catalogue
from schemas.doctor import CheckResult, not_asked, ok, wrong
from schemas.errors import CredentialsRejectedError, TidegateError, UnavailableError

_STATEMENT_MS = 5_000
_LOCK_MS = 2_000
_SHOWN = 5
_NO_CREATE = "warehouse.no_create"
_OURS = ", ".join(f"'{schema}'" for schema in schemas_of(""))
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class WarehouseAddress:
    """The warehouse's address. `kind` as in the settings."""

    kind: Literal["postgres", "redshift"]
    dsn: Database
    bucket: S3Address | None = None
    """From which Redshift loads. None = loads are not looked at."""
    copy_role: str | None = None


def examine_warehouse(address: WarehouseAddress, catalogue: Catalogue | None) -> list[CheckResult]:
    """Every finding about the warehouse. `catalogue` None: it cannot be read, so the columns are
    unknown. Blocks.
    """
    try:
        with translated_psycopg("the warehouse"), connected(address) as connection:
            where = str(connection.info.dbname)
            found = [ok("warehouse.connection", f"the {address.kind} database {where} answers")]
            for examine in (examine_server, _examine_rights):
                found += examine(connection, is_redshift=address.kind == "redshift")
            if address.kind == "redshift" and address.bucket is not None and address.copy_role is not None:
                for load in (examine_copy, examine_unload):
                    found += load(connection, address.bucket, address.copy_role)
    except CredentialsRejectedError as error:
        remedy = "Correct user and password in TIDEGATE_WAREHOUSE__DSN, or let the user log in from here."
        return [wrong("warehouse.credentials", str(error), remedy)]
    except UnavailableError as error:
        remedy = "Start it, open the network way to it, or correct TIDEGATE_WAREHOUSE__DSN."
        return [wrong("warehouse.unreachable", error.detail.splitlines()[0], remedy)]
    return found + _examine_columns(address, catalogue)


def connected(address: WarehouseAddress) -> psycopg.Connection:
    """A connection whose statements end within seconds."""
    # Redshift calls its encoding UNICODE, which psycopg does not know; in SQL_ASCII it would return
    # texts as bytes.
    if address.kind == "redshift":
        return connect_redshift(address.dsn, connect_timeout=5)
    limits = f"-cstatement_timeout={_STATEMENT_MS} -clock_timeout={_LOCK_MS}"
    return connect_postgres(address.dsn, connect_timeout=5, client_encoding="utf8", options=limits)


def _examine_rights(connection: psycopg.Connection, *, is_redshift: bool) -> list[CheckResult]:
    mark = f"tidegate_doctor_{uuid.uuid4().hex[:8]}"
    database, user = quoted_if_needed(connection.info.dbname), quoted_if_needed(connection.info.user)
    attempts = [
        _attempt(
            connection,
            _NO_CREATE,
            f"database {database}",
            f"GRANT CREATE ON DATABASE {database} TO {user};",
            [
                f"CREATE SCHEMA {mark}",
                f"CREATE TABLE {mark}.tried (id INTEGER)",
                f"INSERT INTO {mark}.tried VALUES (1)",
                f"DELETE FROM {mark}.tried",
            ],
        ),
        _attempt(
            connection,
            "warehouse.no_temp",
            f"database {database}",
            f"GRANT TEMPORARY ON DATABASE {database} TO {user};",
            [f"CREATE TEMP TABLE {mark} (id INTEGER)"],
        ),
    ]
    for schema in _existing(connection):
        grant = f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {user};"
        tried = [f"CREATE TABLE {schema}.{mark} (id INTEGER)"]
        attempts.append(_attempt(connection, _NO_CREATE, f"schema {schema}", grant, tried))
    if told := _migrated_by_another(connection, user):
        # Another user makes the tables. What is left to ask is whether rows can be written.
        lacking = [each for each in attempts if each is not None and each.code != _NO_CREATE]
        return lacking or [ok("warehouse.rights", told)]
    attempts.append(_closed_tables(connection, user, is_redshift=is_redshift))
    found = [each for each in attempts if each is not None]
    told = f"{user} may make schemas, tables and temporary tables, and write what is there; all attempts were rolled back"
    return found or [ok("warehouse.rights", told)]


def _attempt(
    connection: psycopg.Connection, code: str, where: str, remedy: str, statements: Sequence[str]
) -> CheckResult | None:
    try:
        for statement in statements:
            connection.execute(statement.encode())
    except InsufficientPrivilege as error:
        told = f"{error.diag.message_primary or error}"
        other = " Or let the owner make the tables: tidegate migrate --grant." if code == _NO_CREATE else ""
        return wrong(code, told, f"As its owner: {remedy}{other}", where=where)
    except psycopg.Error as error:
        told = f"{type(error).__name__}: {error.diag.message_primary or ''}"
        again = "See what holds it up (pg_stat_activity), then run `tidegate doctor` again."
        return not_asked("warehouse.rights", told, again, where=where)
    finally:
        connection.rollback()
    return None


def _existing(connection: psycopg.Connection) -> list[str]:
    query = f"SELECT nspname FROM pg_namespace WHERE nspname IN ({_OURS}) ORDER BY nspname"
    rows = connection.execute(query.encode()).fetchall()
    connection.rollback()
    return [str(name) for (name,) in rows]


def _migrated_by_another(connection: psycopg.Connection, user: str) -> str:
    """A sentence when there are tables, all of another owner, and all of them can be written; else
    "".
    """
    may = " AND ".join(
        f"has_table_privilege(c.oid, '{right}')" for right in ("select", "insert", "update", "delete")
    )
    query = (
        f"SELECT COUNT(*), SUM(CASE WHEN {may} THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN pg_get_userbyid(c.relowner) = current_user THEN 1 ELSE 0 END) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname IN ({_OURS}) AND c.relkind = 'r'"
    )
    row = connection.execute(query.encode()).fetchone()
    connection.rollback()
    tables, writable, owned = (int(each or 0) for each in row or (0, 0, 0))
    if tables == 0 or writable < tables or owned:
        return ""
    return f"{user} may write all {tables} tables; another user makes them, by tidegate migrate"


def _closed_tables(connection: psycopg.Connection, user: str, *, is_redshift: bool) -> CheckResult | None:
    """Tables that are there and that the user may not read, write or add columns to."""
    rows = connection.execute(closed_tables(is_redshift=is_redshift).encode()).fetchall()
    connection.rollback()
    if not rows:
        return None
    closed = [str(name) for (name,) in rows]
    more = f" and {len(closed) - _SHOWN} more" if len(closed) > _SHOWN else ""
    told = f"{user} does not own, or may not write, {', '.join(closed[:_SHOWN])}{more}"
    remedy = f"As their owner: ALTER TABLE {closed[0]} OWNER TO {user}; and so for each of them."
    return wrong("warehouse.no_write", told, remedy, where=closed[0])


def closed_tables(*, is_redshift: bool) -> str:
    """The tables of ours that the session's user may not read, write or alter."""
    # By number, not by name: to find a table by its name takes a right on its schema.
    rights = ("select", "insert", "update", "delete")
    may = " AND ".join(f"has_table_privilege(c.oid, '{right}')" for right in rights)
    # Columns are added by the owner alone. Redshift has no such question about roles.
    owns = (
        "pg_get_userbyid(c.relowner) = current_user"
        if is_redshift
        else "pg_has_role(current_user, c.relowner, 'usage')"
    )
    return (
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname IN ({_OURS}) AND c.relkind = 'r' AND NOT ({may} AND {owns}) ORDER BY 1"
    )


def quoted_if_needed(name: str) -> str:
    """A name as a statement takes it."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _examine_columns(address: WarehouseAddress, catalogue: Catalogue | None) -> list[CheckResult]:
    check = "warehouse.tables"
    if catalogue is None:
        return [
            not_asked(check, "the catalogue cannot be read", "Correct the catalogue, then run doctor again.")
        ]
    look = redshift_types.wrong_redshift_types if address.kind == "redshift" else postgres_tables.wrong_types
    try:
        differing = look(address.dsn, catalogue)
    except TidegateError as error:
        return [
            not_asked(check, str(error), "See what doctor says of the warehouse's rights, then run it again.")
        ]
    if not differing:
        return [ok(check, "every column that is there has the catalogue's type")]
    remedy = "Give the field its former type in the catalogue, or convert the column: ALTER TABLE … ALTER COLUMN … TYPE …"
    return [wrong("warehouse.column_type", each, remedy) for each in differing]
