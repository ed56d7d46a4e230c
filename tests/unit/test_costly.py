"""No proof of a law waits for `make test-costly`, and the list of costly tests is true."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.costly import COSTLY, is_costly

ROOT = Path(__file__).parents[2]


def laws_of(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each law of a page's table, with the test files and folders that the table names for it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for law, row in re.findall(r"^\| (\d+) (.*)$", text, re.MULTILINE):
        yield law, [f"tests/{name}" for name in re.findall(r"`([a-z_]+/[a-z_0-9/.]*)`", row)]


LAWS = [*laws_of("README.md"), *laws_of("docs/architecture.md")]


def test_no_file_of_the_laws_is_costly() -> None:
    files = [f"tests/laws/{each.name}" for each in (ROOT / "tests/laws").glob("test_*.py")]
    assert len(files) > 25
    assert [name for name in files if is_costly(name)] == []


@pytest.mark.parametrize(("law", "names"), LAWS)
def test_each_law_has_a_proof_in_make_test(law: str, names: list[str]) -> None:
    assert not all(map(is_costly, names)), f"law {law}"


@pytest.mark.parametrize("name", sorted({*COSTLY, *(name for _, names in LAWS for name in names)}))
def test_each_name_is_a_file_or_a_folder(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(COSTLY))
def test_each_row_of_the_list_says_something(name: str) -> None:
    assert is_costly(name) != is_costly(Path(name).parent.as_posix())
