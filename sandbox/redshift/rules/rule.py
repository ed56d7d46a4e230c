"""A rule: why a statement is refused, and where AWS says so."""

from dataclasses import dataclass

GUIDE = "https://docs.aws.amazon.com/redshift/latest/dg/"

SYNTAX = "42601"
UNSUPPORTED = "0A000"
DATATYPE = "42804"
UNDEFINED_FUNCTION = "42883"
UNDEFINED_COLUMN = "42703"
UNDEFINED_OBJECT = "42704"


@dataclass(frozen=True)
class Rule:
    """One reason to refuse."""

    name: str
    """Stands in the error's hint and in docs/redshift-standin.md."""
    family: str
    says: str
    """A sentence: what Redshift does, or lacks."""
    page: str
    sqlstate: str = SYNTAX
    is_gap: bool = False
    """True = Redshift has it, and the stand-in lacks it."""


RULES: dict[str, Rule] = {}


def rule(name: str, family: str, says: str, page: str, sqlstate: str = SYNTAX) -> Rule:
    """Make a rule and put it on the list. `page`: of the developer guide."""
    return _listed(Rule(name, family, says, f"{GUIDE}{page}.html", sqlstate))


def gap(name: str, family: str, says: str, page: str) -> Rule:
    """Redshift has it, the stand-in does not."""
    return _listed(Rule(name, family, says, f"{GUIDE}{page}.html", UNSUPPORTED, is_gap=True))


def _listed(made: Rule) -> Rule:
    if made.name in RULES:
        raise ValueError(f"two rules are called {made.name}")
    RULES[made.name] = made
    return made


UNKNOWN = rule(
    "unknown-statement",
    "statements",
    "A statement that is not on the list of SQL commands is refused.",
    "c_SQL_commands",
)
NOT_PARSED = rule(
    "not-parsed", "statements", "A text that is no statement of the dialect is refused.", "c_SQL_reference"
)
