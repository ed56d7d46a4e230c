"""The runbook as HTML: each section of docs/runbook.md by its anchor.

`runbook.txt` is a copy of docs/runbook.md that ships with the package; `python -m tests.docs`
writes it. Its Markdown is the part that the page uses: headings, paragraphs, lists, tables,
code.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

_FENCE = "```"
_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_ITALIC = re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Section:
    """A section of the second level."""

    anchor: str
    title: str
    html: Markup


@cache
def sections() -> tuple[Section, ...]:
    """Every section, in order; what stands before the first is left out."""
    text = files("api.console").joinpath("runbook.txt").read_text(encoding="utf-8")
    found: list[Section] = []
    for part in re.split(r"(?m)^## ", text)[1:]:
        title, _, body = part.partition("\n")
        found.append(Section(slug(title), _plain(title), _blocks(body)))
    return tuple(found)


def slug(title: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def _plain(text: str) -> str:
    return text.strip().replace("`", "")


def _blocks(body: str) -> Markup:
    """Blocks are separated by blank lines; a fence holds blank lines of its own."""
    made: list[Markup] = []
    block: list[str] = []
    in_code = False
    for line in [*body.splitlines(), ""]:
        if line.startswith(_FENCE):
            if in_code:
                made.append(Markup('<pre tabindex="0"><code>{}</code></pre>').format("\n".join(block)))
            elif block:
                made.append(_block(block))
            block, in_code = [], not in_code
        elif in_code or line.strip():
            block.append(line)
        elif block:
            made.append(_block(block))
            block = []
    return Markup("\n").join(made)


def _block(lines: list[str]) -> Markup:
    if lines[0].startswith("#"):
        title = lines[0].lstrip("# ")
        return Markup('<h3 id="{}">{}</h3>').format(slug(title), _inline(title))
    if lines[0].startswith("|"):
        return _table(lines)
    if re.match(r"(-|\d+\.) ", lines[0]):
        items = re.split(r"(?m)^(?:-|\d+\.) ", "\n".join(lines))[1:]
        return Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(_inline(i)) for i in items)
        )
    return Markup("<p>{}</p>").format(_inline("\n".join(lines)))


def _table(lines: list[str]) -> Markup:
    rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]
    head = Markup("").join(Markup("<th>{}</th>").format(_inline(cell)) for cell in rows[0])
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(_inline(c)) for c in row))
        for row in rows[2:]
    )
    return Markup(
        '<div class="scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(head, body)


def _inline(text: str) -> Markup:
    """Code, bold, italic and links; everything is escaped first."""
    said = str(escape(text))
    said = _CODE.sub(r"<code>\1</code>", said)
    said = _BOLD.sub(r"<strong>\1</strong>", said)
    said = _ITALIC.sub(r"<em>\1</em>", said)
    # Other pages of the documentation are not served here: their names stay, as text.
    said = _LINK.sub(lambda m: f'<a href="{m[2]}">{m[1]}</a>' if m[2].startswith("#") else m[1], said)
    return Markup(said)  # noqa: S704 -- escaped above; the rest is the package's own text
