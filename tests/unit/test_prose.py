"""The checker of the project's English finds what it should, and wrapping changes no meaning."""

import ast
import re
from pathlib import Path

import pytest

from tests.prose.__main__ import files, problems
from tests.prose.passages import WIDTH, Kind, Passage
from tests.prose.rules import findings
from tests.prose.wrap import wrapped

LONG = "Read the rows of a part, " * 6


def found_in(text: str, kind: Kind = Kind.DOCSTRING) -> list[str]:
    return [finding.found.lower() for finding in findings(Passage(Path("a.py"), 1, text, kind))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Read the object anew.", "anew"),
        ("Kept for ever.", "for ever"),
        ("Ten at the most.", "at the most"),
        ("The governor is told.", "is told"),
        ("What a call costs.", "what"),
        ("Sent by whoever asks.", "whoever"),
    ],
)
def test_an_unused_wording_is_found(text: str, found: str) -> None:
    assert found in found_in(text)


@pytest.mark.parametrize(
    "text", ["Read the object again.", "The cost of a call.", "What does a call cost?", "Do what it says."]
)
def test_a_usual_wording_is_no_finding(text: str) -> None:
    assert found_in(text) == []


def test_a_clause_as_subject_is_a_finding_in_docstrings_alone() -> None:
    assert found_in("What a call costs.", Kind.MESSAGE) == []


def test_wrapping_changes_layout_and_nothing_else() -> None:
    source = f'"""{LONG}\n\n- {LONG}\n"""\n\n\ndef read() -> int:\n    """{LONG}"""\n    # {LONG}\n    return 1  # {LONG}\n'
    made = wrapped(source, ".py")
    assert max(map(len, made.splitlines())) <= WIDTH
    assert sorted(re.findall(r"\w+", made)) == sorted(re.findall(r"\w+", source))
    assert [type(node) for node in ast.walk(ast.parse(made))] == [
        type(node) for node in ast.walk(ast.parse(source))
    ]
    assert wrapped(made, ".py") == made


def test_tables_and_code_of_a_page_stay() -> None:
    page = f"{LONG}\n\n| {LONG} |\n\n```\n{LONG}\n```\n"
    made = wrapped(page, ".md")
    assert f"| {LONG} |" in made
    assert f"```\n{LONG}\n```" in made
    assert len(made.splitlines()[0]) <= WIDTH


def test_the_repository_has_no_findings() -> None:
    assert [problem for path in files() for problem in problems(path)] == []
