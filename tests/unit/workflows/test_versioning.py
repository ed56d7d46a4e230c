"""Each workflow says if it ends with the release that began it, or goes over to the next one."""

import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.common import VersioningBehavior

from schemas import names
from workflows import WORKFLOWS

PAGE = Path(__file__).parents[3] / "workflows" / "README.md"
PINNED = {
    names.CHANGE_BATCH_WORKFLOW,
    names.WRITEBACK_BATCH_WORKFLOW,
    names.WRITEBACK_PREVIEW_WORKFLOW,
}
"""They end within seconds: old workers are needed for no longer."""
WORDS = {VersioningBehavior.PINNED: "pinned", VersioningBehavior.AUTO_UPGRADE: "upgrades"}


def definition(workflow: type) -> Any:
    return getattr(workflow, "__temporal_workflow_definition")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.__name__)
def test_batches_are_pinned_and_everything_else_upgrades(workflow: type) -> None:
    found = definition(workflow)
    wanted = VersioningBehavior.PINNED if found.name in PINNED else VersioningBehavior.AUTO_UPGRADE
    assert found.versioning_behavior is wanted


def test_the_page_of_workflows_says_the_same() -> None:
    told = re.findall(
        r"^\| `\w+\.py` \| `([a-z-]+)` \|.*\| (pinned|upgrades) \|$", PAGE.read_text(), re.MULTILINE
    )
    known = {(definition(each).name, WORDS[definition(each).versioning_behavior]) for each in WORKFLOWS}
    assert set(told) == known
