"""Run the tests, and those few that failed once more, alone.

Hundreds of tests start real servers beside each other. A test that fails there and passes alone may
be unsteady, or the product may have a race. Both are worth a look, and neither says that the rest
is broken. Such a test is named at the end, with its first failure above it.

    python -m tests.whole_run --again 3 [arguments of pytest]
"""

import argparse
import subprocess
import sys

import pytest


class Failures:
    """The failures of a run, as its controller sees them."""

    def __init__(self) -> None:
        self.failed: dict[str, None] = {}
        """Tests by id, in the order in which they failed."""
        self.is_whole = True
        """False when a process died: then the tests that it had left were not run."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed[report.nodeid] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.is_whole = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self) -> None:
        self.is_whole = False


def run(arguments: list[str], again: int) -> int:
    """Exit code of pytest: of the second run, where there is one.

    Args:
        arguments: For pytest.
        again: How many failed tests are run once more. More than that are a fault of the product
            and not of chance. 0 = none.
    """
    seen = Failures()
    code = int(pytest.main(arguments, plugins=[seen]))
    failed = list(seen.failed)
    if code != pytest.ExitCode.TESTS_FAILED or not seen.is_whole or not 0 < len(failed) <= again:
        return code
    _tell(f"Running {len(failed)} failed tests once more, alone:", failed)
    alone = ["-m", "", "--numprocesses", "0", *failed]
    if second := subprocess.run([sys.executable, "-m", "pytest", *alone], check=False).returncode:
        return second
    _tell("UNSTEADY: failed beside the others, passed alone. Repair them:", failed)
    return 0


def _tell(sentence: str, tests: list[str]) -> None:
    sys.stdout.write("\n" + "\n  ".join([sentence, *tests]) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.whole_run", description=__doc__)
    parser.add_argument("--again", type=int, default=0, help="how many failed tests are run once more")
    known, arguments = parser.parse_known_args()
    raise SystemExit(run(arguments, known.again))


if __name__ == "__main__":
    main()
