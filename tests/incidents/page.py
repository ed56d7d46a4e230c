"""docs/runbook.md as data: its entries and the command of each."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "runbook.md"
PARTS = ("Shows.", "Means.", "Do.", "Over.")
"""Parts of every entry, in this order."""
_HEADING = re.compile(r"^(#{2,3}) (.+)$", re.MULTILINE)
_PART = re.compile(r"^\*\*(Shows|Means|Do|Over)\.\*\*", re.MULTILINE)
_FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A section of the page."""

    level: int
    title: str
    text: str

    @property
    def anchor(self) -> str:
        """As links name it."""
        return re.sub(r"[^a-z0-9 -]", "", self.title.lower()).replace(" ", "-")

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that it has."""
        return tuple(f"{name}." for name in _PART.findall(self.text))

    @property
    def is_incident(self) -> bool:
        """False: a section that explains, or holds entries."""
        return bool(self.parts)

    @property
    def commands(self) -> list[str]:
        """The lines of its fence."""
        return [line for block in _FENCE.findall(self.text) for line in block.splitlines() if line.strip()]


def entries(text: str | None = None) -> list[Entry]:
    """Every section of the second and third level, in their order."""
    page = PAGE.read_text(encoding="utf-8") if text is None else text
    found = list(_HEADING.finditer(page))
    ends = [match.start() for match in found[1:]] + [len(page)]
    return [
        Entry(len(match[1]), match[2].strip(), page[match.end() : end])
        for match, end in zip(found, ends, strict=True)
    ]


def command_of(anchor: str, **names: str) -> list[str]:
    """The words after `tidegate` of an entry's one command, its names in capitals filled in:
    `OBJECT="Case"`.
    """
    entry = next(each for each in entries() if each.anchor == anchor)
    (line,) = entry.commands
    for name, value in names.items():
        line = re.sub(rf"\b{name}\b", value, line)
    return words_of(line)


def words_of(line: str) -> list[str]:
    """The words after `tidegate` of a command line."""
    first, *words = shlex.split(line, comments=True)
    assert first == "tidegate", line
    return words
