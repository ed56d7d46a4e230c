"""Branch coverage of the engine by tests/unit: `make coverage`. A number by layer, and no gate.

Only the unit tests are measured: 5,346 of them took some five minutes of processor time under
Python 3.11's tracer, and the tests with real parts would mostly measure the servers that they
wait for.
"""

import subprocess
import sys
from collections import Counter

import coverage

from tests.mutants.rooms import ROOT

LAYERS = ("schemas", "transforms", "clients", "activities", "workflows", "workers", "api", "cli")
_DATA = ROOT / "var" / "coverage"
_LEFT_OUT = (
    "tests/unit/test_prose.py", "tests/unit/workflows/test_contracts.py", "tests/unit/cli/test_imports.py",
)  # fmt: skip
"""They start interpreters, in which nothing is measured."""


def main() -> int:
    """The tests' exit code."""
    _DATA.mkdir(parents=True, exist_ok=True)
    code = subprocess.run(
        [
            *(sys.executable, "-m", "coverage", "run", "--branch", f"--source={','.join(LAYERS)}"),
            *("--data-file", str(_DATA / "data"), "-m", "pytest", "-q", "-p", "no:xdist", "tests/unit"),
            *(f"--ignore={each}" for each in _LEFT_OUT),
            *sys.argv[1:],
        ],
        cwd=ROOT,
        check=False,
    ).returncode
    watch = coverage.Coverage(data_file=str(_DATA / "data"), branch=True)
    watch.load()
    sys.stdout.write(_table(watch))
    return code


def _table(watch: coverage.Coverage) -> str:
    counts: dict[str, Counter[str]] = {layer: Counter() for layer in (*LAYERS, "all")}
    # The console's templates have code of their own, which their engine compiles: it is no Python.
    for file in (each for each in watch.get_data().measured_files() if each.endswith(".py")):
        layer = file.removeprefix(f"{ROOT}/").partition("/")[0]
        numbers = watch._analyze(file).numbers  # the API gives lines alone
        for key in (layer, "all"):
            counts[key].update(
                lines=numbers.n_statements,
                hit=numbers.n_executed,
                branches=numbers.n_branches,
                taken=numbers.n_executed_branches,
            )
    rows = [
        f"| {name} | {_share(n['hit'], n['lines'])} | {_share(n['taken'], n['branches'])} |"
        for name, n in counts.items()
    ]
    return "\n".join(["| layer | lines % | branches % |", "|---|--:|--:|", *rows]) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


if __name__ == "__main__":
    sys.exit(main())
