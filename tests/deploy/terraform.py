"""Terraform, run in copies of `deploy/terraform/`: nothing is left in the tree."""

import json
import os
import shutil
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
_TIMEOUT = 900


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
        done = subprocess.run(
            [program(), f"-chdir={self.tree / folder}", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"terraform {' '.join(arguments)} in {folder}:\n{said[-4000:]}"
        return done.stdout

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
