"""`tidegate deployment`: versions on the page, and what is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from cli.deployment.output import deployment_page
from cli.main import command_app
from clients.temporal.task_queues import QUEUES
from schemas import names
from schemas.deployment import DeploymentStatus, VersionStatus
from schemas.errors import SettingsError
from tests.unit.test_settings import whole

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)


def page(found: DeploymentStatus) -> str:
    console = Console(width=160, highlight=False)
    with console.capture() as told:
        console.print(deployment_page(found))
    return told.get()


def test_a_version_is_a_line_with_its_workers_by_role_and_its_pinned_runs() -> None:
    whole_set = dict.fromkeys(QUEUES, 2) | {names.ORG_QUEUE: 1}
    old = VersionStatus(build_id="old", state="current", began_at=BEGAN, pollers=whole_set, pinned_runs=1_234)
    new = VersionStatus(build_id="new", state="ramping", began_at=BEGAN)
    text = page(
        DeploymentStatus(
            name="tidegate-o", current="old", ramping="new", ramp_percentage=10, versions=(new, old)
        )
    )
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["tidegate-o"]
    assert rows[2] == ["new", "ramping,", "10", "%", "2026-11-30", "12:00", "0", "0", "0", "0", "0"]
    assert rows[3] == ["old", "current", "2026-11-30", "12:00", "1", "2", "2", "2", "1,234"]


def test_a_deployment_that_no_worker_has_joined_says_so() -> None:
    assert "no worker has joined tidegate-o" in page(DeploymentStatus(name="tidegate-o"))


def test_an_engine_without_versions_has_none_to_show(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(whole()))
    found = CliRunner().invoke(command_app("deployment"), ["deployment", "show", "--settings", str(file)])
    assert isinstance(found.exception, SettingsError)
    assert "TIDEGATE_DEPLOYMENT__ON=true" in str(found.exception)
