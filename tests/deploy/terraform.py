"""Terraform, run in copies of `deploy/terraform/`: nothing is left in the tree."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TREE = ROOT / "deploy" / "terraform"
MIRROR = os.environ.get("TIDEGATE_TERRAFORM_MIRROR", "")
"""A folder of providers, for machines that cannot reach a registry. Empty = Terraform's own
ways.
"""
_MOST_SECONDS = 240.0
"""Of one command. `apply` takes 75 to 100 on two shared cores."""


def program() -> str:
    """Where Terraform is, or OpenTofu."""
    found = shutil.which("terraform") or shutil.which("tofu")
    assert found, "terraform is not here: put Terraform 1.6 or newer, or OpenTofu, on PATH"
    return found


@dataclass(frozen=True)
class Terraform:
    """One copy of the tree, and the folder of providers that its modules share."""

    tree: Path

    def run(self, folder: str, *arguments: str) -> str:
        """The output of a command in a folder of the tree; the test fails with it when it fails."""
        with subprocess.Popen(
            [program(), f"-chdir={self.tree / folder}", *arguments],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            stdout, stderr, ended = _ended(process)
        said = f"terraform {' '.join(arguments)} in {folder} {ended}:\n{(stdout + stderr)[-4000:]}"
        assert process.returncode == 0, said
        return stdout

    def init(self, folder: str) -> None:
        self.run(folder, "init", "-backend=false", "-input=false", "-no-color")

    def outputs(self, folder: str) -> dict[str, Any]:
        """Name -> value."""
        shown = json.loads(self.run(folder, "output", "-json"))
        return {name: each["value"] for name, each in shown.items()}

    def _environment(self) -> dict[str, str]:
        cache = self.tree.parent / "providers"
        cache.mkdir(exist_ok=True)
        settings = {"TF_PLUGIN_CACHE_DIR": str(cache), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        if MIRROR:
            file = self.tree.parent / "terraform.rc"
            file.write_text(
                f'provider_installation {{\n  filesystem_mirror {{\n    path = "{MIRROR}"\n  }}\n}}\n'
            )
            settings["TF_CLI_CONFIG_FILE"] = str(file)
        return {**os.environ, **settings}


def _ended(process: "subprocess.Popen[str]") -> tuple[str, str, str]:
    """Stdout, stderr and how it ended. A command that hangs is killed with its providers."""
    try:
        return *process.communicate(timeout=_MOST_SECONDS), "failed"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return *process.communicate(), f"did not end within {_MOST_SECONDS:.0f} s"


def copied(folder: Path) -> Terraform:
    """A copy of `deploy/` in `folder`, so that relative paths between its parts hold."""
    shutil.copytree(
        ROOT / "deploy",
        folder / "deploy",
        ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__"),
    )
    return Terraform(folder / "deploy" / "terraform")


def folders() -> list[str]:
    """Every module and example, from the tree's top."""
    return sorted(
        str(each.relative_to(TREE)) for group in ("modules", "examples") for each in (TREE / group).iterdir()
    )
