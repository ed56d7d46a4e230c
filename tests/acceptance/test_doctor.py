"""`tidegate doctor` on the sandbox and engine of `tidegate up`: all is well, and a planted fault
ends with exit code 1.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.local.engine_processes import EngineProcesses
from cli.output import EXIT_FAILED
from sandbox.stack import RunningSandbox
from schemas.doctor import Remote
from tests.support.builders.waiting import SLOWNESS
from workers.doctor import examine
from workers.settings import Settings

pytestmark = [pytest.mark.service, pytest.mark.slow]


def doctor(state: Path, *options: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "cli.main", "doctor", "--home", str(state), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 * SLOWNESS)
    return done.returncode, done.stdout, done.stderr


def test_all_is_well_with_a_running_engine_and_the_calls_are_leased(
    sandbox: RunningSandbox, engine: EngineProcesses, settings: Settings
) -> None:
    state = sandbox.group.folder.parent
    code, out, _ = doctor(state, "--json")
    found: dict[str, Any] = json.loads(out)
    assert [each for each in found["findings"] if each["state"] != "ok"] == []
    assert (code, found["is_well"], found["paid_by"]) == (0, True, "lease")
    assert found["org"] == settings.salesforce.org_id
    assert found["calls"] == 3 + len(
        {each["where"] for each in found["findings"] if each["code"] == "salesforce.object"}
    )

    page = doctor(state)
    assert page[0] == 0
    assert page[1].startswith("all is well")

    taken = httpx.patch(
        f"{sandbox.endpoints.salesforce.control_url}/permissions",
        json={"hidden_fields": ["Case.Description"]},
    )
    assert taken.status_code == 200
    code, out, _ = doctor(state, "--only", "salesforce")
    assert code == EXIT_FAILED
    assert out.startswith("NOT well")
    assert "salesforce.field_hidden" in out
    assert "Set Field-Level Security" in out

    assert asyncio.run(examine(settings, [Remote.SALESFORCE])).paid_by == "lease"


def test_settings_that_cannot_be_read_are_a_finding_and_nothing_is_called_good(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"salesforce": {}}')
    code, out, _ = doctor(tmp_path, "--json", "--settings", str(tmp_path / "settings.json"))
    found = json.loads(out)
    assert code == EXIT_FAILED
    assert [each["code"] for each in found["findings"] if each["state"] == "wrong"] == [
        "local.settings_invalid"
    ]
    assert {each["state"] for each in found["findings"]} == {"wrong", "unknown"}
