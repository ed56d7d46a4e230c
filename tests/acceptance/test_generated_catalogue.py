"""A catalogue that was generated from the sandbox's own org: `tidegate demo` holds with it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.local.engine_processes import EngineProcesses
from cli.output import EXIT_REFUSED
from sandbox.stack import RunningSandbox
from schemas.catalogue import load_catalogue
from tests.support.builders.waiting import SLOWNESS

pytestmark = [pytest.mark.service, pytest.mark.heavy]


def tidegate(*arguments: str, seconds: int = 60) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds * SLOWNESS)
    return done.returncode, done.stdout, done.stderr


def test_the_demo_holds_with_a_catalogue_that_was_generated_from_its_org(
    sandbox: RunningSandbox, engine: EngineProcesses, tmp_path: Path
) -> None:
    state, file = str(sandbox.group.folder.parent), tmp_path / "catalogue.yaml"
    ask = ("catalogue", "generate", "--all-with-cdc", "--history", "Account,Contact", "--home", state)
    code, _, err = tidegate(*ask, "--out", str(file))
    assert code == 0, err
    assert "leased from the governor" in " ".join(err.split())
    assert tidegate(*ask)[1] == file.read_text()
    assert tidegate(*ask, "--out", str(file))[0] == EXIT_REFUSED  # what was decided in it stays
    assert len(yaml.safe_load(file.read_text())["every_object"]) == 5
    made = load_catalogue(file)
    assert any(
        field.is_protected and field.type == "textarea" for field in made.object("Case").fields.values()
    )

    code, out, _ = tidegate("catalogue", "check", "--file", str(file), "--json", "--home", state)
    found: dict[str, Any] = json.loads(out)
    assert (code, found["is_well"], found["differences"]) == (0, True, [])

    engine.stop()  # the demo has processes of its own
    report = tmp_path / "report.json"
    options = ("--catalogue", str(file), "--rate", "12000", "--seconds", "15", "--report", str(report))
    demo = Path(state, "demo")  # PostgreSQL's user must be able to enter
    code, out, err = tidegate("demo", *options, "--home", str(demo), seconds=400)
    assert (code, json.loads(report.read_text())["holds"]) == (0, True), out + err
