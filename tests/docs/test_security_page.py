"""The page about security names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
FOLDERS = ("", "tests", "tests/service", "tests/service/api")
"""From where the page's tables name a test."""


def test_every_test_that_the_page_about_security_names_is_there() -> None:
    named = set(re.findall(r"`([\w/]*test_\w+\.py)`", PAGE.read_text()))
    assert len(named) > 20
    assert {each for each in named if not any((ROOT / at / each).is_file() for at in FOLDERS)} == set()
