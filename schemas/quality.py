"""Quality rules: names, severities, and the record of a value that breaks one.

Law 10: one field's fault is one field's. A finding names the object, the record, the field and
the rule; the rest of the change lands.
"""

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

LATE_PARENT_GRACE = timedelta(minutes=10)
"""How long a parent record may be missing before it is read from the org."""


PERSONAL_SAMPLE = 100
"""Changes of an object in a batch whose clear texts are searched for personal data."""


class Severity(StrEnum):
    """The reaction when a value breaks a rule."""

    OFF = "off"
    """Nothing; the rule is not checked."""
    NOTE = "note"
    """The value lands in a form that the column takes; one row a field says so."""
    WARN = "warn"
    """The value lands; one row a record and field says so."""
    ISOLATE = "isolate"
    """The value does not land: the field is unknown until a later change brings a good one."""
    REJECT = "reject"
    """The whole change waits in quarantine."""


class Rule(StrEnum):
    """A rule's name, as stored. The first group is always checked; the second one is declared in
    the catalogue.
    """

    WRONG_TYPE = "wrong_type"
    """The value is not of the field's type."""
    TOO_LONG = "too_long"
    """The text is longer than the field, or than the warehouse's longest text."""
    TOO_WIDE = "too_wide"
    """The record has more than one row of the warehouse holds; its last fields are left out."""
    OUT_OF_RANGE = "out_of_range"
    """The number, date or time is beyond what the column holds."""
    UNKNOWN_FIELD = "unknown_field"
    """The catalogue lacks the field, so it has no column."""
    DIFF_ONLY = "diff_only"
    """The text came as a diff, and the field is encrypted or the diff does not fit its column; the
    record is read again.
    """
    COMPOUND_ONLY = "compound_only"
    """The parts of a compound came, and not the text that the org makes of them; the record is read
    again.
    """
    ROUNDED = "rounded"
    """The number had more decimals than the field; it landed rounded half to even."""
    DIGITS_LOST = "digits_lost"
    """The number has more digits than the transport carries exactly; the record is read again."""
    NUL_REMOVED = "nul_removed"
    """The text held NUL characters, which no warehouse stores; it landed without them."""
    CUT = "cut"
    """The text was longer than the field; it landed cut, as the catalogue asks."""

    LOOKS_PERSONAL = "looks_personal"
    """Values of a clear field look like a person's data: asked of a sample of each batch."""

    REQUIRED = "required"
    """The field must have a value."""
    VALUES = "values"
    """The value is one of a list."""
    REFERENCES = "references"
    """The id's key prefix is that of an object that the field may point to."""
    PARENT = "parent"
    """The record that the field points to exists."""
    UNIQUE = "unique"
    """No other live record has the value."""
    MIN = "min"
    MAX = "max"
    PATTERN = "pattern"
    """The whole text fits a regular expression."""
    NOT_AFTER = "not_after"
    """The date or time has come."""


DECLARED = frozenset(
    {
        Rule.REQUIRED,
        Rule.VALUES,
        Rule.REFERENCES,
        Rule.PARENT,
        Rule.UNIQUE,
        Rule.MIN,
        Rule.MAX,
        Rule.PATTERN,
        Rule.NOT_AFTER,
    }
)
"""Rules whose severity the catalogue may set."""

OF_THE_FIELD = frozenset({Rule.UNKNOWN_FIELD, Rule.ROUNDED, Rule.NUL_REMOVED, Rule.LOOKS_PERSONAL})
"""Rules that are written down once a field, with a count, and not once a record."""

READ_AGAIN = frozenset({Rule.DIFF_ONLY, Rule.COMPOUND_ONLY, Rule.DIGITS_LOST})
"""Rules whose value the org can tell: the record is put on the list of what is to be read."""

ISOLATING = frozenset(
    {
        Rule.WRONG_TYPE,
        Rule.TOO_LONG,
        Rule.TOO_WIDE,
        Rule.OUT_OF_RANGE,
        Rule.UNKNOWN_FIELD,
        Rule.DIFF_ONLY,
        Rule.COMPOUND_ONLY,
        Rule.DIGITS_LOST,
    }
)
"""Rules of the first group that leave the field unknown."""


FITS = "fits"
"""In scorecards: every rule of the first group that leaves a field unknown."""
ANY_FIELD = "*"
REJECTED = "reject"
"""In scorecards: every rule of severity `reject`."""

ASKED_OF_THE_WAREHOUSE = frozenset({Rule.PARENT, Rule.UNIQUE})
"""Rules that are asked once a change has landed: they cannot keep its value out."""


class ParentState(StrEnum):
    """State of an open finding of the rule `parent`."""

    WAITS = "waits"
    """The parent may be on its way, for as long as the grace time lasts."""
    ASKED = "asked"
    """The org is asked for the parent, or for the child of a deleted one."""
    ORPHAN = "orphan"
    """The org has no such parent."""


class Finding(NamedTuple):
    """One field of one change that broke a rule, as it is staged. It never holds the value."""

    field: str
    """API name; of a part of a compound without a field `Compound.Part`."""
    column: str | None
    """The field's column; None for a field that has none."""
    rule: Rule
    severity: Severity
    detail: str
    """The problem and, where somebody must act, the remedy."""
