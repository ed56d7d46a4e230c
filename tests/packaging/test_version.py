"""`tidegate --version` names the commit only where it is known."""

import subprocess
from pathlib import Path

import pytest

from cli import version
from schemas.settings.deployment import COMMIT_VARIABLE


def test_a_folder_that_is_no_checkout_has_no_commit(tmp_path: Path) -> None:
    assert version._of_checkout(tmp_path) is None


def test_a_checkout_names_its_commit_and_whether_files_were_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=n@invalid", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "-m", "one")
    commit = git("rev-parse", "--short", "HEAD")
    assert version._of_checkout(tmp_path) == commit
    (tmp_path / "file").write_text("two")
    assert version._of_checkout(tmp_path) == f"{commit}-dirty"


def test_an_image_names_its_commit_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMIT_VARIABLE, "1a2b3c4")
    assert version.version_text().endswith(", commit 1a2b3c4")
