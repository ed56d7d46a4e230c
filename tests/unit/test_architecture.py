"""The pages of the front door name files that are there, and show the arrows that the imports have.

`python -m tests.unit.test_architecture` writes the arrows into docs/architecture.md.
"""

import re
import textwrap
from pathlib import Path

import pytest

from tests.unit.test_rooms import CAPABILITIES, OURS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- arrows: made by `python -m tests.unit.test_architecture` -->\n", "<!-- end of arrows -->"
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/quickstart.md",
    "docs/limits.md",
]
FOLDERS = "|".join(sorted({*OURS, "docs"}))
MENTION = re.compile(rf"\b(?:{FOLDERS})/[\w./-]*\w(?:\.py|\.yaml|\.md|\.lark|/)")
LAW_TEST = re.compile(r"`((?:laws|acceptance)/\w+\.py)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def arrows_table() -> str:
    """A row a capability that imports others, by layer."""
    rows = [
        f"| `{layer}` | {capability} | {', '.join(sorted(others))} |"
        for layer, capabilities in CAPABILITIES.items()
        for capability, others in sorted(capabilities.items())
        if others
    ]
    alone = [
        textwrap.fill(
            f"In `{layer}` these import none: {', '.join(sorted(name for name, others in capabilities.items() if not others))}.",
            width=100,
        )
        for layer, capabilities in CAPABILITIES.items()
    ]
    told = textwrap.fill(" ".join(alone), 100, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["| layer | capability | imports |", "|---|---|---|", *rows, "", told, ""])


def with_arrows(page: str) -> str:
    """The page with the present arrows between its two marks."""
    head, rest = page.split(BEGIN)
    return head + BEGIN + arrows_table() + END + rest.split(END)[1]


def test_the_page_shows_the_arrows_between_capabilities_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_arrows(page) == page, "run: python -m tests.unit.test_architecture"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in MENTION.findall(text) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_every_test_that_shows_a_law_is_there(page: str) -> None:
    named = set(LAW_TEST.findall((ROOT / page).read_text(encoding="utf-8")))
    assert len(named) > 10
    assert {name for name in named if not (ROOT / "tests" / name).exists()} == set()


def test_a_law_test_is_named_where_the_laws_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    laws = {int(path.name.split("_")[2]) for path in (ROOT / "tests" / "laws").glob("test_law_*.py")}
    assert {law for law in laws if f"laws/test_law_{law}_" not in page} == set()


def test_a_file_that_is_gone_would_be_seen() -> None:
    assert MENTION.findall("see `clients/gone.py` and tests/laws/ and docs/gone.md") == [
        "clients/gone.py",
        "tests/laws/",
        "docs/gone.md",
    ]


if __name__ == "__main__":
    PAGE.write_text(with_arrows(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
