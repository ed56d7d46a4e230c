"""Wrap prose at `WIDTH` characters: docstrings and comments of Python, paragraphs and list items of Markdown.

Only a paragraph with a longer line is wrapped again. Tables, code, doctests and pragmas stay.
"""

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator

from tests.prose.passages import PRAGMA, WIDTH, docstrings

_ARGUMENT = re.compile(r" {4}\*{0,2}\w+: ")
_ITEM = re.compile(r"([-*] |\d+\. )")
_FIXED = re.compile(r"\s*(\||>>>|\.\.\.|```|#|<|    (?!\*{0,2}\w+: )\S)|.*[├└│]|.*\S   +\S")


def wrapped(source: str, suffix: str) -> str:
    """The text of a file with its prose wrapped; `suffix` is `.py` or `.md`."""
    return _page(source) if suffix == ".md" else _comments(_docstrings(source))


def _docstrings(source: str) -> str:
    lines = source.splitlines()
    for node in sorted(docstrings(ast.parse(source)), key=lambda each: -each.lineno):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        if max(map(len, lines[first : last + 1])) > WIDTH and _is_plain(node, lines):
            lines[first : last + 1] = _docstring(lines[first : last + 1], node.col_offset)
    return "\n".join(lines) + "\n"


def _is_plain(node: ast.Constant, lines: list[str]) -> bool:
    """True for a docstring that is alone on its lines, in triple quotes."""
    start, end = lines[node.lineno - 1], lines[(node.end_lineno or node.lineno) - 1]
    return start[node.col_offset :].startswith(('"""', 'r"""')) and end.rstrip().endswith('"""')


def _docstring(lines: list[str], column: int) -> list[str]:
    indent, quotes = " " * column, 'r"""' if lines[0].lstrip().startswith("r") else '"""'
    body = [lines[0].strip().removeprefix(quotes), *(line.removeprefix(indent) for line in lines[1:])]
    body[-1] = body[-1].rstrip().removesuffix('"""')
    if not body[-1].strip():
        body.pop()
    # A text on one line needs room for the closing quotes, too: ruff takes a lone line back (D200).
    width = WIDTH - column - (3 if len(body) == 1 else 0)
    made = [line for part in _parts(body) for line in _fill(part, width, quotes)]
    if len(made) == 1 and len(indent + quotes + made[0]) + 3 > WIDTH:
        made = _fill(made, width - 3, quotes)
    made[0] = quotes + made[0]
    if len(made) == 1 and len(indent + made[0]) + 3 <= WIDTH:
        return [f'{indent}{made[0]}"""']
    text = [(indent + line).rstrip() for line in made]
    return [*text, f'{indent}"""']


def _parts(lines: list[str]) -> Iterator[list[str]]:
    """Paragraphs and list items; a blank line, and a fixed one, is a part of its own."""
    part: list[str] = []
    for line in lines:
        starts_item = bool(_ITEM.match(line.lstrip()))
        is_alone = not line.strip() or bool(_FIXED.match(line))
        if part and (is_alone or starts_item or _indent(line) != _hang(part)):
            yield part
            part = []
        if is_alone:
            yield [line]
        else:
            part.append(line)
    if part:
        yield part


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _hang(part: list[str]) -> int:
    """Where a further line of the part begins: an item's text, or an argument's description."""
    if len(part) == 1 and _ARGUMENT.match(part[0]):
        return _indent(part[0]) + 4
    match = _ITEM.match(part[0].lstrip())
    return (
        len(part[1]) - len(part[1].lstrip())
        if len(part) > 1
        else _indent(part[0]) + (len(match[0]) if match else 0)
    )


def _fill(part: list[str], width: int, opening: str = "") -> list[str]:
    """The part on lines of `width`; the first line of a docstring leaves room for its quotes."""
    if max(map(len, part)) <= width - len(opening) or _FIXED.match(part[0]) or not part[0].strip():
        return part
    lead = part[0][: _indent(part[0])]
    hang = " " * _hang(part)
    text = " ".join(line.strip() for line in part)
    # The quotes take room on the first line only, but nothing breaks when every line leaves it.
    return textwrap.wrap(
        text,
        width - len(opening),
        initial_indent=lead,
        subsequent_indent=hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _comments(source: str) -> str:
    lines = source.splitlines()
    blocks = _comment_blocks(source)
    for first, last, column in reversed(blocks):
        if max(map(len, lines[first : last + 1])) <= WIDTH:
            continue
        indent = lines[first][:column]
        if indent.strip():  # behind code: the comment goes above its line
            text = lines[first][column:]
            lead = indent[: _indent(indent)]
            lines[first : last + 1] = [*_comment([text], lead), indent.rstrip()]
        else:
            lines[first : last + 1] = _comment([line.strip() for line in lines[first : last + 1]], indent)
    return "\n".join(lines) + "\n"


def _comment(texts: list[str], indent: str) -> list[str]:
    body = [text.removeprefix("#").removeprefix(" ") for text in texts]
    width = WIDTH - len(indent) - 2
    return [f"{indent}# {line}".rstrip() for part in _parts(body) for line in _fill(part, width)]


def _comment_blocks(source: str) -> list[tuple[int, int, int]]:
    """First line, last line and column of each run of comments, from 0; one behind code is a run of its own."""
    found: list[tuple[int, int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or PRAGMA.search(token.string):
            continue
        line, column = token.start[0] - 1, token.start[1]
        alone = not token.line[:column].strip()
        if alone and found and found[-1][1:] == (line - 1, column):
            found[-1] = (found[-1][0], line, column)
        else:
            found.append((line, line, column))
    return found


def _page(source: str) -> str:
    made: list[str] = []
    prose: list[str] = []
    in_code = False
    for line in [*source.splitlines(), "```"]:
        is_fence = line.lstrip().startswith("```")
        if is_fence or in_code:
            made += [each for part in _parts(prose) for each in _fill(part, WIDTH)]
            prose = []
            made.append(line)
            in_code = in_code != is_fence
        else:
            prose.append(line)
    return "\n".join(made[:-1]) + "\n"
