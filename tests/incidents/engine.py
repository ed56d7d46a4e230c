"""A small engine of real processes, its remote systems, and the acts that cause an incident.

What an act has stopped, frozen or turned is undone when the test ends, also when it fails.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import yaml

from cli.local.engine_processes import ROLES, EngineProcesses, settings_of
from cli.local.surge import wait_for_followers
from cli.local.up import DELIVERED_EVENTS
from cli.state import settings_file, write_endpoints
from sandbox import objectstore, postgres, temporal
from sandbox.endpoints import Endpoints
from sandbox.processes import Child
from sandbox.stack import OPERATIONAL, WAREHOUSE, RunningSandbox, running_sandbox
from schemas.catalogue import DEFAULT_CATALOGUE
from tests.incidents.look import Look, Told, explained, look
from tests.incidents.org import OrgUnderTest
from tests.incidents.page import command_of
from tests.incidents.seen import Seen
from tests.incidents.shell import Ended, tidegate
from tests.support.builders.waiting import SLOWNESS, wait_for
from tests.support.faults.s3_proxy import Fate, S3Proxy, s3_proxy

NAMED_WITHIN = 60.0
"""Seconds, times `SLOWNESS`, from the cause until the look names it."""
BRISK: Mapping[str, Any] = {
    # What an incident is noticed by comes every few seconds here, and every few minutes elsewhere.
    "budgets": {"read_every": "PT3S"},
    "drift": {"interval": "PT5S"},
    "writeback": {
        "linger": "PT0S",
        "abandoned_call_timeout": "PT3S",
        "change_log_timeout": "PT5S",
        "conflict_policy": {"Case": "wins"},
    },
    "reconciliation": {"comparison_delay": "PT0S"},
    "backfill": {"hung_after": "PT10S"},
    "cut": {"max_age": "PT1S"},
}
_DISK_BYTES = 1_048_576
_SCALED = {
    "Account": ["RiskScore__c"],
    "Case": ["SlaHours__c"],
    "Opportunity": ["Probability", "MatchPercent__c"],
    "ServiceRequest__c": ["Score__c"],
}
"""Numbers with decimal places in the org, and without in the catalogue that ships."""
_TRAFFIC = {"rate_per_minute": 60, "seconds": 86_400, "diffs": 0.0, "seed": 15}


@dataclass
class RunningEngine:
    """The engine and its sandbox, shared by a module's tests."""

    sandbox: RunningSandbox
    processes: EngineProcesses
    folder: Path
    undo: ExitStack = field(default_factory=ExitStack)
    """Of the present test."""
    seen: Seen = field(default_factory=lambda: Seen("before the first test"))
    """By the present test."""
    door: S3Proxy | None = None
    """In front of S3 and KMS; None: the engine reaches them itself."""

    def __post_init__(self) -> None:
        self.org = OrgUnderTest(self.endpoints, self.undo)

    @property
    def endpoints(self) -> Endpoints:
        return self.sandbox.endpoints

    @property
    def settings(self) -> Path:
        return settings_file(self.folder)

    # What an operator does.

    def tidegate(self, *words: str) -> Ended:
        """A command; the test decides what its exit code means."""
        return tidegate(self.settings, *words)

    def runbook(self, anchor: str, *more: str, **names: str) -> Ended:
        """The command of the runbook's entry, its names in capitals filled in."""
        return self.tidegate(*command_of(anchor, **names), *more)

    def look(self) -> Look:
        return look(self.settings)

    def wait_for_problem(self, code: str, subject: str | None = None) -> Told:
        """The problem, once the look names it."""
        seen: list[Look] = []
        began = time.monotonic()

        def is_named() -> bool:
            seen[:] = [self.look()]
            return seen[0].find(code, subject) is not None

        wait_for(is_named, seconds=NAMED_WITHIN, why=lambda: f"no {code} {subject or ''} in\n{seen[0].said}")
        told = seen[0].find(code, subject)
        assert told is not None
        assert seen[0].code != 0, "a problem that needs somebody ends with another code"
        self.seen.name(code, began)
        return told

    def wait_for_notice(self, code: str, subject: str) -> Told:
        """The problem on the page of `tidegate status`, of any severity."""
        found: list[Told] = []
        began = time.monotonic()

        def is_there() -> bool:
            found[:] = [
                each for each in explained(self.settings) if (each.code, each.subject) == (code, subject)
            ]
            return bool(found)

        wait_for(is_there, seconds=NAMED_WITHIN, why=lambda: f"no {code} {subject} on the page")
        self.seen.name(code, began)
        return found[0]

    def has_notice(self, code: str) -> bool:
        """True when the page of `tidegate status` has it."""
        return any(each.code == code for each in explained(self.settings))

    def wait_until_clean(self, *, seconds: float = NAMED_WITHIN) -> None:
        """Return when nobody has to act."""
        seen: list[Look] = []
        began = time.monotonic()

        def is_clean() -> bool:
            seen[:] = [self.look()]
            return seen[0].is_clean

        wait_for(is_clean, seconds=seconds, why=lambda: f"it is not clean again:\n{seen[0].said}")
        self.seen.clean(began)

    # What goes wrong.

    def worker(self, role: str) -> Child:
        """The process of a role."""
        return next(each for each in self.processes.group.children if each.name == f"worker-{role}")

    def stop_worker(self, role: str) -> None:
        """End a role's process in order; it is started again at the end."""
        child = self.worker(role)
        child.stop()
        self.processes.group.discard(child)
        self.undo.callback(self._ensure_worker, role)

    def freeze_worker(self, role: str) -> Child:
        """SIGSTOP: the process is there and does nothing."""
        child = self.worker(role)
        self.undo.callback(self.thaw_worker, child)
        child.process.send_signal(signal.SIGSTOP)
        return child

    def start_worker(self, role: str) -> None:
        """`tidegate worker --role …`, as a process that ends with the module."""
        self.processes.start_role(role)

    def end_worker(self, child: Child) -> None:
        """Kill one process, frozen or not."""
        child.process.kill()
        child.process.wait()
        self.processes.group.discard(child)

    def start_as_in_the_runbook(self, anchor: str, role: str, **names: str) -> None:
        """Start the process that the entry names; it ends with the module."""
        command = [sys.executable, "-m", "cli.main", *command_of(anchor, **names)]
        environment = {"TIDEGATE_SETTINGS": str(self.settings)}
        self.processes.group.start(f"worker-{role}", command, environment=environment)

    def restart_workers(self, *roles: str) -> None:
        """End workers in order and start them again: they read the catalogue when they start."""
        for role in roles:
            child = self.worker(role)
            child.stop()
            self.processes.group.discard(child)
            self.start_worker(role)

    def restart_lane(self, lane: str) -> None:
        """Have the lane try at once."""
        self.tidegate("lane", "pause", lane)
        self.tidegate("lane", "resume", lane)

    def freeze_part(self, name: str) -> None:
        """SIGSTOP a remote system: it accepts connections and does not answer."""
        child = self._part(name)
        assert child is not None
        self.undo.callback(self.thaw_part, name)
        child.process.send_signal(signal.SIGSTOP)

    def thaw_part(self, name: str) -> None:
        """Let it go on."""
        child = self._part(name)
        assert child is not None
        child.process.send_signal(signal.SIGCONT)

    def stop_part(self, name: str) -> None:
        """End temporal, postgres, s3 or salesforce; it is started again at the end."""
        child = self._part(name)
        assert child is not None
        self.undo.callback(self.start_part, name)
        child.stop()
        self.sandbox.group.discard(child)

    def start_part(self, name: str) -> None:
        """Start it on its state and its port; nothing when it runs."""
        if self._part(name) is not None:
            return
        group = self.sandbox.group
        if name == "postgres":
            port = _port(self.endpoints.warehouse.dsn.rpartition("/")[0])
            databases = (WAREHOUSE, OPERATIONAL)
            postgres.start_postgres(group, self.folder / "postgres", port=port, databases=databases)
        elif name == "s3":
            port = _port(self.endpoints.s3.endpoint_url)
            objectstore.start_objectstore(group, self.folder / "s3", port=port)
        elif name == "temporal":
            ui = self.endpoints.temporal.ui_url
            port = _port(self.endpoints.temporal.address)
            temporal.start_temporal(group, self.folder / "temporal", port=port, ui_port=_port(ui))
        else:
            raise AssertionError(name)

    def _part(self, name: str) -> Child | None:
        return next((each for each in self.sandbox.group.children if each.name == name), None)

    @contextmanager
    def warehouse(self) -> Iterator[psycopg.Connection]:
        """A connection of somebody with too many rights."""
        with psycopg.connect(self.endpoints.warehouse.dsn, autocommit=True) as connection:
            yield connection

    def open_rereads(self) -> int:
        """Rows of `ops.reread` that are not closed."""
        with self.warehouse() as connection:
            found = connection.execute("SELECT count(*) FROM ops.reread WHERE closed_at IS NULL").fetchone()
        return int(found[0]) if found else 0

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The warehouse's temporary tables are on a disk without room, as all its tables would
        be.
        """
        with _mounted(self.folder / "full") as disk, self.warehouse() as connection:
            shutil.chown(disk, postgres.SERVER_USER)
            connection.execute(f"CREATE TABLESPACE full_disk LOCATION '{disk}'".encode())
            (disk / "ballast").write_bytes(b"0" * _DISK_BYTES)
            try:
                connection.execute("ALTER DATABASE warehouse SET temp_tablespaces = 'full_disk'")
                _end_sessions(connection)
                yield
            finally:
                connection.execute("ALTER DATABASE warehouse RESET temp_tablespaces")
                _end_sessions(connection)
                (disk / "ballast").unlink(missing_ok=True)
                connection.execute("DROP TABLESPACE full_disk")

    def change_catalogue(self, object_name: str, field_name: str, spec: Mapping[str, Any]) -> None:
        """As an engineer does; the workers read it when they start."""
        path = self.folder / "catalogue.yaml"
        catalogue = yaml.safe_load(path.read_text(encoding="utf-8"))
        catalogue["objects"][object_name]["fields"][field_name] = dict(spec)
        path.write_text(yaml.safe_dump(catalogue, sort_keys=False))

    def change_secret(self, secret: str) -> None:
        """Give the engine another consumer secret; workers read it when they start. It is set right
        at the end.
        """
        right = self.endpoints.salesforce.client_secret
        if secret != right:
            self.undo.callback(self.change_secret, right)
        settings = json.loads(self.settings.read_text())
        settings["salesforce"]["client_secret"] = secret
        self.settings.write_text(json.dumps(settings))

    def kms(self) -> Any:
        """The key's administrator."""
        s3 = self.endpoints.s3
        return boto3.client(
            "kms",
            endpoint_url=s3.endpoint_url,
            region_name=s3.region,
            aws_access_key_id=s3.access_key,
            aws_secret_access_key=s3.secret_key,
        )

    def disable_key(self) -> None:
        """Nobody can use the key, until `enable_key` or the end of the test."""
        self.undo.callback(self.enable_key)
        self.kms().disable_key(KeyId=self._key_id())

    def enable_key(self) -> None:
        self.kms().enable_key(KeyId=self._key_id())

    def _key_id(self) -> str:
        alias = self.endpoints.s3.kms_key_id
        aliases = self.kms().list_aliases()["Aliases"]
        return next(str(each["TargetKeyId"]) for each in aliases if each["AliasName"] == alias)

    def _ensure_worker(self, role: str) -> None:
        if not any(each.name == f"worker-{role}" for each in self.processes.group.children):
            self.start_worker(role)

    def thaw_worker(self, child: Child) -> None:
        """Let a frozen process go on, if it is still there."""
        if child.is_running():
            child.process.send_signal(signal.SIGCONT)

    def hang(self, *, method: str, path: str) -> None:
        """Requests to S3 and KMS of that method, whose path has `path` in it, get no answer, until
        `let_go` or the end of the test.
        """
        assert self.door is not None
        self.undo.callback(self.let_go)
        self.door.decide = lambda asked, at: Fate.HANG if asked == method and path in at else Fate.PASS

    def let_go(self) -> None:
        """End the hanging; what hung fails."""
        assert self.door is not None
        self.door.decide = lambda *_: Fate.PASS

    # Between tests.

    def settle(self) -> None:
        """Undo what the test has caused, whatever it was."""
        self.undo.close()


