"""Checks of the Terraform files that need no cloud."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.terraform import ROOT, TREE, Terraform, copied, folders

pytestmark = pytest.mark.deploy
_CHECKOV = ROOT / ".venv-clients" / "deploy-checkov" / "bin" / "checkov"


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    return copied(tmp_path_factory.mktemp("terraform"))


def test_every_file_is_formatted(terraform: Terraform) -> None:
    terraform.run(".", "fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("folder", folders())
def test_a_module_is_valid(terraform: Terraform, folder: str) -> None:
    terraform.init(folder)
    assert "valid" in terraform.run(folder, "validate", "-no-color")


def test_checkov_finds_nothing_but_the_exceptions_that_have_a_reason() -> None:
    assert _CHECKOV.exists(), "checkov is not here: `make test-deploy` installs it"
    done = subprocess.run(
        [_CHECKOV, "--config-file", TREE / "checkov.yaml", "--directory", TREE],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def test_every_exception_of_checkov_has_a_reason() -> None:
    text = (TREE / "checkov.yaml").read_text()
    for check in yaml.safe_load(text)["skip-check"]:
        assert re.search(rf"- {check}\s+# \S+", text), f"{check} has no reason"


def test_no_file_names_a_partition_or_a_region() -> None:
    for path in TREE.rglob("*.tf"):
        text = Path(path).read_text()
        assert "arn:aws" not in text, f"{path}: take the partition from aws_partition, GovCloud has another"
        assert not re.search(r'"(us|eu|ap)-[a-z]+-\d"', text), f"{path} names a region"
