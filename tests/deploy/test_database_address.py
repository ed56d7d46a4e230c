"""Databases in parts: the URL that is made of them, and the proof that is demanded of the
server.
"""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from clients.database import iam
from clients.database.address import url_of_parts
from clients.database.tls import TlsDemand
from schemas.errors import SettingsError
from schemas.settings.services import DatabaseSettings, WarehouseSettings
from workers.addresses import warehouse_address

ODD = "p@ss:w/rd#1?%&= ü"


def demand(ca_file: Path | None, mode: Any = "verify-full") -> TlsDemand:
    return TlsDemand(mode, ca_file, "TIDEGATE_WAREHOUSE")


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    (tmp_path / "ca's bundle.pem").write_text("x")
    return tmp_path / "ca's bundle.pem"


def test_a_password_of_any_characters_arrives_as_it_is() -> None:
    url = url_of_parts(host="db.example", port=5433, database="a b", user="u@x", password=ODD)
    read = conninfo_to_dict(url)
    assert read == {"host": "db.example", "port": "5433", "dbname": "a b", "user": "u@x", "password": ODD}


def test_an_address_of_ip_6_is_written_in_brackets() -> None:
    url = url_of_parts(host="2001:db8::1", port=5432, database="d", user="u", password=None)
    assert conninfo_to_dict(url)["host"] == "2001:db8::1"


def test_outside_of_this_machine_verify_full_is_demanded(ca: Path) -> None:
    url = demand(ca).applied("postgresql://u:p@db.example/d")
    read = conninfo_to_dict(url)
    assert (read["sslmode"], read["sslrootcert"]) == ("verify-full", str(ca))


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_a_url_that_asks_for_less_is_refused_and_not_quoted(ca: Path, mode: str) -> None:
    with pytest.raises(SettingsError, match=f"sslmode={mode}.*Write sslmode=verify-full") as caught:
        demand(ca).applied(f"postgresql://u:hush@db.example/d?sslmode={mode}")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "", "%2Ftmp", "127.0.0.2"])
def test_this_machine_is_exempt(host: str) -> None:
    url = f"postgresql://u@{host}/d"
    assert demand(None).applied(url) == url


@pytest.mark.parametrize("host", ["localhost.example", "127.0.0.1,db.example", "10.0.0.1"])
def test_a_host_that_only_looks_like_this_machine_is_not_exempt(ca: Path, host: str) -> None:
    assert "sslmode=verify-full" in demand(ca).applied(f"postgresql://u@{host}/d")


def test_tls_that_is_off_leaves_the_url_as_it_is() -> None:
    url = "postgresql://u@db.example/d?sslmode=disable"
    assert demand(None, "off").applied(url) == url


def test_a_missing_bundle_is_named_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.pem.*TIDEGATE_WAREHOUSE__CA_FILE"):
        demand(tmp_path / "none.pem").applied("postgresql://u@db.example/d")


def test_a_text_that_is_no_url_is_not_quoted() -> None:
    with pytest.raises(SettingsError, match="is no connection URL") as caught:
        demand(None).applied("hush hush")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "host, database, user missing"),
        ({"host": "h", "database": "d"}, "user missing"),
        ({"dsn": "postgresql://h/d", "user": "u"}, "user would be ignored beside dsn"),
        ({"dsn": "postgresql://h/d", "auth": "iam"}, "auth iam takes the parts"),
        ({"host": "h", "auth": "iam"}, "database missing"),
    ],
)
def test_a_database_is_given_in_one_way_only(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        DatabaseSettings(**given)


def test_redshift_has_a_port_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"host": "localhost", "database": "d", "user": "u", "password": "p"}
    assert ":5432/" in warehouse_address(WarehouseSettings(**given)).url()
    assert ":5439/" in warehouse_address(WarehouseSettings(**given, kind="redshift")).url()


def test_a_token_of_rds_names_endpoint_and_user_and_is_signed_for_its_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(iam, "_CLIENTS", {})
    host = "db.cluster-abc.us-gov-west-1.rds.amazonaws.com"
    login = iam.iam_login(host=host, port=5432, database="d", user="engine", is_redshift=False)
    assert login.user == "engine"
    assert login.password.startswith(f"{host}:5432/?Action=connect&DBUser=engine&")
    assert "us-gov-west-1%2Frds-db%2Faws4_request" in login.password


def test_iam_at_a_host_that_is_no_endpoint_of_redshift_says_which_form_it_needs() -> None:
    with pytest.raises(SettingsError, match=r"redshift-serverless\.amazonaws\.com"):
        iam.iam_login(host="db.example", port=5439, database="d", user=None, is_redshift=True)


def test_the_url_of_an_address_is_no_part_of_its_repr() -> None:
    settings = WarehouseSettings(host="localhost", database="d", user="u", password="hush")
    assert "hush" not in repr(warehouse_address(settings))
    assert psycopg.conninfo.conninfo_to_dict(warehouse_address(settings).url())["password"] == "hush"
