"""`tidegate --version`: the release, and the commit where it is known."""

import json
import os
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from schemas.settings.deployment import COMMIT_VARIABLE

_ROOT = Path(__file__).parents[1]
_GIT_SECONDS = 5.0


def version_text() -> str:
    """The line that `--version` prints, such as `tidegate 0.1.0, commit 1a2b3c4`; without the
    commit when it is not known.
    """
    try:
        version = distribution("tidegate").version
    except PackageNotFoundError:
        version = "(version unknown: not installed)"
    commit = commit_of_this_code()
    return f"tidegate {version}" + ("" if commit is None else f", commit {commit}")


def commit_of_this_code() -> str | None:
    """The commit: from the environment, else from the checkout, else from pip's record of the
    installation. None = not known.
    """
    return os.environ.get(COMMIT_VARIABLE) or _of_checkout(_ROOT) or _of_installation()


def _of_checkout(root: Path) -> str | None:
    """Short hash, with `-dirty` when files were changed since. git is asked in a checkout only."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None


def _of_installation() -> str | None:
    """The commit that pip noted when it installed from a repository (PEP 610)."""
    try:
        record = distribution("tidegate").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    commit: str | None = json.loads(record or "{}").get("vcs_info", {}).get("commit_id")
    return commit
