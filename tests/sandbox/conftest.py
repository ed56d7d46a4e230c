"""An org as a real process, and a bare CometD client that shows what is on the wire."""

import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from sandbox.org.auth.routes import routes as auth_routes
from sandbox.org.auth.sessions import Sessions
from sandbox.org.data.identity import load_identity
from sandbox.org.data.store import DATABASE_FILE, Store
from sandbox.org.rest.service import RestService
from sandbox.org.server.app import build_app
from sandbox.org.server.rest_routes import routes as rest_routes
from sandbox.org.state.org import Org
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup, wait_until
from schemas.catalogue import default_catalogue
from tests.sandbox.org_in_process import http_client
from tests.support.builders.waiting import SLOWNESS


class OrgProcess:
    """One org process over a folder; `start` again after `kill` goes on where it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._group = ProcessGroup(folder / "logs")
        self.url = ""
        self._token: str | None = None

    def start(self) -> None:
        port = free_port()
        command = [sys.executable, "-m", "sandbox.org", "--port", str(port), "--data", str(self.folder)]
        child = self._group.start("org", command)
        self.url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _serves(self.url), child)

    def kill(self) -> None:
        child = self._group.children[-1]
        child.process.send_signal(signal.SIGKILL)
        child.process.wait()

    def stop(self) -> int:
        """Stop in order; returns the exit status."""
        child = self._group.children[-1]
        child.process.send_signal(signal.SIGTERM)
        return child.process.wait(10 * SLOWNESS)

    def end(self) -> None:
        self._group.stop()

    @property
    def identity(self) -> dict[str, str]:
        return json.loads((self.folder / "org.json").read_text())

    def grant(self, **form: str) -> httpx.Response:
        return httpx.post(f"{self.url}/services/oauth2/token", data=form, timeout=20 * SLOWNESS)

    @property
    def headers(self) -> dict[str, str]:
        if self._token is None:
            who = self.identity
            form = {"client_id": who["client_id"], "client_secret": who["client_secret"]}
            self._token = self.grant(grant_type="client_credentials", **form).json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def rest(self, method: str, path: str, body: object = None) -> httpx.Response:
        url = f"{self.url}/services/data/v67.0{path}"
        return httpx.request(method, url, json=body, headers=self.headers, timeout=20 * SLOWNESS)

    def control(self, method: str, path: str, body: object = None) -> dict:
        answer = httpx.request(method, f"{self.url}/sandbox{path}", json=body, timeout=20 * SLOWNESS)
        answer.raise_for_status()
        return answer.json()

    def cometd(self, *messages: dict, version: str = "/67.0", headers: dict | None = None) -> list[dict]:
        chosen = self.headers if headers is None else headers
        return httpx.post(
            f"{self.url}/cometd{version}", json=list(messages), headers=chosen, timeout=20 * SLOWNESS
        ).json()

    def handshake(self) -> str:
        """Shake hands and make the first connect; returns the client id."""
        offer = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}
        client_id = self.cometd(offer)[0]["clientId"]
        self.connect(client_id)
        return client_id

    def connect(self, client_id: str) -> list[dict]:
        message = {
            "channel": "/meta/connect",
            "clientId": client_id,
            "connectionType": "long-polling",
            "id": "7",
        }
        return self.cometd(message)

    def subscribe(self, client_id: str, channel: str, replay: int) -> dict:
        message = {"channel": "/meta/subscribe", "clientId": client_id, "subscription": channel}
        return self.cometd({**message, "ext": {"replay": {channel: replay}}})[0]

    def events(self, replay: int = -2, channel: str = "/data/ChangeEvents") -> list[dict]:
        """The `data` of every event after a position that one connect brings."""
        client_id = self.handshake()
        assert self.subscribe(client_id, channel, replay)["successful"]
        return [message["data"] for message in self.connect(client_id) if "data" in message]


def _serves(url: str) -> bool:
    try:
        return httpx.get(f"{url}/sandbox/health").is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def new_org(tmp_path: Path) -> Iterator[Callable[[], OrgProcess]]:
    """Start an org of one's own, for tests that stop it or change its limits."""
    made: list[OrgProcess] = []

    def start() -> OrgProcess:
        made.append(OrgProcess(tmp_path))
        made[-1].start()
        return made[-1]

    yield start
    for process in made:
        process.end()


@pytest.fixture(scope="module")
def org_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrgProcess]:
    """One org for all tests of a module that only add to it."""
    process = OrgProcess(tmp_path_factory.mktemp("org"))
    process.start()
    yield process
    process.end()


@pytest.fixture(scope="session")
def identity_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new org, with one RSA key for all tests. The key and the tables are half of what a start
    costs.
    """
    folder = tmp_path_factory.mktemp("identity")
    Store(folder, default_catalogue(), load_identity(folder), "enterprise").close()
    return folder


@pytest.fixture
def org(identity_folder: Path, tmp_path: Path) -> Iterator[Org]:
    """An org in this process."""
    identity = load_identity(identity_folder)
    shutil.copy(identity_folder / DATABASE_FILE, tmp_path)
    store = Store(tmp_path, default_catalogue(), identity, "enterprise")
    yield Org(store, identity, "enterprise")
    store.close()


@pytest.fixture
async def client(org: Org) -> AsyncIterator[httpx.AsyncClient]:
    """A REST client of `org`, logged in."""
    sessions = Sessions(org)
    app = Starlette(routes=[*auth_routes(org, sessions), *rest_routes(RestService(org))])
    app.state.sessions = sessions
    token = sessions.open(org.identity.user_id, "test").token
    headers = {"Authorization": f"Bearer {token}", "X-PrettyPrint": "1"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://org", headers=headers) as found:
        yield found


@pytest.fixture
async def http(org: Org) -> AsyncIterator[httpx.AsyncClient]:
    """A client of everything that `org` serves, logged in."""
    async with http_client(build_app(org), org) as found:
        yield found
