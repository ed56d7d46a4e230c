"""Databases of the tests' PostgreSQL."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from sandbox import postgres


@contextmanager
def new_database(port: int, *options: str) -> Iterator[str]:
    """The connection string of a new database, which is dropped at the end. `options` are of CREATE
    DATABASE.
    """
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn(port, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {' '.join(options)}".encode())
        yield postgres.dsn(port, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
