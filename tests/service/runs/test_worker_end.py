"""A process whose workers do not end is ended: nobody has to kill it."""

import subprocess
import sys

import pytest

from tests.support.builders.waiting import SLOWNESS

pytestmark = pytest.mark.service


def run(program: str) -> "subprocess.CompletedProcess[str]":
    """Run it in a process of its own."""
    program = f"import time\nfrom cli.worker import EndInTime\n{program}\ntime.sleep(3600)"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60 * SLOWNESS, check=False)


def test_a_process_that_hangs_at_its_end_ends_with_the_code_and_says_so() -> None:
    ended = run("EndInTime(0.1).begin(3)")
    assert ended.returncode == 3
    assert "Still at work: no step: a worker of the Temporal SDK does not end" in ended.stderr


def test_a_step_that_waits_in_a_thread_is_named() -> None:
    ended = run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "ThreadPoolExecutor(1, thread_name_prefix='step').submit(lambda: time.sleep(3600))\n"
        "EndInTime(0.1).begin()"
    )
    assert (ended.returncode, "Still at work: step_0 in" in ended.stderr) == (0, True)


def test_a_second_signal_gives_no_more_time_and_no_other_code() -> None:
    ended = run("end = EndInTime(0.1)\nend.begin(3)\nend.begin(4)")
    assert ended.returncode == 3


def test_a_process_whose_workers_have_ended_goes_on() -> None:
    ended = run("end = EndInTime(0.1)\nend.begin(3)\nend.over()\nEndInTime(1).begin(4)")
    assert ended.returncode == 4
