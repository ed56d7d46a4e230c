"""Writes `tests/deploy/calls_of_roles.yaml`: what each role's processes ask of S3 and KMS while a
small engine does everything that it can do in five minutes: `make record-roles`.

The engine has the buckets and keys that Terraform gives it, and a process a role.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from cli.api import local_token
from cli.local.engine_processes import ROLES, settings_of
from cli.local.surge import run_surge, wait_for_followers
from cli.local.up import DELIVERED_EVENTS
from cli.output import say
from sandbox.endpoints import Endpoints
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup, wait_until
from sandbox.stack import running_sandbox
from tests.deploy.roles.deployment import calls_file, make_stores, put_object, with_stores
from tests.deploy.roles.permissions import Deployed, as_yaml
from tests.deploy.roles.recorded_process import recorded
from workers.settings import FILE_VARIABLE

LIST = Path(__file__).parents[1] / "calls_of_roles.yaml"
_HEAD = """\
# What each role's processes were seen to ask of S3 and KMS. Written by `make record-roles`; do not edit.
# A place: a bucket's class with a key prefix, a bucket, or a key. ORG: the deployment's own org.
"""
_BRISK = {
    "cut": {"max_age": "PT1S"},
    "writeback": {"linger": "PT0S"},
    "reconciliation": {"comparison_delay": "PT0S"},
    "audit": {"anchor_every": "PT20S"},
}
_ACTS = (
    ("backfill", "Case", "--reason", "recorded"),
    ("reconcile", "Case", "--depth", "fields", "--settle", "5"),
    ("refresh", "ServiceRequest__c", "--reason", "recorded"),
    ("drift", "--check"),
    ("replay", "--all", "--reason", "recorded"),
    ("replay", "--all", "--shadow", "recorded", "--reason", "recorded"),
    ("keys", "rotate", "--reason", "recorded"),
    ("retention", "run", "--reason", "recorded"),
)
_SECONDS = 180.0


@dataclass
class Engine:
    """The engine under recording."""

    folder: Path
    endpoints: Endpoints
    deployed: Deployed
    token: str
    port: int
    group: ProcessGroup
    trouble: list[str] = field(default_factory=list)

    def program(self, role: str, module: str, *arguments: str) -> list[str]:
        """The command of a recorded process."""
        file = calls_file(self.folder / "calls", role)
        file.parent.mkdir(exist_ok=True)
        file.with_suffix(".json").write_text(json.dumps(asdict(self.deployed)))
        return [
            sys.executable,
            "-m",
            "tests.deploy.roles.recorded_process",
            str(file),
            module,
            *arguments,
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {FILE_VARIABLE: str(self.folder / "settings.json")}

    def start(self) -> None:
        """Migrate, then start every role and the API."""
        # As the owner of the tables; the others have the engine's rights.
        owner = {"TIDEGATE_OPERATIONAL__DSN": self.endpoints.operational.owner_dsn}
        command = self.program("migrate", "cli.main", "migrate")
        migrate = self.group.start("migrate", command, environment=self.environment | owner)
        if migrate.process.wait(_SECONDS) != 0:
            raise RuntimeError(migrate.last_lines(30))
        for role in ROLES:
            command = self.program(role, "cli.main", "worker", "--role", role)
            self.group.start(role, command, environment=self.environment)
        api = self.group.start("api", self.program("api", "api"), environment=self.environment)
        wait_until(lambda: self._answers("/healthz"), api)
        wait_for_followers(self.endpoints, seconds=_SECONDS)

    def act(self, arguments: Sequence[str]) -> None:
        """One command, in a process that is not recorded: it only asks the roles."""
        command = [
            sys.executable,
            "-m",
            "cli.main",
            *arguments,
            "--settings",
            self.environment[FILE_VARIABLE],
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        self.say(f"{' '.join(arguments)}: {done.returncode}", bad=done.returncode not in (0, 5))
        if done.returncode:
            self.say(done.stderr[-600:])

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request to the API."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        answer = httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **more)
        self.say(f"{method} {path}: {answer.status_code}", bad=answer.status_code >= 400)
        return answer

    def say(self, line: str, *, bad: bool = False) -> None:
        """Tell the person who waits; what is bad ends the recording without a list."""
        say(line)
        self.trouble += [line] if bad else []

    def _answers(self, path: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False).is_success
        except httpx.TransportError:
            return False


def do_everything(engine: Engine) -> None:
    """Traffic, each kind of run, writebacks by every way, and a look at everything."""
    run_surge(engine.endpoints, rate=1_200, seconds=8, seed=7)
    for arguments in _ACTS:
        engine.act(arguments)
    _write_back(engine)
    (contact,) = _one(engine, "SELECT record_id FROM curated.contact_current WHERE NOT is_deleted LIMIT 1")
    engine.act(("erase", contact, "--reason", "recorded"))
    paths = engine.ask("GET", "/v1/openapi.json").json()["paths"]
    looks = {path for path, ways in paths.items() if "get" in ways and "{" not in path}
    for path in sorted(looks - {"/v1/plan"}):  # the planner is off
        engine.ask("GET", path)


def _write_back(engine: Engine) -> None:
    (external,) = _one(
        engine,
        "SELECT external_id FROM curated.case_current WHERE external_id IS NOT NULL AND NOT is_deleted LIMIT 1",
    )
    change = {"object": "Case", "external_id": external, "fields": {"DecisionText__c": "Recorded."}}
    engine.ask("POST", "/v1/writebacks?dry_run=true", json={"writebacks": [{**change, "key": "looked"}]})
    engine.ask("POST", "/v1/writebacks", json={"writebacks": [{**change, "key": "one"}]})
    rows = f"external_id,DecisionText__c\n{external},By file.\n{external},{'long' * 20_000}\n"
    key = f"intake/{engine.deployed.org}/local/recorded.csv"
    put_object(engine.endpoints, engine.deployed, "intake", key, rows.encode())
    engine.ask("POST", "/v1/writebacks/files", json={"key": key, "format": "csv", "object": "Case"})
    deadline = time.monotonic() + _SECONDS
    while engine.ask("GET", "/v1/writebacks?state=done").json()["writebacks"] == []:
        if time.monotonic() > deadline:
            engine.say("no writeback was done", bad=True)
            return
        time.sleep(2)


def _one(engine: Engine, query: str) -> Any:
    with psycopg.connect(engine.endpoints.warehouse.dsn, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchone()


def api_log(engine: Engine) -> str:
    """The end of it."""
    return (engine.group.folder / "api.log").read_text(encoding="utf-8")[-4000:]


def record() -> int:
    """Write the list; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="tidegate-roles-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user and must be able to enter
        with running_sandbox(folder, allow={"delivered_events": DELIVERED_EVENTS}) as running:
            deployed, port = make_stores(running.endpoints), free_port()
            token, entry = local_token(folder)
            settings = settings_of(running.endpoints) | {
                "api": {"port": port, "tokens": [entry]},
                "operational": {"dsn": running.endpoints.operational.dsn},
            }
            for part, values in _BRISK.items():
                settings[part] = settings.get(part, {}) | values
            (folder / "settings.json").write_text(json.dumps(with_stores(settings, deployed)))
            group = ProcessGroup(folder / "logs" / "roles")
            engine = Engine(folder, running.endpoints, deployed, token, port, group)
            try:
                engine.start()
                do_everything(engine)
                if engine.trouble:
                    engine.say(api_log(engine))
            finally:
                group.stop()
            roles = (*ROLES, "api", "migrate")
            found = {role: recorded(calls_file(folder / "calls", role)) for role in sorted(roles)}
    if engine.trouble:
        say("\n  ".join(["No list was written:", *engine.trouble]))
        return 1
    LIST.write_text(_HEAD + as_yaml(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(record())
