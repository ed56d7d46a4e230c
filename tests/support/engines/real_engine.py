"""A whole sandbox with an engine of real processes, an API and a receiver of spans."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import sqlalchemy as sa

from cli.api import new_token
from cli.local.engine_processes import EngineProcesses, settings_of
from cli.local.surge import READY_SECONDS, wait_for_followers
from cli.local.up import DELIVERED_EVENTS
from cli.state import settings_file
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK
from sandbox.endpoints import Endpoints
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from schemas.security.access import CallerRole
from tests.support.builders.waiting import SLOWNESS, wait_for
from tests.support.processes.otlp_receiver import Receiver, otlp_receiver

_TARGETS = "metrics.json"
"""The file with the addresses where the processes serve metrics."""


@dataclass
class RealEngine:
    """The engine as its callers and operators see it."""

    endpoints: Endpoints
    processes: EngineProcesses
    url: str
    tokens: dict[str, str]
    """Role -> token."""
    received: Receiver
    folder: Path

    @property
    def org(self) -> str:
        """The org's id."""
        return self.endpoints.salesforce.org_id

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.folder / "logs" / "engine"

    def ask(self, method: str, path: str, role: str = "operator", **more: Any) -> httpx.Response:
        """A request with a token of the role; "" sends none."""
        headers = dict(more.pop("headers", {}))
        headers |= {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        url = f"{self.url}{path}"
        return httpx.request(method, url, headers=headers, timeout=10 * SLOWNESS, trust_env=False, **more)

    def submit(self, items: list[dict[str, Any]], **headers: str) -> None:
        """Hand in writebacks until they are accepted."""

        def is_accepted() -> bool:
            try:
                answer = self.ask(
                    "POST", "/v1/writebacks", "writer", json={"writebacks": items}, headers=headers
                )
            except httpx.HTTPError:
                return False
            return answer.status_code == httpx.codes.ACCEPTED

        wait_for(is_accepted, every=0.5)

    def settle_writebacks(self, *, seconds: float = 90) -> None:
        """Wait until no writeback is under way."""
        query = sa.select(sa.func.count()).where(WRITEBACK.c.state.in_(["waiting", "open"]))
        with closing(WritebackStore(self.endpoints.operational.dsn)) as store:

            def is_settled() -> bool:
                with store.begin() as connection:
                    return connection.execute(query).scalar_one() == 0

            wait_for(is_settled, seconds=seconds, every=0.5)

    def control(self, path: str, body: Any) -> None:
        """A request to the org's control plane; raises for a refusal."""
        url = f"{self.endpoints.salesforce.control_url}/{path}"
        httpx.post(url, json=body, trust_env=False).raise_for_status()

    def fault(self, **rule: Any) -> None:
        """Script a fault of the org."""
        self.control("faults", rule)

    def scrape(self) -> dict[str, str]:
        """The metrics of every process, and of its Temporal SDK, as Prometheus reads them."""
        groups = orjson.loads((self.folder / _TARGETS).read_bytes())
        addresses = [address for group in groups for address in group["targets"]]
        return {
            each: httpx.get(f"http://{each}/metrics", trust_env=False).raise_for_status().text
            for each in addresses
        }

    def create(self, object_name: str, body: dict[str, Any]) -> str:
        """Create a record as a user of the org; returns its id."""
        org = self.endpoints.salesforce
        with httpx.Client(base_url=org.instance_url, trust_env=False) as http:
            form = {"client_id": org.client_id, "client_secret": org.client_secret}
            grant = http.post("/services/oauth2/token", data={"grant_type": "client_credentials", **form})
            token = grant.raise_for_status().json()["access_token"]
            answer = http.post(
                f"/services/data/v{org.api_version}/sobjects/{object_name}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )
        return str(answer.raise_for_status().json()["id"])

    def warehouse(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with psycopg.connect(self.endpoints.warehouse.dsn) as connection:
            return connection.execute(query.encode()).fetchall()

    def kill(self, name: str) -> None:
        """SIGKILL a process, which is started again."""
        child = next(each for each in self.processes.group.children if each.name == name)
        child.process.kill()
        child.process.wait()

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of every process; what a command prints is no log line."""
        return [orjson.loads(line) for line in self.output().splitlines() if line.startswith(b"{")]

    def output(self) -> bytes:
        """Everything that the processes wrote."""
        return b"".join(file.read_bytes() for file in sorted(self.logs.glob("*.log")))


@contextmanager
def real_engine(**settings: Any) -> Iterator[RealEngine]:
    """Start it, with more settings; it follows the org when this returns."""
    with (
        otlp_receiver() as receiver,
        tempfile.TemporaryDirectory(prefix="tidegate-engine-") as name,
    ):
        folder, port = Path(name), free_port()
        # The PostgreSQL server runs as another user and must be able to enter.
        folder.chmod(0o755)
        tokens = {str(role): new_token(str(role), role) for role in CallerRole}
        with running_sandbox(folder, allow={"delivered_events": DELIVERED_EVENTS}) as sandbox:
            given = settings_of(sandbox.endpoints) | {
                "api": {"port": port, "tokens": [entry for _, entry in tokens.values()]},
                "writeback": {"linger": "PT1S", "settled_after": "PT8S", "patience": "PT20S"},
                "telemetry": {"endpoint": receiver.url, "sample_pages": 1, "sample_reads": 1},
            }
            settings_file(folder).touch(mode=0o600)
            settings_file(folder).write_text(json.dumps(given | settings))
            metrics = folder / _TARGETS
            processes = EngineProcesses(
                folder / "logs" / "engine", settings_file(folder), metrics_file=metrics
            )
            processes.start()
            processes.start_api()
            try:
                wait_for_followers(sandbox.endpoints, seconds=READY_SECONDS * SLOWNESS)
                yield RealEngine(
                    sandbox.endpoints,
                    processes,
                    f"http://127.0.0.1:{port}",
                    {role: token for role, (token, _) in tokens.items()},
                    receiver,
                    folder,
                )
            finally:
                processes.stop()
