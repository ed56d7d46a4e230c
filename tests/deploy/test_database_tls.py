"""A database that is not on this machine must prove its name to every driver that we connect
with.
"""

import ssl
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import trustme

from clients.database.address import DatabaseAddress
from clients.database.audit_log import AuditLog
from clients.database.connect import connect_redshift
from clients.database.tls import TlsDemand
from clients.warehouse.postgres import PostgresWarehouse
from schemas.errors import UnavailableError
from tests.deploy.tls_server import tls_in_front_of

pytestmark = pytest.mark.service


@pytest.fixture
def serve(postgres_port: int, database: str) -> Callable[..., DatabaseAddress]:
    """Serves the database with a certificate for a name; gives the address with which an engine
    that trusts `ca` reaches it.

    The name is of another machine, and libpq gets its address: no name server is asked.
    """
    stack = ExitStack()

    def served(certified: str, ca: trustme.CA, trusted: Path) -> DatabaseAddress:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(certified).configure_cert(context)
        port = stack.enter_context(tls_in_front_of(postgres_port, context))
        name = database.rpartition("/")[2]
        # The demand sees the name alone, as it would in a network.
        url = f"postgresql://postgres@db.example:{port}/{name}"
        demand = TlsDemand("verify-full", trusted, "TIDEGATE_WAREHOUSE")
        return DatabaseAddress(lambda: f"{demand.applied(url)}&hostaddr=127.0.0.1")

    with stack:
        yield served


def bundle(ca: trustme.CA, folder: Path, name: str) -> Path:
    path = folder / f"{name}.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


def test_a_server_that_proves_its_name_is_spoken_to_by_every_driver(serve: Callable, tmp_path: Path) -> None:
    ca = trustme.CA()
    address = serve("db.example", ca, bundle(ca, tmp_path, "ours"))
    with closing(PostgresWarehouse(address)) as warehouse, warehouse.transaction() as transaction:
        assert transaction.fetch("SELECT 1") == [(1,)]
    with closing(AuditLog(address)) as log:
        log.ensure_tables()
        assert log.rows() == []
    with connect_redshift(address) as connection:
        assert connection.info.pgconn.ssl_in_use


@pytest.mark.parametrize("lie", ["another name", "another authority"])
def test_a_server_that_does_not_is_refused_by_every_driver(serve: Callable, tmp_path: Path, lie: str) -> None:
    ca, other = trustme.CA(), trustme.CA()
    named = "evil.example" if lie == "another name" else "db.example"
    address = serve(named, ca, bundle(ca if lie == "another name" else other, tmp_path, "trusted"))
    refused = pytest.raises(UnavailableError, match="certificate")
    with closing(PostgresWarehouse(address)) as warehouse, refused, warehouse.transaction():
        pass
    with closing(AuditLog(address)) as log, pytest.raises(UnavailableError, match="certificate"):
        log.ensure_tables()
