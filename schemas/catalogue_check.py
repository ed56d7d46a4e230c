"""The findings of `tidegate catalogue check`: how the catalogue file differs from the org, and the
cost of that.
"""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from schemas.message import Message


class Costs(StrEnum):
    """The effect of a difference on values, the worst first."""

    MISSED = "missed"
    """Changes or values of the org do not come to the warehouse."""
    ISOLATED = "isolated"
    """Values come and do not fit: the field is unknown until somebody acts."""
    UNKNOWN = "unknown"
    """It could not be asked. Never shown as good."""
    NOTHING = "nothing"
    """Everything lands; somebody should look."""


class CatalogueDifference(Message):
    """One thing that the org has otherwise than the catalogue file."""

    object: str
    field: str = ""
    """Empty: it is about the object."""
    what: str
    """A `DriftKind`, or of an object: `object_missing`, `object_not_queryable`, `persons`,
    `key_prefix`, and doctor's names for the selection.
    """
    costs: Costs
    was: str = ""
    """The catalogue's entry in short; empty when it has none."""
    now: str = ""
    """The org's."""
    advice: str = ""


class CatalogueCheck(Message):
    """A whole comparison."""

    at: AwareDatetime
    org: str
    file: str
    objects: int
    """Records compared."""
    calls: int
    paid_by: Literal["lease", "allowance", "nothing"]
    differences: tuple[CatalogueDifference, ...]

    @property
    def is_well(self) -> bool:
        """True when nothing is missed, isolated or unknown."""
        return all(each.costs is Costs.NOTHING for each in self.differences)
