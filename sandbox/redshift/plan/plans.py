"""The plan of one statement, and the refusal of one."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.redshift.rules.rule import Rule


class Kind(enum.Enum):
    """How a statement is carried out."""

    FORWARD = "forward"
    """PostgreSQL gets the client's text."""
    REWRITE = "rewrite"
    """PostgreSQL gets another text of the same meaning."""
    CARRY_OUT = "carry out"
    """The stand-in does it: COPY, UNLOAD."""


class Ends(enum.Enum):
    """Where a statement stands in its transaction."""

    INSIDE = "inside"
    BEGINS = "begins"
    COMMITS = "commits"
    ROLLS_BACK = "rolls back"
    ALONE = "alone"
    """It cannot run in a transaction."""
    COMMITS_ITSELF = "commits itself"
    """It commits the transaction in which it runs, as TRUNCATE does."""


@dataclass(frozen=True)
class Work:
    """A statement that the stand-in carries out; `arguments` are of its module in `load`."""

    name: str
    arguments: object


@dataclass(frozen=True)
class Plan:
    """How one statement is carried out."""

    kind: Kind
    text: str
    """For PostgreSQL; empty for `CARRY_OUT`."""
    verb: str
    """The statement's first word, or two, in capitals."""
    tag: str | None = None
    """Tag of CommandComplete. None = PostgreSQL's."""
    ends: Ends = Ends.INSIDE
    reads: frozenset[str] = frozenset()
    """Names of tables, as they stand in the statement."""
    writes: frozenset[str] = frozenset()
    makes: str = ""
    """The name of the table, view or schema that the statement makes; empty = it makes none that
    other sessions see.
    """
    work: Work | None = None
    notes: Mapping[str, object] = field(default_factory=dict)
    """Facts that outlive the statement, such as a table's keys."""

    @property
    def needs_transaction(self) -> bool:
        """True when something must be held or done before the statement, in its transaction."""
        return bool(self.writes) or bool(self.makes) or self.work is not None


class RefusedError(Exception):
    """The statement is not in the dialect, or no rule knows it."""

    def __init__(self, rule: Rule, message: str, detail: str | None = None) -> None:
        super().__init__(f"{rule.name}: {message}")
        self.rule = rule
        self.message = message
        self.detail = detail

    @property
    def fields(self) -> dict[str, str]:
        """Of the ErrorResponse; the hint names the rule and its page."""
        return {
            "C": self.rule.sqlstate,
            "M": self.message,
            **({} if self.detail is None else {"D": self.detail}),
            "H": f"Stand-in rule {self.rule.name}: {self.rule.says} {self.rule.page}",
        }
