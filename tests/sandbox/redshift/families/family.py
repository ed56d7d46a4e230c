"""A family: one page of the guide, and the statements that it takes or excludes."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """Statements that one page judges alike."""

    name: str
    page: str
    """Of AWS' guide, without `.html`."""
    templates: Sequence[str]
    """Texts with slots, such as `SELECT {call} FROM t`."""
    slots: dict[str, Sequence[str]] = field(default_factory=dict)
    """Name of a slot -> what it can hold. Every combination is a statement."""
    rule: str | None = None
    """The rule that refuses them. None = the page takes them."""

    def statements(self) -> Iterator[str]:
        """Each template with each combination of its slots, in the order that is written."""
        for template in self.templates:
            used = [name for name in self.slots if f"{{{name}}}" in template]
            for values in itertools.product(*(self.slots[name] for name in used)):
                yield template.format(**dict(zip(used, values, strict=True)))


def words(listed: str) -> list[str]:
    """The words of a text."""
    return listed.split()


def lines(listed: str) -> list[str]:
    """The lines of a text, without the empty ones."""
    return [line.strip() for line in listed.splitlines() if line.strip()]
