"""The answer of `tidegate status --check`, as an operator reads it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tests.incidents.shell import Ended, tidegate

_LINE = re.compile(r"^(page|ticket|notice) +([a-z_]+\.[a-z_.]+) *([^:]*): (.*?) -> (.*)$", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """One problem of a look."""

    severity: str
    code: str
    subject: str
    text: str
    remedy: str


@dataclass(frozen=True)
class Look:
    """One look: its problems, and how the command ended."""

    code: int
    problems: tuple[Told, ...]
    said: str

    @property
    def is_clean(self) -> bool:
        """True when nobody has to act."""
        return self.code == 0

    def find(self, code: str, subject: str | None = None) -> Told | None:
        """The problem of that code, and of that subject where one is given."""
        return next(
            (
                each
                for each in self.problems
                if each.code == code and (subject is None or each.subject == subject)
            ),
            None,
        )


def look(settings: Path) -> Look:
    """Ask the engine now. Notices are left out: they wake nobody."""
    return read_look(tidegate(settings, "status", "--check"))


def explained(settings: Path) -> tuple[Told, ...]:
    """Every problem of the page, notices among them."""
    found = json.loads(tidegate(settings, "status", "--json").out)
    names = ("severity", "code", "subject", "text", "remedy")
    return tuple(Told(*(str(each[name]) for name in names)) for each in found["problems"])


def read_look(ended: Ended) -> Look:
    """The problems that the command has printed."""
    found = [_LINE.match(line.strip()) for line in ended.out.splitlines()]
    problems = [
        Told(severity.lower(), code, subject.strip(), text, remedy)
        for severity, code, subject, text, remedy in (match.groups() for match in found if match)
    ]
    return Look(ended.code, tuple(problems), ended.out + ended.err)
