"""A database's password is rotated while the engine runs: its next connections use the new one."""

import json
import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from clients.database.audit_log import AuditLog
from clients.secrets import SECRETS
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.status_look import WarehouseLook
from schemas.errors import CredentialsRejectedError, UnavailableError
from schemas.ingest.messages import Act
from schemas.settings.services import OperationalSettings, WarehouseSettings
from tests.deploy.conftest import FIRST_PASSWORD, USER, Guarded
from workers.addresses import operational_address, warehouse_address

pytestmark = pytest.mark.service


class Rotation:
    """The secret of a database user, and the user's password."""

    def __init__(self, server: Guarded, secrets: Any) -> None:
        self.server, self.secrets, self.name = server, secrets, f"tidegate/db-{uuid.uuid4().hex[:8]}"
        self.secrets.create_secret(Name=self.name, SecretString=self._value(FIRST_PASSWORD))

    def rotate(self, password: str) -> None:
        """As RDS does: the database first, then the secret; sessions are ended, as by a
        failover.
        """
        self.change(password)
        self.secrets.put_secret_value(SecretId=self.name, SecretString=self._value(password))

    def change(self, password: str) -> None:
        with psycopg.connect(self.server.owner("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {USER} PASSWORD '{password}'".encode())
            connection.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'".encode()
            )

    def parts(self, database: str) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.server.port,
            "database": database,
            "user": f"secretsmanager:{self.name}#username",
            "password": f"secretsmanager:{self.name}#password",
        }

    def _value(self, password: str) -> str:
        return json.dumps({"username": USER, "password": password})


@pytest.fixture
def rotation(guarded: Guarded, aws: Any) -> Any:
    made = Rotation(guarded, aws("secretsmanager"))
    yield made
    made.change(FIRST_PASSWORD)
    SECRETS.forget()


def test_the_warehouse_goes_on_with_the_new_password(rotation: Rotation, guarded_database: str) -> None:
    settings = WarehouseSettings(**rotation.parts(guarded_database))
    with (
        closing(PostgresWarehouse(warehouse_address(settings))) as warehouse,
        closing(WarehouseLook(warehouse_address(settings))) as look,
    ):
        with warehouse.transaction() as transaction:
            assert transaction.fetch("SELECT 1") == [(1,)]
        look.ask()
        rotation.rotate("second")
        with pytest.raises(UnavailableError), warehouse.transaction() as transaction:
            transaction.fetch("SELECT 1")  # the session that was ended
        with warehouse.transaction() as transaction:
            assert transaction.fetch("SELECT 2") == [(2,)]
        look.ask()


def test_the_operational_store_goes_on_with_the_new_password(
    rotation: Rotation, guarded: Guarded, guarded_database: str
) -> None:
    with closing(AuditLog(guarded.owner(guarded_database))) as owner:
        owner.ensure_tables()
    with psycopg.connect(guarded.owner(guarded_database)) as connection:
        connection.execute(f"GRANT SELECT, INSERT ON audit_log TO {USER}".encode())
    settings = OperationalSettings(**rotation.parts(guarded_database))
    with closing(AuditLog(operational_address(settings))) as log:
        log.append(Act(act="pause", by="ada", target="lane", detail="", at=datetime.now(UTC)))
        rotation.rotate("third")
        log.append(Act(act="resume", by="ada", target="lane", detail="", at=datetime.now(UTC)))
        assert [act.act for _, act in log.rows()] == ["pause", "resume"]


def test_a_password_that_the_secret_does_not_know_yet_is_refused_by_name(
    rotation: Rotation, guarded_database: str
) -> None:
    address = warehouse_address(WarehouseSettings(**rotation.parts(guarded_database)))
    with closing(PostgresWarehouse(address)) as warehouse:
        rotation.change("unknown")
        with pytest.raises(CredentialsRejectedError, match="TIDEGATE_WAREHOUSE"), warehouse.transaction():
            pass
        rotation.rotate("known")
        with warehouse.transaction() as transaction:
            assert transaction.fetch("SELECT 1") == [(1,)]
