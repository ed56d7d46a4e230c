"""The engine connects to a Temporal that asks for TLS, for a client certificate, or for an API key;
and takes new ones without a restart.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import trustme
from pydantic import ValidationError
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from clients.temporal.connection import Spoken, TemporalAddress, connect, following_credentials
from schemas.errors import SettingsError, UnavailableError
from schemas.settings.services import TemporalSettings
from tests.support.builders.waiting import until
from tests.support.temporal_front import Front, temporal_front
from workers.addresses import temporal_address

pytestmark = pytest.mark.service
SPOKEN = Spoken(pydantic_data_converter)
QUEUE = "tls"


@workflow.defn(name="hello", sandboxed=False)
class Hello:
    @workflow.run
    async def run(self) -> str:
        return "hello"


class Authority:
    """A certificate authority, and files of what it has signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.server = self.ca.issue_cert("localhost")

    def issue(self, name: str = "client") -> tuple[Path, Path]:
        """A client's certificate and key, in files."""
        made = self.ca.issue_cert(f"{name}@example.org")
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        made.cert_chain_pems[0].write_to_path(str(cert))
        made.private_key_pem.write_to_path(str(key))
        return cert, key

    def credentials(self, *, mutual: bool) -> grpc.ServerCredentials:
        """Of the server."""
        pair = (self.server.private_key_pem.bytes(), self.server.cert_chain_pems[0].bytes())
        ca = self.ca.cert_pem.bytes() if mutual else None
        return grpc.ssl_server_credentials([pair], ca, require_client_auth=mutual)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def says_hello(client: Client) -> str:
    async with Worker(client, task_queue=QUEUE, workflows=[Hello]):
        result: str = await client.execute_workflow(
            "hello", id=f"tls-{uuid.uuid4().hex}", task_queue=QUEUE, result_type=str
        )
    return result


@asynccontextmanager
async def front(
    temporal: str, authority: Authority, *, mutual: bool, key: str | None = None
) -> AsyncIterator[Front]:
    async with temporal_front(temporal, authority.credentials(mutual=mutual), api_key=key) as served:
        yield served


async def test_tls_with_an_authority_of_ones_own(temporal_address: str, authority: Authority) -> None:
    async with front(temporal_address, authority, mutual=False) as served:
        where = TemporalAddress(served.address, "default", ca_file=authority.ca_file)
        assert await says_hello(await connect(where, SPOKEN)) == "hello"


async def test_a_server_of_another_authority_is_refused(
    temporal_address: str, authority: Authority, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with front(temporal_address, authority, mutual=False) as served:
        where = TemporalAddress(served.address, "default", ca_file=Authority(other).ca_file)
        with pytest.raises(UnavailableError, match="certificate"):
            await connect(where, SPOKEN)


async def test_a_client_certificate_opens_a_server_that_asks_for_one(
    temporal_address: str, authority: Authority
) -> None:
    cert, key = authority.issue()
    async with front(temporal_address, authority, mutual=True) as served:
        bare = TemporalAddress(served.address, "default", ca_file=authority.ca_file)
        with pytest.raises(UnavailableError):
            await connect(bare, SPOKEN)
        assert await says_hello(await connect(replace(bare, cert_file=cert, key_file=key), SPOKEN)) == "hello"


async def test_a_new_certificate_is_taken_without_a_restart(
    temporal_address: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's authority changes; then only the new certificate opens it."""
    monkeypatch.setattr("clients.temporal.connection.LOOK_EVERY", 0.1)
    cert, key = authority.issue()
    async with front(temporal_address, authority, mutual=True) as served:
        where = TemporalAddress(
            served.address, "default", ca_file=authority.ca_file, cert_file=cert, key_file=key
        )
        client = await connect(where, SPOKEN)
        before = client.service_client
        renewed: list[bool] = []
        async with following_credentials(client, where, SPOKEN, lambda: renewed.append(True)):
            authority.issue()  # into the same files

            async def is_renewed() -> bool:
                return bool(renewed)

            await until(is_renewed)
        assert client.service_client is not before
        assert await says_hello(client) == "hello"


async def test_a_worker_goes_on_over_the_new_connection(
    temporal_address: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.temporal.connection.LOOK_EVERY", 0.1)
    cert, key = authority.issue()
    async with front(temporal_address, authority, mutual=True) as served:
        where = TemporalAddress(
            served.address, "default", ca_file=authority.ca_file, cert_file=cert, key_file=key
        )
        client = await connect(where, SPOKEN)
        worker = Worker(client, task_queue=QUEUE, workflows=[Hello])
        renewed: list[bool] = []

        def renew() -> None:
            worker.client = client
            renewed.append(True)

        async with worker, following_credentials(client, where, SPOKEN, renew):
            authority.issue()

            async def is_renewed() -> bool:
                return bool(renewed)

            await until(is_renewed)
            run = client.execute_workflow("hello", id=uuid.uuid4().hex, task_queue=QUEUE, result_type=str)
            assert await run == "hello"


async def test_an_api_key_is_sent_and_a_new_one_is_taken_from_its_file(
    temporal_address: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.temporal.connection.LOOK_EVERY", 0.1)
    file = tmp_path / "api-key"
    file.write_text("first\n")
    async with front(temporal_address, authority, mutual=False, key="first") as served:
        where = TemporalAddress(served.address, "default", ca_file=authority.ca_file, api_key_file=file)
        client = await connect(where, SPOKEN)
        assert await says_hello(client) == "hello"
        async with following_credentials(client, where, SPOKEN, lambda: None):
            file.write_text("second\n")
            served.api_key = "second"

            async def is_taken() -> bool:
                return client.api_key == "second"

            await until(is_taken)
        assert await says_hello(client) == "hello"


async def test_an_unknown_api_key_says_where_it_was_refused(
    temporal_address: str, authority: Authority
) -> None:
    async with front(temporal_address, authority, mutual=False, key="first") as served:
        where = TemporalAddress(served.address, "default", ca_file=authority.ca_file, api_key="wrong")
        with pytest.raises(UnavailableError, match="localhost"):
            await connect(where, SPOKEN)


async def test_a_file_that_is_missing_is_named() -> None:
    where = TemporalAddress("localhost:1", "default", ca_file=Path("/nowhere/ca.pem"))
    with pytest.raises(SettingsError, match=r"/nowhere/ca\.pem"):
        await connect(where, SPOKEN)


def test_half_of_a_pair_is_refused_in_the_settings() -> None:
    with pytest.raises(ValidationError, match="go together"):
        TemporalSettings(cert_file=Path("client.pem"))
    with pytest.raises(ValidationError, match="twice"):
        TemporalSettings.model_validate({"api_key": "a", "api_key_file": "b"})


def test_settings_say_how_to_connect() -> None:
    given = TemporalSettings.model_validate(
        {"address": "a:1", "namespace": "n", "api_key": "k", "server_name": "s"}
    )
    where = temporal_address(given)
    assert (where.present_key(), where.server_name, where.namespace) == ("k", "s", "n")
    assert "k" not in repr(where).replace("key", "")
