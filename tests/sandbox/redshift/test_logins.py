"""How a session begins: passwords by two methods, temporary logins, TLS, start parameters."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import boto3
import psycopg
import pytest
import trustme
from botocore.exceptions import ClientError

from clients.database.iam import iam_login
from sandbox import objectstore
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from sandbox.redshift import launch

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def secure(
    tmp_path_factory: pytest.TempPathFactory, postgres_port: int, s3_port: int
) -> Iterator[tuple[launch.RedshiftPorts, Path]]:
    """A stand-in that requires TLS and gives temporary logins; its authority's file."""
    folder = tmp_path_factory.mktemp("redshift")
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    group = ProcessGroup(folder)
    ports = launch.RedshiftPorts(free_port(), postgres_port, s3_port, free_port())
    launch.start_redshift(group, ports, options=["--require-tls"], certificate=folder / "own.pem")
    yield ports, folder / "ca.pem"
    group.stop()


def connected(dsn: str, **options: object) -> psycopg.Connection:
    return psycopg.connect(dsn, client_encoding="utf8", prepare_threshold=None, **options)  # type: ignore[arg-type]


def test_a_wrong_password_is_refused(redshift_database: str):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connected(redshift_database.replace(launch.PASSWORD, "wrong"))


def test_an_unknown_user_is_refused_as_a_wrong_password_is(redshift_database: str):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connected(redshift_database.replace(launch.USER, "stranger"))


def test_libpq_does_not_know_method_13(redshift_database: str):
    with pytest.raises(psycopg.OperationalError, match="authentication method 13 not supported"):
        connected(redshift_database.replace(launch.USER, launch.DIGEST_USER))


def test_an_unknown_database_is_refused(redshift_database: str):
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connected(redshift_database + "x")


def test_an_unknown_start_parameter_is_refused(redshift_port: int):
    body = b"user\0awsuser\0database\0dev\0nonsense\x001\0\0"
    with socket.create_connection(("127.0.0.1", redshift_port), timeout=10) as client:
        client.sendall(struct.pack("!ii", len(body) + 8, 196_608) + body)
        answer = client.recv(1_000)
    assert answer[:1] == b"E"
    assert b"unrecognized configuration parameter" in answer


def test_the_server_reports_what_redshift_reports(redshift_database: str):
    names = ("server_version", "server_encoding", "client_encoding", "standard_conforming_strings")
    pgconn = psycopg.pq.PGconn.connect(redshift_database.encode())
    reported = [pgconn.parameter_status(name.encode()) for name in names]
    pgconn.finish()
    assert reported == [b"8.0.2", b"UNICODE", b"UNICODE", None]


def test_tls_is_offered_and_may_be_required(secure: tuple[launch.RedshiftPorts, Path], database: str):
    ports, ca = secure
    dsn = launch.dsn(ports.own, database.rpartition("/")[2]).replace("127.0.0.1", "localhost")
    with connected(dsn, sslmode="verify-full", sslrootcert=str(ca)) as session:
        assert session.pgconn.ssl_in_use
        assert session.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="SSL off"):
        connected(dsn, sslmode="disable")


@pytest.fixture
def aws(secure: tuple[launch.RedshiftPorts, Path], monkeypatch: pytest.MonkeyPatch) -> str:
    """AWS' calls go to the stand-in; its URL."""
    url = f"http://127.0.0.1:{secure[0].api}"
    for name in ("REDSHIFT", "REDSHIFT_SERVERLESS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", objectstore.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", objectstore.SECRET_KEY)
    monkeypatch.setattr("clients.database.iam._CLIENTS", {})
    # boto3 keeps the credentials that it has once found.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    return url


@pytest.mark.parametrize(
    "host",
    [
        f"{launch.CLUSTER}.abc123.us-east-1.redshift.amazonaws.com",
        f"{launch.WORKGROUP}.000000000000.us-east-1.redshift-serverless.amazonaws.com",
    ],
)
def test_a_temporary_login_opens_a_session(
    secure: tuple[launch.RedshiftPorts, Path], database: str, aws: str, host: str
):
    ports, ca = secure
    name = database.rpartition("/")[2]
    for _ in range(2):
        login = iam_login(host=host, port=5439, database=name, user=None, is_redshift=True)
        with psycopg.connect(
            host="localhost", port=ports.own, dbname=name, user=login.user, password=login.password,
            sslmode="verify-full", sslrootcert=str(ca), client_encoding="utf8",
        ) as session:  # fmt: skip
            assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_stranger_gets_no_temporary_login(secure: tuple[launch.RedshiftPorts, Path], aws: str):
    client = boto3.client(
        "redshift", region_name="us-east-1", aws_access_key_id="stranger", aws_secret_access_key="x"
    )
    with pytest.raises(ClientError, match="security token"):
        client.get_cluster_credentials(ClusterIdentifier=launch.CLUSTER, DbUser=launch.USER)
    own = boto3.client("redshift", region_name="us-east-1")
    with pytest.raises(ClientError, match="not found"):
        own.get_cluster_credentials(ClusterIdentifier="another", DbUser=launch.USER)
    assert (
        own.get_cluster_credentials(ClusterIdentifier=launch.CLUSTER, DbUser=launch.USER)["DbUser"]
        == "IAM:awsuser"
    )
