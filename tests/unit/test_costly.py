"""No proof of a law waits for `make test-costly`, and the list of costly tests is true."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.costly import COSTLY, is_costly

ROOT = Path(__file__).parents[2]


def files_of_laws() -> Iterator[str]:
    """Test files and folders that the two tables of laws name, by path."""
    for page in ("README.md", "docs/architecture.md"):
        rows = re.findall(r"^\| \d+ .*$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        for row in rows:
            yield from (f"tests/{name}" for name in re.findall(r"`([a-z_]+/[a-z_0-9/.]*)`", row))


def test_no_test_of_a_law_is_costly() -> None:
    laws = {
        *files_of_laws(),
        *(f"tests/laws/{each.name}" for each in (ROOT / "tests/laws").glob("test_*.py")),
    }
    assert len(laws) > 25
    assert [name for name in sorted(laws) if is_costly(name)] == []


@pytest.mark.parametrize("name", sorted({*COSTLY, *files_of_laws()}))
def test_each_name_is_a_file_or_a_folder(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(COSTLY))
def test_each_row_of_the_list_says_something(name: str) -> None:
    assert is_costly(name) != is_costly(Path(name).parent.as_posix())
