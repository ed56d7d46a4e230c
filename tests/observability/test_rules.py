"""Prometheus itself reads the rules, and every alert fires when it must and only then."""

import subprocess
from pathlib import Path

import pytest

from tests.observability.prometheus import DEPLOY, ROOT, program

pytestmark = pytest.mark.observability


def run(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [program(name), *arguments], cwd=DEPLOY, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid() -> None:
    run("promtool", "check", "rules", "rules.yml")


def test_every_alert_fires_in_its_case_and_is_silent_in_the_other() -> None:
    run("promtool", "test", "rules", "rules.test.yml")


def test_the_examples_are_valid() -> None:
    run("promtool", "check", "config", "prometheus.yml")
    run("amtool", "check-config", "alertmanager.yml")


def test_the_committed_dashboards_are_what_the_generator_writes(tmp_path: Path) -> None:
    folder = DEPLOY / "dashboards"
    before = {file.name: file.read_text() for file in folder.glob("*.json")}
    python = ROOT / ".venv-clients" / "observability" / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "deploy.observability.dashboards", str(tmp_path)],
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    assert {file.name: file.read_text() for file in tmp_path.glob("*.json")} == before
