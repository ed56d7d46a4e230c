"""Asks the warehouse's server for its properties: version, encoding, isolation and time zone."""

import psycopg

from schemas.doctor import CheckResult, not_asked, ok, warning, wrong

_OLDEST = 150_000
"""PostgreSQL 15: no older one is tested."""
_UNICODE = {"UTF8", "UNICODE"}
"""Redshift calls it UNICODE."""


def examine_server(connection: psycopg.Connection, *, is_redshift: bool) -> list[CheckResult]:
    """Every finding about the server."""
    database, user = connection.info.dbname, connection.info.user
    found: list[CheckResult] = []
    # Reported at the login: Redshift's reference names no parameter of this name for SHOW.
    encoding = connection.info.parameter_status("server_encoding") or "UNICODE"
    zone = _shown(connection, "timezone")
    if encoding.upper() not in _UNICODE:
        remedy = f"CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0; the encoding of {database} cannot be changed."
        found.append(wrong("warehouse.encoding", f"{database} is in {encoding}", remedy, where=database))
    if zone.upper() not in {"UTC", "ETC/UTC", "GMT", "ZULU", "UCT"}:
        remedy = f"ALTER USER {user} SET timezone TO 'UTC';"
        told = f"sessions of {user} are in {zone}: times without a zone are read as of there"
        found.append(warning("warehouse.timezone", told, remedy, where=database))
    if is_redshift:
        found += _redshift_isolation(connection)
    else:
        found += _postgres(connection)
    connection.rollback()
    return found or [
        ok("warehouse.server", f"{encoding}, {zone}; version and isolation are as they should be")
    ]


def _postgres(connection: psycopg.Connection) -> list[CheckResult]:
    database, user = connection.info.dbname, connection.info.user
    found = []
    if connection.info.server_version < _OLDEST:
        told = f"the server is PostgreSQL {connection.info.server_version // 10_000}, older than any that is tested"
        found.append(
            wrong("warehouse.version", told, "Upgrade it to PostgreSQL 15 or newer.", where=database)
        )
    isolation = _shown(connection, "transaction_isolation")
    if isolation != "read committed":
        told = f"transactions are {isolation}: an applier that has waited for its lock would not see what was committed"
        remedy = (
            f"ALTER DATABASE {database} RESET default_transaction_isolation; "
            f"ALTER ROLE {user} RESET default_transaction_isolation;"
        )
        found.append(wrong("warehouse.isolation", told, remedy, where=database))
    return found


def _redshift_isolation(connection: psycopg.Connection) -> list[CheckResult]:
    """Amazon Redshift Database Developer Guide, "Isolation levels" (c_serial_isolation),
    STV_DB_ISOLATION_LEVEL and ALTER DATABASE.
    """
    database = connection.info.dbname
    # current_database() is a function of the leader node, which refuses it beside a system table.
    query = "SELECT isolation_level FROM stv_db_isolation_level WHERE TRIM(db_name) = %s"
    remedy = f"ALTER DATABASE {database} ISOLATION LEVEL SNAPSHOT; with nobody connected to it. The database dev cannot be altered."
    try:
        row = connection.execute(query, (database,)).fetchone()
    except psycopg.Error as error:
        connection.rollback()
        return [
            not_asked("warehouse.server", f"the isolation cannot be asked: {type(error).__name__}", remedy)
        ]
    level = "" if row is None else str(row[0])
    if "snapshot" in level.lower():
        return []
    told = f"{database} has {level or 'no known isolation'}: two objects that are applied at once conflict, and one is tried again"
    return [warning("warehouse.isolation", told, remedy, where=database)]


def _shown(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute(f"SHOW {name}".encode()).fetchone()
    return "" if row is None else str(row[0])
