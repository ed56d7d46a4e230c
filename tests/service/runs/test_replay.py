"""Recorded histories of every release replay: a changed workflow still understands the runs that
are open when it is deployed.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.histories.record import ALTERED, FOLDER, SCENES, VERSION
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS
from workflows.pinned import of_a_version

GOOD = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.glob("*/*.json"))
"""VERSION/SCENE"""
_OF_A_MACHINE = re.compile(r"@|/home/|/root/|/tmp/|/Users/|127\.0\.0\.1|localhost|site-packages")


def read(name: str) -> WorkflowHistory:
    path = FOLDER / f"{name}.json"
    return WorkflowHistory.from_json(f"replay/{name}", path.read_text())


def replayer(workflows: Sequence[type] = WORKFLOWS) -> Replayer:
    """Configured as `workers.process` configures its workers."""
    return Replayer(
        workflows=workflows, workflow_runner=sandboxed_runner(), data_converter=pydantic_data_converter
    )


def test_every_scene_has_its_history():
    assert {f"{VERSION}/{scene.__name__}" for scene in SCENES} <= set(GOOD)


def test_every_workflow_type_has_a_history():
    types = {
        read(name).events[0].workflow_execution_started_event_attributes.workflow_type.name
        for name in GOOD
        if name.startswith(f"{VERSION}/")
    }
    served = {getattr(workflow, "__temporal_workflow_definition").name for workflow in WORKFLOWS}
    assert types == served


@pytest.mark.parametrize("name", GOOD)
async def test_a_recorded_history_replays(name: str):
    result = await replayer().replay_workflow(read(name), raise_on_replay_failure=False)
    assert result.replay_failure is None


@pytest.mark.parametrize("name", GOOD)
async def test_a_recorded_history_replays_with_workers_of_a_version(name: str):
    served = replayer(of_a_version(WORKFLOWS))
    result = await served.replay_workflow(read(name), raise_on_replay_failure=False)
    assert result.replay_failure is None


async def test_a_history_that_the_workflow_did_not_make_does_not_replay():
    result = await replayer().replay_workflow(read(ALTERED), raise_on_replay_failure=False)
    assert isinstance(result.replay_failure, NondeterminismError)
    assert "decode_batch" in str(result.replay_failure)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.json")), ids=lambda path: path.stem)
def test_a_history_names_no_machine(path: Path):
    assert _OF_A_MACHINE.findall(path.read_text()) == []
