"""A sandbox process that dies is named and started again."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from cli.local.watch import watching
from sandbox.processes import Child, ProcessGroup
from tests.support.builders.waiting import wait_for


def has_come_up(child: Child, times: int) -> bool:
    """True when its program has run so often."""
    return child.log.read_text().count("up") >= times


def test_a_process_that_is_killed_is_named_and_started_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = ProcessGroup(tmp_path)
    try:
        child = group.start(
            "s3", [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
        )
        with watching(group):
            for number in range(2):
                wait_for(partial(has_come_up, child, number + 1))
                child.process.kill()
                child.process.wait()
            wait_for(partial(has_come_up, child, 3))
        # The kernel would end it with the watcher's thread, had that thread been its parent.
        with pytest.raises(subprocess.TimeoutExpired):
            child.process.wait(0.5)
        said = " ".join(capsys.readouterr().err.split())  # lines are wrapped
        assert said.count("s3 ended and is started again") == 2
    finally:
        group.stop()


def test_a_process_that_ended_before_it_was_watched_is_not_left_down(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path)
    try:
        child = group.start("once", [sys.executable, "-c", "print('up', flush=True)"])
        child.process.wait()
        with watching(group):
            wait_for(partial(has_come_up, child, 2))
    finally:
        group.stop()
