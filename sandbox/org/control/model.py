"""A request to the control plane."""

import re
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox.org.control.errors import ControlError
from sandbox.org.schema.exact import DIGITS, loads
from sandbox.org.schema.objects import OrgField
from sandbox.org.soql.entities import COMPOUNDS
from schemas.catalogue import FieldType, Pii


class ControlRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetentionRequest(ControlRequest):
    seconds: float = Field(ge=0)
    """How long the bus holds events; 0 expires all there are."""


class MeterChange(ControlRequest):
    """None leaves a number as it is."""

    maximum: int | None = Field(default=None, ge=0)
    used: int | None = Field(default=None, ge=0)
    """Count this much as spent in the last 24 hours, by an unnamed application."""


class ClockRequest(ControlRequest):
    advance_seconds: float = Field(ge=0, le=366 * 86_400)


class GapRequest(ControlRequest):
    object: str
    record_ids: list[str] = Field(min_length=1)
    change: Literal["CREATE", "UPDATE", "DELETE", "UNDELETE"] = "UPDATE"


_FieldName = Field(pattern=r"^[A-Za-z]\w{0,79}$")
_CUSTOM = re.compile(r"(?:([A-Za-z](?:_?[A-Za-z0-9]){0,14})__)?([A-Za-z](?:_?[A-Za-z0-9]){0,39})__c")
"""Up to 15 characters of a namespace and 40 of a name, without two underscores in a row or one at
an end (Metadata API Developer Guide, "CustomField").
"""
NEW_TYPES = {
    **{kind.value: kind for kind in FieldType},
    "richtextarea": FieldType.TEXTAREA,
    "html": FieldType.TEXTAREA,
}
_RICH = ("richtextarea", "html")
_LENGTHS = {FieldType.ENCRYPTEDSTRING: 175}
"""Most characters of a text of that type (Salesforce Help, "Custom Field Types")."""


class _FieldSetUp(ControlRequest):
    precision: int | None = Field(default=None, ge=1, le=DIGITS)
    """Digits of a number, on both sides of the point."""
    picklist: tuple[str, ...] | None = None
    """Values of a picklist, multipicklist or combobox."""
    restricted: bool | None = None
    """True refuses values that `picklist` lacks."""
    is_unique: bool | None = None
    case_sensitive: bool | None = None
    """True tells capitals from small letters in a unique text."""
    label: str | None = None
    pii: Pii | None = None
    compliance: str | None = None
    """`ComplianceGroup`, such as `PII;GDPR`."""
    classification: str | None = None
    """`SecurityClassification`, such as `Confidential`."""
    business_owner: str | None = None
    """`BusinessOwnerId`."""

    def set_up(self) -> dict[str, Any]:
        """The given part of it."""
        return self.model_dump(include=set(_FieldSetUp.model_fields), exclude_none=True)


class NewField(_FieldSetUp):
    """A field to add; `address` and `location` are compounds, which come with the fields of their
    parts.
    """

    name: str = _FieldName
    type: str
    """As describe says it; `richtextarea` and `html` are textareas with `htmlFormatted`."""
    length: int = Field(default=255, ge=1, le=131_072)
    scale: int = Field(default=2, ge=0, le=DIGITS)
    """Decimal places of a number; of a location, those of its two numbers."""
    required: bool = False
    references: tuple[str, ...] = ()
    external_id: bool = False
    calculated: bool = False
    """True makes it read-only and keeps it out of events, as a formula is; `fills` and unchecked
    writes give it values.
    """
    part_of: str | None = None
    """The compound that it is a part of, as `compoundFieldName` says it."""
    part: str | None = None
    """Its name in there; None: its own."""
    default: Any = None
    """The value of new records."""
    fills: Any = None
    """The value of existing records, without a modstamp or an event."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.type not in NEW_TYPES and self.type not in COMPOUNDS:
            raise ValueError(
                f"there is no type {self.type}; there are {', '.join((*NEW_TYPES, *sorted(COMPOUNDS)))}"
            )
        if self.name.endswith("__c") and not _CUSTOM.fullmatch(self.name):
            raise ValueError(
                "a custom field has up to 40 letters, digits and single underscores before __c, and up to 15 in its namespace"
            )
        if self.length > (most := _LENGTHS.get(NEW_TYPES.get(self.type, FieldType.STRING), self.length)):
            raise ValueError(f"{self.type} has at most {most} characters")
        if self.precision is not None and self.scale > self.precision:
            raise ValueError("`scale` is part of `precision`")
        return self

    def spec(self) -> OrgField:
        own = self.model_dump(
            include={
                "length",
                "scale",
                "required",
                "references",
                "external_id",
                "calculated",
                "part_of",
                "part",
            }
        )
        kind = NEW_TYPES[self.type]
        return OrgField.model_validate({**own, **self.set_up(), "type": kind, "html": self.type in _RICH})


class FieldChange(_FieldSetUp):
    """None leaves a property as it is."""

    name: str
    new_name: str | None = Field(default=None, pattern=r"^[A-Za-z]\w{0,79}$")
    type: str | None = None
    length: int | None = Field(default=None, ge=1, le=131_072)
    scale: int | None = Field(default=None, ge=0, le=DIGITS)
    required: bool | None = None
    references: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.type is not None and self.type not in NEW_TYPES:
            raise ValueError(f"there is no type {self.type} to change to; there are {', '.join(NEW_TYPES)}")
        return self

    def spec(self, old: OrgField) -> OrgField:
        wanted = self.model_dump(include={"length", "scale", "required", "references"}, exclude_none=True)
        if self.type is not None:
            wanted |= {"type": NEW_TYPES[self.type], "html": self.type in _RICH}
            if wanted["type"] is not FieldType.REFERENCE:
                wanted["references"] = ()
        return OrgField.model_validate(old.model_dump() | self.set_up() | wanted)


class RawRecord(ControlRequest):
    """Values to store unchecked."""

    fields: dict[str, Any]
    """By the API names of fields that the object has, `Id` included; JSON scalars."""
    touch: bool = True
    """False leaves SystemModstamp as it is, so that no poll finds the record again."""


Asked = TypeVar("Asked", bound=BaseModel)


def parsed(model: type[Asked], body: bytes) -> Asked:
    """The request in `body`; raises `ControlError` that says what is wrong with it."""
    return _checked(model, loads(body or b"{}"))


def parsed_list(model: type[Asked], body: bytes) -> list[Asked]:
    """As `parsed`, of one or of a list of them."""
    found = loads(body or b"{}")
    return [_checked(model, each) for each in (found if isinstance(found, list) else [found])]


def _checked(model: type[Asked], found: object) -> Asked:
    try:
        return model.model_validate(found)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise ControlError(problems) from error
