"""Each workflow ends with the release that began it, or goes over to the next one.
`workflows/pinned.py` lists the former, for workers of a version alone.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion

from schemas import names
from workers.deployment.version import config_of
from workflows import WORKFLOWS
from workflows.pinned import PINNED, of_a_version

PAGE = Path(__file__).parents[3] / "workflows" / "README.md"
SECONDS_LONG = {
    names.CHANGE_BATCH_WORKFLOW,
    names.WRITEBACK_BATCH_WORKFLOW,
    names.WRITEBACK_PREVIEW_WORKFLOW,
}
"""Their runs end within seconds: old workers are needed for no longer."""


def definition(workflow: type) -> Any:
    return getattr(workflow, "__temporal_workflow_definition")


def test_batches_are_pinned_and_everything_else_upgrades() -> None:
    assert {definition(each).name for each in PINNED} == SECONDS_LONG
    default = config_of(WorkerDeploymentVersion("tidegate-o", "1a2b3c4")).default_versioning_behavior
    assert default is VersioningBehavior.AUTO_UPGRADE


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.__name__)
def test_workers_without_a_version_give_no_behaviour(workflow: type) -> None:
    # The server fails every task of a worker without a version that gives one.
    assert definition(workflow).versioning_behavior is VersioningBehavior.UNSPECIFIED


@pytest.mark.parametrize("plain", PINNED, ids=lambda each: each.__name__)
def test_a_pinned_type_is_the_plain_one_in_all_but_its_behaviour(plain: type) -> None:
    ours, theirs = definition(PINNED[plain]), definition(plain)
    assert ours.versioning_behavior is VersioningBehavior.PINNED
    for part in ("name", "signals", "queries", "updates", "arg_types", "ret_type", "sandboxed"):
        assert getattr(ours, part) == getattr(theirs, part), part


def test_a_version_serves_every_type_once() -> None:
    served = [definition(each).name for each in of_a_version(WORKFLOWS)]
    assert served == [definition(each).name for each in WORKFLOWS]


def test_the_page_of_workflows_says_the_same() -> None:
    told = re.findall(
        r"^\| `\w+\.py` \| `([a-z-]+)` \|.*\| (pinned|upgrades) \|$", PAGE.read_text(), re.MULTILINE
    )
    known = {(definition(each).name, "pinned" if each in PINNED else "upgrades") for each in WORKFLOWS}
    assert set(told) == known
