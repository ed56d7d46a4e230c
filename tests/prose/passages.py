"""Collect the prose of a file: docstrings, comments and messages of Python, paragraphs of Markdown."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

WIDTH = 100
"""Characters of the longest line of prose. Code lines may have 110: the formatter owns them."""
PRAGMA = re.compile(r"#\s*(noqa|type:|pragma|ruff|fmt:|mypy:|!)")
_COLUMNS = re.compile(r"\S   +\S|[├└│]")
_LINK = re.compile(r"https?://\S{60,}|\]\([^)]{40,}\)")


class Kind(StrEnum):
    """Where a passage stands."""

    DOCSTRING = "docstring"
    COMMENT = "comment"
    MESSAGE = "message"
    """A string with a blank in it: a help text, an error, a line of output."""
    PAGE = "page"
    """A line of Markdown outside code."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of prose and its place."""

    path: Path
    line: int
    """Of its first line, from 1."""
    text: str
    kind: Kind


def passages(path: Path) -> Iterator[Passage]:
    """The prose of one file, in no certain order; of Markdown one passage a line."""
    source = path.read_text()
    if path.suffix == ".md":
        yield from _of_page(path, source)
        return
    yield from _of_strings(path, ast.parse(source))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not PRAGMA.match(token.string):
            yield Passage(path, token.start[0], token.string.lstrip("# "), Kind.COMMENT)


def long_lines(path: Path) -> Iterator[int]:
    """Numbers of the lines of prose over `WIDTH` characters; tables, code and long links may be longer."""
    lines = path.read_text().splitlines()
    prose = _lines_of_page(lines) if path.suffix == ".md" else _lines_of_code(path, lines)
    for number in sorted(prose):
        line = lines[number - 1]
        is_table = line.lstrip().startswith(("|", "# ")) and path.suffix == ".md"
        if len(line) > WIDTH and not is_table and not _LINK.search(line) and not _COLUMNS.search(line):
            yield number


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Strings that are statements: docstrings, and the descriptions below fields."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value


def _of_strings(path: Path, tree: ast.Module) -> Iterator[Passage]:
    described = {id(node) for node in docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            kind = Kind.DOCSTRING if id(node) in described else Kind.MESSAGE
            yield Passage(path, node.lineno, node.value, kind)


def _of_page(path: Path, source: str) -> Iterator[Passage]:
    lines = source.splitlines()
    for number in sorted(_lines_of_page(lines)):
        yield Passage(path, number, re.sub(r"`[^`]*`", "``", lines[number - 1]), Kind.PAGE)


def _lines_of_page(lines: list[str]) -> set[int]:
    found, in_code = set(), False
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            found.add(number)
    return found


def _lines_of_code(path: Path, lines: list[str]) -> set[int]:
    source = "\n".join(lines) + "\n"
    found: set[int] = set()
    for node in docstrings(ast.parse(source)):
        found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not PRAGMA.match(token.string):
            found.add(token.start[0])
    return found
