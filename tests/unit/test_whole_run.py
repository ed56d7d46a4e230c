"""A test that fails beside others and passes alone is named, and does not hide another failure."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
UNSTEADY = """
from pathlib import Path

def test_of_chance():
    seen = Path("{name}")
    is_first = not seen.exists()
    seen.touch()
    assert not is_first
"""
BROKEN = "def test_broken():\n    assert False\n"
DEATH = "import os\ndef test_death():\n    os._exit(3)\n"


def whole_run(folder: Path, again: int, **files: str) -> tuple[int, str]:
    """Exit code and output of a run over test files of these texts."""
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text.replace("{name}", f"{name}.seen"))
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "tests.whole_run", "--again", str(again), "-q", "-n", "1"]
    command += ["--max-worker-restart", "0", f"--rootdir={folder}"]
    plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist"}
    environment = {"PYTHONPATH": str(ROOT), **plugins}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_test_that_passes_alone_is_named_as_unsteady(tmp_path: Path) -> None:
    code, said = whole_run(tmp_path, 1, chance=UNSTEADY)
    assert code == 0
    assert "UNSTEADY" in said
    assert said.rstrip().endswith("test_chance.py::test_of_chance")


def test_a_test_that_fails_alone_too_is_a_failure(tmp_path: Path) -> None:
    code, said = whole_run(tmp_path, 2, chance=UNSTEADY, broken=BROKEN)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "UNSTEADY" not in said


@pytest.mark.parametrize("again", [0, 1])
def test_more_failures_than_are_allowed_are_not_run_again(tmp_path: Path, again: int) -> None:
    code, said = whole_run(tmp_path, again, chance=UNSTEADY, other=UNSTEADY)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "once more" not in said


def test_a_run_whose_process_died_is_a_failure(tmp_path: Path) -> None:
    code, said = whole_run(tmp_path, 3, death=DEATH, chance=UNSTEADY)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "once more" not in said
