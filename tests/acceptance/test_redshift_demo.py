"""The main job with the Redshift adapter: `tidegate demo` holds before the stand-in."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.processes import ProcessGroup
from tests.support.builders.waiting import SLOWNESS

pytestmark = [pytest.mark.service, pytest.mark.heavy]


def test_the_demo_holds_before_a_stand_in_for_redshift(parts: ProcessGroup, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    home = parts.folder / "redshift-demo"  # PostgreSQL's user must be able to enter
    command = [sys.executable, "-m", "cli.main", "demo", "--warehouse", "redshift", "--home", str(home)]
    command += ["--rate", "3000", "--seconds", "15", "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400 * SLOWNESS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    figures = json.loads(report.read_text())
    assert figures["holds"]
    assert figures["changes_quarantined"] == 0
