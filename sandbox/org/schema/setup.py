"""The administrator's setup of the org: restricted picklists, effects of a delete on children,
calculated fields.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.catalogue import FieldSpec, FieldType, ObjectSpec

_FILE = Path(__file__).with_name("setup.yaml")
OnDelete = Literal["cascade", "restrict", "clear"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RollUp(_Part):
    """A figure over the children of a record; deleted children do not count."""

    function: Literal["COUNT", "SUM", "MIN", "MAX"]
    child: str
    field: str
    """The child's reference to this object."""
    of: str | None = None
    """The child's field; None for COUNT."""
    where: dict[str, str] = {}

    def sql(self, source: str) -> str:
        """As an SQL expression over the parent's table alias. Sums and counts of nothing are 0."""
        inner = "count(*)" if self.function == "COUNT" else f'{self.function.lower()}(c."{self.of}")'
        conditions = "".join(
            f""" AND c."{name}" = '{value.replace("'", "''")}'""" for name, value in self.where.items()
        )
        found = (
            f'(SELECT {inner} FROM "{self.child}" AS c WHERE c."{self.field}" = {source}."Id" '
            f"AND c.IsDeleted = 0{conditions})"
        )
        return f"coalesce({found}, 0)" if self.function == "SUM" else found


class Calculated(_Part):
    """One field that is worked out when it is read."""

    type: FieldType
    formula: str | None = None
    days_since: str | None = None
    roll_up: RollUp | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(each is not None for each in (self.formula, self.days_since, self.roll_up)) != 1:
            raise ValueError("a calculated field has one of formula, days_since and roll_up")
        return self

    @property
    def spec(self) -> FieldSpec:
        return FieldSpec(type=self.type)

    @property
    def text(self) -> str | None:
        """The formula as describe shows it; None for a roll-up."""
        if self.days_since is not None:
            return f"TODAY() - DATEVALUE({self.days_since})"
        return self.formula

    def fits(self, objects: Mapping[str, ObjectSpec], spec: ObjectSpec, reference: str) -> bool:
        """False in an org whose catalogue lacks what it is worked out from. `reference` is that of
        the formula's path.
        """
        if self.days_since is not None:
            return self.days_since in spec.fields
        if self.roll_up is None:
            parents = spec.fields[reference].references if reference else ()
            field = (self.formula or "").rpartition(".")[2]
            return bool(parents) and parents[0] in objects and field in objects[parents[0]].fields
        child = objects.get(self.roll_up.child)
        needed = {self.roll_up.field, *self.roll_up.where, *([self.roll_up.of] if self.roll_up.of else [])}
        return child is not None and needed <= child.fields.keys()

    def sql(self, source: str, reference: str, parent: str) -> str:
        """As an SQL expression over the table alias. `reference` and `parent` are the formula's
        column and table.
        """
        if self.roll_up is not None:
            return self.roll_up.sql(source)
        if self.days_since is not None:
            return (
                f"CAST(julianday(date(org_seconds(), 'unixepoch')) "
                f'- julianday(date({source}."{self.days_since}")) AS INTEGER)'
            )
        name = (self.formula or "").rpartition(".")[2]
        return f'(SELECT p."{name}" FROM "{parent}" AS p WHERE p."Id" = {source}."{reference}")'


class Setup(_Part):
    """The whole file, by object."""

    picklists: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    offered: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    """Values of picklists that are not restricted."""
    defaults: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    statuses: Mapping[str, Mapping[str, Mapping[str, Mapping[str, bool | int | str]]]] = Field(
        default_factory=dict
    )
    """Object -> stage or status field -> value -> what it says of the record."""
    references: Mapping[str, Mapping[str, OnDelete]] = Field(default_factory=dict)
    """Child object -> its reference -> what deleting the parent does."""
    calculated: Mapping[str, Mapping[str, Calculated]] = Field(default_factory=dict)

    def values(self, object_name: str, field: str) -> tuple[str, ...]:
        """The values of a restricted picklist; empty for every other field."""
        return self.picklists.get(object_name, {}).get(field, ())

    def choices(self, object_name: str, field: str) -> tuple[str, ...]:
        """The values of a picklist, restricted or not; empty for one of which nobody has said
        any.
        """
        return self.values(object_name, field) or self.offered.get(object_name, {}).get(field, ())


@lru_cache
def load_setup() -> Setup:
    """The set-up that ships with the sandbox."""
    return Setup.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
