"""HTTPS beside HTTP, and TLS for gRPC, by a CA of the org's own."""

import json
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from sandbox.org.server.tls import ensure_certificates
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup, wait_until
from schemas.eventbus import pubsub_api_pb2 as wire, pubsub_api_pb2_grpc as service


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, int]]]:
    folder = tmp_path_factory.mktemp("org")
    ports = {name: free_port() for name in ("--port", "--tls-port", "--pubsub-port")}
    group = ProcessGroup(folder / "logs")
    arguments = [text for name, port in ports.items() for text in (name, str(port))]
    child = group.start("org", [sys.executable, "-m", "sandbox.org", "--data", str(folder), *arguments])
    wait_until(lambda: _serves(f"http://127.0.0.1:{ports['--port']}"), child)
    yield folder, ports
    group.stop()


def _serves(url: str) -> bool:
    try:
        return httpx.get(f"{url}/sandbox/health").is_success
    except httpx.HTTPError:
        return False


def _login(url: str, folder: Path, **client) -> dict[str, str]:
    identity = json.loads((folder / "org.json").read_text())
    form = {name: identity[name] for name in ("client_id", "client_secret")}
    with httpx.Client(**client) as http:
        answer = http.post(f"{url}/services/oauth2/token", data={"grant_type": "client_credentials", **form})
        return answer.json()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_client_that_trusts_the_ca_logs_in_over_tls_and_is_told_a_tls_instance(org, host):
    folder, ports = org
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    url = f"https://{host}:{ports['--tls-port']}"
    assert _login(url, folder, verify=context)["instance_url"] == url


def test_a_client_that_does_not_trust_the_ca_is_not_let_in(org):
    folder, ports = org
    with pytest.raises(httpx.ConnectError, match="certificate"):
        _login(f"https://localhost:{ports['--tls-port']}", folder)


def test_a_token_of_one_port_is_good_at_the_other(org):
    folder, ports = org
    token = _login(f"http://127.0.0.1:{ports['--port']}", folder)["access_token"]
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    answer = httpx.get(
        f"https://localhost:{ports['--tls-port']}/services/data/v67.0/limits",
        headers={"Authorization": f"Bearer {token}"},
        verify=context,
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
def test_a_connection_can_be_cut_under_tls(org, kind):
    folder, ports = org
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    rule = {"point": "http", "kind": kind, "times": 1}
    httpx.post(f"http://127.0.0.1:{ports['--port']}/sandbox/faults", json=rule)
    url = f"https://localhost:{ports['--tls-port']}/services/data"
    with httpx.Client(verify=context) as http:
        with pytest.raises(httpx.TransportError):
            http.get(url)
        assert http.get(url).is_success
    assert "ASGI" not in (folder / "logs" / "org.log").read_text()


def test_the_pubsub_api_speaks_tls_with_the_same_ca(org):
    folder, ports = org
    token = _login(f"http://127.0.0.1:{ports['--port']}", folder)["access_token"]
    identity = json.loads((folder / "org.json").read_text())
    credentials = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
    metadata = (
        ("accesstoken", token),
        ("instanceurl", "https://localhost"),
        ("tenantid", identity["org_id"]),
    )
    with grpc.secure_channel(f"localhost:{ports['--pubsub-port']}", credentials) as channel:
        topic = wire.TopicRequest(topic_name="/data/AccountChangeEvent")
        info = service.PubSubStub(channel).GetTopic(topic, metadata=metadata)
    assert info.can_subscribe


def test_certificates_are_made_once(tmp_path):
    first = ensure_certificates(tmp_path)
    before = first.certificate.read_bytes()
    assert ensure_certificates(tmp_path).certificate.read_bytes() == before
    assert first.key.stat().st_mode & 0o077 == 0
