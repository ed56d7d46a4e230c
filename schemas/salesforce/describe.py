"""The parts of an object's describe that the catalogue lacks: writable fields and their values.

The facts are optional: without them a writeback is checked against the catalogue alone, and the
org says the rest. Source: REST API Developer Guide, "sObject Describe".
"""

from datetime import timedelta

from pydantic import AwareDatetime

from schemas.message import Message

DESCRIBE_LIFE = timedelta(hours=1)
"""Lifetime of a cached describe."""


class DescribedField(Message):
    """One field as the integration user sees it."""

    createable: bool
    updateable: bool
    length: int = 0
    """Most characters of a text; 0 for other types."""
    values: tuple[str, ...] | None = None
    """Values of a restricted picklist, active ones only; None = it is not restricted."""


class DescribedObject(Message):
    """The fields of one object by name. One that is missing here does not exist for the integration
    user.
    """

    object: str
    described_at: AwareDatetime
    fields: dict[str, DescribedField]
