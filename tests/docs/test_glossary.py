"""The glossary is short, gives each word one meaning, and names only words that the code uses."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("schemas", "transforms", "clients", "activities", "workflows", "workers", "api", "cli", "sandbox")
WORDS = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
NAMES = Counter(
    word
    for layer in LAYERS
    for path in (ROOT / layer).rglob("*.py")
    for word in re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path.read_text()).lower())
)


def test_each_word_is_defined_once() -> None:
    assert [word for word, count in Counter(WORDS).items() if count > 1] == []


def test_the_glossary_can_be_read_in_one_sitting() -> None:
    assert 25 <= len(WORDS) <= 35


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_one_that_the_code_uses(word: str) -> None:
    assert NAMES[word] + NAMES[f"{word}s"] > 5
