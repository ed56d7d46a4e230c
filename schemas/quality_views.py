"""Parameters and results of `tidegate quality` and `/v1/quality`."""

from datetime import date, datetime

from schemas.message import Message


class ScoreRow(Message):
    """One day of one rule of one field. Field `*` with rule `fits`: whether every value of a change
    fits its field.
    """

    object: str
    field: str
    rule: str
    day: date
    """UTC, of the commit into the warehouse."""
    checked: int
    """Changes."""
    failed: int
    percent: float | None
    """Of the checked changes; null when none was checked."""
    percent_before: float | None
    """Of the seven days before; null when none was checked then."""
    trend: float | None
    """`percent` less `percent_before`; above 0 it gets worse."""
    failed_now: int
    """Open findings of the rule, of any day."""


class FindingGroup(Message):
    """Open findings of one rule of one field."""

    object: str
    field: str
    rule: str
    severity: str
    state: str
    """Of the rule `parent`: waits, asked or orphan; empty for others."""
    findings: int
    acknowledged: int
    """Of them."""
    first_seen_at: datetime
    last_seen_at: datetime
    detail: str
    """Of one of them."""


class FindingRow(Message):
    """One finding. It never holds the value."""

    object: str
    record_id: str
    """Empty: the finding is about the field."""
    field: str
    rule: str
    severity: str
    state: str | None
    target: str | None
    """The other record, of `parent` and `unique`."""
    detail: str
    change_order: str
    batch: str
    first_seen_at: datetime
    last_seen_at: datetime
    seen: int
    resolved_at: datetime | None
    resolved_by: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_reason: str | None


class HoldView(Message):
    """An object whose batches wait."""

    object: str
    batch: str
    """The one that held it."""
    reason: str
    held_at: datetime


class FindingChoice(Message):
    """Selection of findings; an empty part chooses any."""

    object: str = ""
    rule: str = ""
    field: str = ""
    record_id: str = ""

    def parameters(self) -> list[str]:
        """Each part twice, as the statements take them."""
        return [
            part for each in (self.object, self.rule, self.field, self.record_id) for part in (each, each)
        ]

    def words(self) -> str:
        """For the audit log."""
        parts = {"rule": self.rule, "field": self.field, "record": self.record_id}
        return ", ".join(f"{name} {value}" for name, value in parts.items() if value) or "every finding"


class PersonalField(Message):
    """A clear field whose values look like a person's data."""

    object: str
    field: str
    looks: str
    """e-mail, SSN, phone or card."""
    found: int
    """Values."""
    sampled: int
    """Records that were looked at."""
