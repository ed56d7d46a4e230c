"""The generated pages are what the code gives, and leave nothing undescribed."""

import re

import pytest

from tests.docs.pages import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_code_gives(name: str) -> None:
    assert PAGES[name]() == (DOCS / name).read_text(), "run: make docs"


@pytest.mark.parametrize(("name", "column"), [("settings.md", 3), ("cli.md", -1), ("api_routes.md", 2)])
def test_every_row_of_a_page_says_what_it_means(name: str, column: int) -> None:
    rows = re.findall(r"^\| `.*\|$", PAGES[name](), re.MULTILINE)
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    assert rows
    assert [each for each in cells if not each[column]] == []


def test_every_setting_is_on_the_page() -> None:
    text = PAGES["settings.md"]()
    assert {"TIDEGATE_SALESFORCE__ORG_ID", "TIDEGATE_BUDGETS__MARGIN", "TIDEGATE_LANES"} <= set(
        re.findall(r"TIDEGATE_[A-Z0-9_]+", text)
    )
