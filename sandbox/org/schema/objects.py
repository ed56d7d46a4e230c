"""The objects of the org with what describe and Setup say of their fields beyond the catalogue's
entries.

The catalogue tells how the engine treats a field; this tells how the org has it. Where both say
the same (type, length, references), the org begins with the catalogue's word.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from sandbox.org.schema.exact import DIGITS
from sandbox.org.schema.setup import load_setup
from schemas.catalogue import FieldSpec, FieldType, ObjectSpec

_TAKEN = ("type", "length", "scale", "required", "references", "external_id", "pii", "part_of", "part")
"""The org's part of a catalogue entry; its rules and its columns are the engine's."""
SYSTEM_FIELDS = ("Id", "IsDeleted", "SystemModstamp")
"""Fields that every object has in addition."""
SEPARATOR = "__"
MASTER = "MasterRecordId"
"""Of a record that lost a merge: the one that it was merged into. No change event carries it, as
the page "Change Events for Lead Conversion" of the Change Data Capture Developer Guide shows of
Account and Contact.
"""


class OrgField(FieldSpec):
    """A field as an administrator has set it up (Metadata API Developer Guide, "CustomField")."""

    precision: int = Field(default=DIGITS, ge=1, le=DIGITS)
    """Digits of a number, on both sides of the point."""
    html: bool = False
    """True makes a rich text area of a textarea."""
    picklist: tuple[str, ...] = ()
    """Values of a picklist, multipicklist or combobox."""
    restricted: bool = False
    """True refuses values that `picklist` lacks."""
    is_unique: bool = False
    """True refuses a value that another record has; an external id is unique in any case."""
    case_sensitive: bool = False
    """True tells capitals from small letters in a unique text."""
    label: str | None = None
    compliance: str | None = None
    """`ComplianceGroup` of the FieldDefinition, such as `PII;GDPR`; None: it follows from the
    catalogue's mark.
    """
    classification: str | None = None
    """`SecurityClassification`; None likewise."""
    business_owner: str | None = None
    """`BusinessOwnerId`: the user or group who knows the field."""

    @property
    def is_in_events(self) -> bool:
        """False for what no change event carries: formulas, and the bytes of files."""
        return not self.calculated and self.type is not FieldType.BASE64


class OrgObject(ObjectSpec):
    """An object as the org has it. What the catalogue keeps out is here like everything else."""

    # Narrower than the catalogue's, and never given a wider one: it is frozen.
    fields: dict[str, OrgField]  # type: ignore[assignment]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: object) -> object:
        return data

    @model_validator(mode="after")
    def _fields_are_usable(self) -> "OrgObject":
        # Columns and tables are the engine's; here a field is called by its API name everywhere.
        return self


def org_object(spec: ObjectSpec) -> OrgObject:
    """The catalogue's object as an org has it, without the fields that the org works out; the org's
    own object as it is.
    """
    if isinstance(spec, OrgObject):
        return spec
    fields = {**spec.fields, **spec.ignored}
    worked_out = load_setup().calculated.get(spec.name, {})
    return OrgObject(
        name=spec.name,
        label=spec.label,
        key_prefix=spec.key_prefix,
        history=spec.history,
        fields={
            name: _org_field(field)
            for name, field in fields.items()
            if name not in SYSTEM_FIELDS and name not in worked_out
        },
    )


def _org_field(spec: FieldSpec) -> OrgField:
    if isinstance(spec, OrgField):
        return spec
    return OrgField.model_validate({name: getattr(spec, name) for name in _TAKEN})


def with_fields(spec: OrgObject, fields: Mapping[str, OrgField]) -> OrgObject:
    """Another object of the same name: what was worked out from the old fields must not stay."""
    return OrgObject(
        name=spec.name,
        label=spec.label,
        key_prefix=spec.key_prefix,
        history=spec.history,
        fields=dict(fields),
    )


def as_stored(spec: OrgObject) -> dict[str, Any]:
    """The object without its name, for `from_stored`."""
    return spec.model_dump(mode="json", exclude_defaults=True)


def compound_of(part_names: Mapping[str, str]) -> Literal["name", "location", "address"]:
    """The kind of compound with these parts (part -> field)."""
    if "LastName" in part_names or "FirstName" in part_names:
        return "name"
    return "location" if part_names.keys() <= {"Latitude", "Longitude"} else "address"


def namespace_of(name: str) -> str | None:
    """`ns` of `ns__Field__c`; None for a name without one (Object Reference, "Custom Objects")."""
    first, found, _ = name.removesuffix("__c").partition(SEPARATOR)
    return first if found and name.endswith("__c") else None
