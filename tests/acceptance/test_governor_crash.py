"""The governor's worker, Temporal and the holders of leases are killed: never is more granted than
there is (law 5).
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.ports import free_port
from sandbox.processes import Child, ProcessGroup
from sandbox.temporal import start_temporal
from schemas.governor import LeaseClass
from tests.sandbox.conftest import OrgProcess
from tests.support.builders.waiting import wait_for
from tests.support.engines.local_governor import GREEDY

pytestmark = [pytest.mark.service, pytest.mark.slow]

ALLOWED = 2_000
LIFE = timedelta(seconds=6)
TERMS = GREEDY.model_copy(
    update={"lease_life": LIFE, "read_every": timedelta(seconds=3), "most_at_once": 0.05, "margin": 0.02}
)
MOST = int(ALLOWED * (1 - TERMS.margin))


@dataclass
class Scene:
    """Temporal, an org with a small allocation, the governor's worker, and holders."""

    org: OrgProcess
    group: ProcessGroup
    file: Path
    ports: tuple[int, int]
    temporal: Child
    governor: Child

    def start_temporal(self) -> None:
        port, ui_port = self.ports
        self.temporal = start_temporal(self.group, self.group.folder / "temporal", port=port, ui_port=ui_port)

    def start_governor(self) -> None:
        command = [sys.executable, "-m", "tests.support.processes.governor_process", str(self.file)]
        self.governor = self.group.start("governor", command)

    def start_holder(self, lease_class: LeaseClass) -> Child:
        command = [
            sys.executable,
            "-m",
            "tests.support.processes.lease_holder",
            str(self.file),
            lease_class.value,
        ]
        return self.group.start(f"holder-{lease_class}", command)

    def calls(self) -> int:
        counted: int = self.org.control("GET", "/meters")["api_calls"]["used"]
        return counted

    def refusals(self) -> list[str]:
        logs = [child.log.read_text() for child in self.group.children if child.name.startswith("holder")]
        return [line for log in logs for line in log.splitlines() if line.startswith("REFUSED")]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    org = OrgProcess(tmp_path / "org")
    org.folder.mkdir()
    org.start()
    org.control("POST", "/meters", {"api_calls": {"maximum": ALLOWED}})
    group = ProcessGroup(tmp_path / "logs")
    ports = free_port(), free_port()
    who = org.identity
    where = {
        "temporal": f"127.0.0.1:{ports[0]}",
        "org": org.url,
        "org_id": "00DTg0000000001MAA",
        "client_id": who["client_id"],
        "client_secret": who["client_secret"],
        "terms": TERMS.model_dump_json(),
    }
    file = tmp_path / "where.json"
    file.write_text(json.dumps(where))
    try:
        port, ui_port = ports
        temporal = start_temporal(group, group.folder / "temporal", port=port, ui_port=ui_port)
        command = [sys.executable, "-m", "tests.support.processes.governor_process", str(file)]
        yield Scene(org, group, file, ports, temporal, group.start("governor", command))
    finally:
        group.stop()
        org.end()


def kill(child: Child) -> None:
    child.process.kill()
    child.process.wait()


def test_whoever_is_killed_the_org_never_refuses_and_what_the_dead_held_comes_back(
    scene: Scene,
) -> None:
    first = scene.start_holder(LeaseClass.POLLING)
    scene.start_holder(LeaseClass.WRITEBACK)
    wait_for(lambda: scene.calls() > ALLOWED * 0.1)

    kill(first)
    scene.start_holder(LeaseClass.BACKFILL)
    wait_for(lambda: scene.calls() > ALLOWED * 0.2)

    kill(scene.governor)
    time.sleep(1)
    scene.start_governor()
    wait_for(lambda: scene.calls() > ALLOWED * 0.3)

    kill(scene.temporal)
    time.sleep(1)
    scene.start_temporal()
    wait_for(lambda: scene.calls() > ALLOWED * 0.4)

    # What the leases of the killed cost is made good by the org's own count: it can be spent again.
    wait_for(lambda: scene.calls() >= MOST * 0.7, seconds=120)
    assert scene.refusals() == []
    assert scene.calls() <= MOST
