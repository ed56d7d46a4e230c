"""One field of the catalogue: its type, its column, its rules, and how much it says about a
person.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.catalogue.field_types import (
    DIGITS_MAX,
    FRACTIONAL,
    FRACTIONS,
    MOMENTS,
    TEXTS,
    WHOLE_NUMBERS,
    FieldType,
)
from schemas.column_names import (
    MOST_NAME_BYTES,
    is_ours,
    is_usable,
)
from schemas.quality import ASKED_OF_THE_WAREHOUSE, DECLARED, Rule, Severity

_CURRENCY_SCALE = 2


class TooLong(StrEnum):
    """The treatment of a text that is longer than its field, or than the warehouse's longest
    text.
    """

    ISOLATE = "isolate"
    """The field is unknown; its value is in raw."""
    CUT = "cut"
    """The text lands cut, and a finding says so."""


class Pii(StrEnum):
    """How much a field says about a person. Both classes but `none` are encrypted before they
    are written (docs/decisions/0046).
    """

    NONE = "none"
    PERSONAL = "personal"
    """Equal values of the field have equal tokens: it can be joined, compared and counted."""
    SENSITIVE = "sensitive"
    """Tokens are bound to their record: equal values of two records have nothing in common."""


class FieldSpec(BaseModel):
    """One field of an object, as the catalogue describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: FieldType
    length: int = Field(default=255, ge=1, le=131_072)
    """Most characters of a text; ignored for other types. 131,072 is the Bulk API's largest
    field.
    """
    scale: int | None = Field(default=None, ge=0, le=DIGITS_MAX)
    """Decimal places of a currency (None: 2), a double or a percent (None: the column is binary
    and exact to 15 digits).
    """
    column: str | None = None
    """The column's name; None: it follows from the API name (`schemas.column_names`)."""
    ignore: bool = False
    """True: the field is kept out on purpose. It has no column, and nothing of it is written in
    clear.
    """
    too_long: TooLong = TooLong.ISOLATE
    required: bool = False
    """A whole record (create, undelete, snapshot) without it, or an update that nulls it, breaks
    the rule `required`.
    """
    values: tuple[str, ...] = ()
    """The values that the field may hold, each part of a multipicklist; empty: anything."""
    unique: bool = False
    """No two live records have the same value."""
    min: float | None = None
    max: float | None = None
    """Bounds of a number, both included."""
    pattern: str | None = None
    """A regular expression (RE2) that the whole text fits."""
    not_after: Literal["now"] | None = None
    """`now`: a date or time that has not come breaks the rule."""
    severity: tuple[tuple[Rule, Severity], ...] = ()
    """The severity of each declared rule, in the file as `{rule: severity}`;
    `warn` for one that is not named.
    """
    references: tuple[str, ...] = ()
    """Objects that a reference may point to; they need not be in the catalogue."""
    external_id: bool = False
    pii: Pii = Pii.NONE
    blind_index: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Only of a sensitive field: its tokens end with a keyed index, equal for equal values of every
    field that names the same. None: none of its values can be compared.
    """
    part_of: str | None = None
    """The compound field that carries this one in change events; None when it travels by itself."""
    part: str | None = None
    """Its name inside the compound; None means its own name."""
    calculated: bool = False
    """The org works it out when it is read: it changes without SystemModstamp. It is read by
    refreshes alone.
    """
    inputs: tuple[str, ...] = ()
    """The inputs of a calculated field, as `Object.Field`, when only a change of that can
    change it; empty: time alone can.
    """
    held: bool = False
    """The org has it no more, or has another type under its name: it is not read, and what the
    warehouse has of it stays.
    """
    added: bool = False
    """The catalogue file lacks it: it was found in the org while the engine ran."""

    @field_validator("severity", mode="before")
    @classmethod
    def _pairs(cls, given: object) -> object:
        return tuple(given.items()) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type is FieldType.REFERENCE) != bool(self.references):
            raise ValueError("a reference names the objects it points to, and only a reference does")
        if self.part is not None and self.part_of is None:
            raise ValueError("`part` needs `part_of`")
        if self.inputs and not self.calculated:
            raise ValueError("only a calculated field has `inputs`")
        if self.column is not None and (not is_usable(self.column, MOST_NAME_BYTES) or is_ours(self.column)):
            raise ValueError(
                f"`column: {self.column}` cannot be used; give up to {MOST_NAME_BYTES} lower-case letters, digits and "
                "underscores that are not Tidegate's own name"
            )
        if unknown := {rule for rule, _ in self.severity} - DECLARED:
            raise ValueError(
                f"`severity` takes {', '.join(sorted(DECLARED))}, not {', '.join(sorted(unknown))}"
            )
        if self.blind_index is not None and self.pii is not Pii.SENSITIVE:
            raise ValueError(
                "only a field with `pii: sensitive` has a `blind_index`; others are compared as they are"
            )
        self._check_rules()
        return self

    def _check_rules(self) -> None:
        """Refuse rules that say nothing of the field's values, as a bound of a text."""
        is_number = self.type in WHOLE_NUMBERS | FRACTIONAL
        if (self.min is not None or self.max is not None) and not is_number:
            raise ValueError("only a number has `min` and `max`")
        if (self.values or self.pattern) and self.type not in TEXTS:
            raise ValueError("only a text has `values` and `pattern`")
        if self.not_after is not None and self.type not in MOMENTS:
            raise ValueError("only a date or datetime has `not_after`")
        reads_values = self.values or self.pattern or self.not_after or (self.min, self.max) != (None, None)
        if self.unique and self.pii is Pii.SENSITIVE:
            raise ValueError(
                "`unique` compares records, and tokens of `pii: sensitive` cannot be; make it personal"
            )
        if self.is_protected and reads_values:
            raise ValueError(
                "an encrypted field takes `required`, `unique` and the rules of references alone"
            )
        strict = {rule for rule, each in self.severity if each in (Severity.ISOLATE, Severity.REJECT)}
        if late := sorted(strict & ASKED_OF_THE_WAREHOUSE):
            raise ValueError(
                f"`{', '.join(late)}` is asked once the change has landed, so it keeps no value out; its severity is `warn` or `off`"
            )
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`pattern` is no regular expression: {error}") from error

    @property
    def decimals(self) -> int | None:
        """Decimal places of a column that is exact; None: the column is not decimal."""
        if self.type is FieldType.CURRENCY:
            return _CURRENCY_SCALE if self.scale is None else self.scale
        return self.scale if self.type in FRACTIONS else None

    def severity_of(self, rule: Rule) -> Severity:
        """The severity of a declared rule."""
        return dict(self.severity).get(rule, Severity.WARN)

    @property
    def is_loose(self) -> bool:
        """True when a whole record may come without it, which then says nothing of it."""
        return self.held or self.calculated

    @property
    def is_protected(self) -> bool:
        """True when the value is encrypted before it is written anywhere."""
        return self.pii is not Pii.NONE