@contextmanager
def _mounted(folder: Path) -> Iterator[Path]:
    """A small disk of its own; skips where this user may not mount one."""
    folder.mkdir()
    options = f"size={_DISK_BYTES}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk that can be filled")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _end_sessions(connection: psycopg.Connection) -> None:
    """Have everybody else connect again."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = 'warehouse' AND pid <> pg_backend_pid()"
    )


def _port(address: str) -> int:
    return int(address.rstrip("/").rpartition(":")[2])


def write_engine_settings(folder: Path, endpoints: Endpoints, **more: Any) -> None:
    """The settings of an engine that notices within seconds, with a catalogue that fits the org."""
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text(yaml.safe_dump(fitting_catalogue(), sort_keys=False))
    path = settings_file(folder)
    path.touch(mode=0o600)
    path.write_text(json.dumps({**settings_of(endpoints), **BRISK, "catalogue": str(catalogue), **more}))


def fitting_catalogue() -> dict[str, Any]:
    """The one that ships, with what the sandbox org has otherwise: a look is clean without it."""
    found: dict[str, Any] = yaml.safe_load(DEFAULT_CATALOGUE.read_text(encoding="utf-8"))
    objects = found["objects"]
    for name, scaled in _SCALED.items():
        for each in scaled:
            objects[name]["fields"][each]["scale"] = 2
    rule = {"pattern": "(?!Forbidden).*", "severity": {"pattern": "reject"}}
    objects["Case"]["fields"]["Subject"] |= rule
    objects["Account"]["fields"]["BillingCity"] |= rule
    objects["Case"]["hold_above"] = 5
    return found


@contextmanager
def running_engine(
    *, allow: Mapping[str, int] | None = None, lanes: int = 1, has_door: bool = False, **more: Any
) -> Iterator[RunningEngine]:
    """Sandbox and engine, following, with some traffic; all of it ends when it is left.

    Args:
        allow: Allocations of the org.
        lanes: Followers that are waited for.
        has_door: Whether S3 and KMS stand behind a door that a test can close.
        more: Groups of settings.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-incidents-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's own user must be able to enter
        allowed = {"delivered_events": DELIVERED_EVENTS, **(allow or {})}
        with running_sandbox(folder, allow=allowed) as sandbox, ExitStack() as doors:
            write_endpoints(folder, sandbox.endpoints)
            s3 = sandbox.endpoints.s3
            door = doors.enter_context(s3_proxy(_port(s3.endpoint_url))) if has_door else None
            if door is not None:
                more["s3"] = s3.model_copy(update={"endpoint_url": door.url}).model_dump()
            write_engine_settings(folder, sandbox.endpoints, **more)
            processes = EngineProcesses(folder / "logs" / "engine", settings_file(folder), restart=False)
            engine = RunningEngine(sandbox, processes, folder, door=door)
            try:
                for role in ROLES:
                    processes.start_role(role)
                if lanes:
                    wait_for_followers(sandbox.endpoints, seconds=NAMED_WITHIN * SLOWNESS)
                engine.org.ask("POST", "traffic", _TRAFFIC)
                yield engine
            finally:
                engine.settle()
                for child in processes.group.children:
                    child.process.send_signal(signal.SIGCONT)
                processes.stop()
