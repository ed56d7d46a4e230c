"""List the findings of all files, or of those named: `python -m tests.prose [--wrap] [FILE ...]`."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.prose.passages import WIDTH, Kind, long_lines, passages
from tests.prose.rules import findings
from tests.prose.wrap import wrapped

ROOT = Path(__file__).parents[2]
GENERATED = (
    "docs/settings.md",
    "docs/cli.md",
    "docs/api_routes.md",
    "docs/sandbox.md",
    "docs/metrics.md",
    "docs/redshift-standin.md",
)
"""Pages that are made from docstrings, which are checked themselves."""


def files() -> list[Path]:
    """Python and Markdown of the repository, generated files and these rules left out."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    return [
        ROOT / name
        for name in listed
        if not name.startswith(("schemas/eventbus/", "tests/prose/")) and name not in GENERATED
    ]


def problems(path: Path) -> Iterator[str]:
    """Findings and long lines of one file, as `path:line: …`."""
    is_test = path.is_relative_to(ROOT / "tests")
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    for passage in passages(path):
        if is_test and passage.kind is Kind.MESSAGE:
            continue  # data of tests, not read by users
        for found in findings(passage):
            yield f"{shown}:{passage.line}: '{found.found}': write {found.better}"
    for line in long_lines(path):
        yield f"{shown}:{line}: more than {WIDTH} characters: run make format"


def main(arguments: list[str]) -> int:
    """Exit code 1 when anything is found."""
    chosen = [Path(name).resolve() for name in arguments if name != "--wrap"] or files()
    if "--wrap" in arguments:
        for path in chosen:
            path.write_text(wrapped(path.read_text(), path.suffix))
        return 0
    found = [problem for path in chosen for problem in problems(path)]
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
