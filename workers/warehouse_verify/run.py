"""Ask one warehouse everything, in schemas of its own, and leave nothing behind."""

import uuid
from collections.abc import Callable
from contextlib import closing

from clients.database.address import Database
from clients.database.connect import connect_postgres, connect_redshift
from clients.storage.objects import ObjectStore
from clients.warehouse.making import make
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.shadow.schemas import schemas_of
from schemas.tables import OPS
from workers.addresses import s3_address, warehouse_address
from workers.clients import open_warehouse
from workers.settings import Settings
from workers.warehouse_verify.answers import Answer
from workers.warehouse_verify.contract import Contract
from workers.warehouse_verify.questions import Desk, ask_server

_SYSTEM = "the warehouse"


def verify(settings: Settings, say: Callable[[str], None] = lambda _: None) -> list[Answer]:
    """Every answer of the settings' warehouse. Blocks, for some minutes on Redshift.

    Raises:
        UnavailableError: The warehouse or S3 does not answer.
        CredentialsRejectedError: It refuses the login.
        MigrationMissingError: The user may not make schemas.
    """
    prefix = f"verify_{uuid.uuid4().hex[:8]}_"
    address, is_redshift = warehouse_address(settings.warehouse), settings.warehouse.kind == "redshift"
    store = ObjectStore(s3_address(settings.s3))
    # Before everything else, so that a remote that is away is said at once and once.
    _begin(address, f"{prefix}{OPS}", is_redshift=is_redshift)
    say(f"working in the schemas {prefix}…")
    try:
        store.facts(f"load/{prefix}")
        found = _ask(address, f"{prefix}{OPS}", is_redshift=is_redshift)
        with closing(open_warehouse(settings, prefix=prefix)) as warehouse:
            contract = Contract(warehouse, store, f"load/{prefix}")
            try:
                return found + contract.ask()
            finally:
                contract.clean()
    finally:
        _drop(address, prefix, is_redshift=is_redshift)
        say("the schemas are dropped")


def _begin(address: Database, schema: str, *, is_redshift: bool) -> None:
    connect = connect_redshift if is_redshift else connect_postgres
    with translated_psycopg(_SYSTEM), connect(address, autocommit=True) as connection:
        make(connection, f"CREATE SCHEMA {schema}", _SYSTEM, f"the schema {schema}")


def _ask(address: Database, schema: str, *, is_redshift: bool) -> list[Answer]:
    connect = connect_redshift if is_redshift else connect_postgres
    with translated_psycopg(_SYSTEM), connect(address, autocommit=True) as connection:
        if not is_redshift:
            connection.execute("SET timezone TO 'UTC'")
        return ask_server(Desk(connection, schema, is_redshift=is_redshift))


def _drop(address: Database, prefix: str, *, is_redshift: bool) -> None:
    connect = connect_redshift if is_redshift else connect_postgres
    with translated_psycopg(_SYSTEM), connect(address, autocommit=True) as connection:
        for schema in schemas_of(prefix):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
