"""The object catalogue: which objects and fields Tidegate keeps, and how each field is to be treated.

Everything downstream (raw protection, validation, table columns, history) is derived from this one file, so
an object that is not here is not read, and a field that is not here is never written in clear anywhere.
Change `catalogue.yaml`, not code, to add an object or a field.
"""

import re
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import CatalogueError, UnknownObjectError

DEFAULT_CATALOGUE = Path(__file__).with_name("catalogue.yaml")

RESERVED_COLUMNS = frozenset(
    [
        "record_id",
        "changed_at",
        "applied_at",
        "change_order",
        "change_type",
        "is_deleted",
        "is_complete",
        "version",
        "valid_from",
        "valid_to",
        "is_current",
        "batch",
        "changed_fields",
        "diff_fields",
        "commit_user",
        "change_origin",
        "transaction_key",
        "last_change_order",
        "received_at",
        "sets_deleted",
        "version_step",
    ]
)
"""Column names that Tidegate itself writes; a field may not be called so, nor `set_0` and the like."""

_API_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)
_MASK_COLUMN = re.compile(r"set_\d+")


class FieldType(StrEnum):
    """A field's type, in describe's words (REST API Developer Guide, sObject Describe)."""

    STRING = "string"
    TEXTAREA = "textarea"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    PHONE = "phone"
    URL = "url"
    EMAIL = "email"
    REFERENCE = "reference"
    BOOLEAN = "boolean"
    INT = "int"
    DOUBLE = "double"
    PERCENT = "percent"
    CURRENCY = "currency"
    DATE = "date"
    DATETIME = "datetime"


class Pii(StrEnum):
    """How much a field says about a person. Both classes but `none` are encrypted before they are written."""

    NONE = "none"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class FieldSpec(BaseModel):
    """One field of an object, as the catalogue describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: FieldType
    length: int = Field(default=255, ge=1, le=131_072)
    """Most characters of a text; ignored for other types. 131,072 is the Bulk API's largest field."""
    scale: int = Field(default=2, ge=0, le=8)
    """Decimal places of a currency; ignored for other types."""
    required: bool = False
    """A whole record (create, undelete, snapshot) without it, or an update that nulls it, is quarantined."""
    references: tuple[str, ...] = ()
    """Objects that a reference may point to; they need not be in the catalogue."""
    external_id: bool = False
    pii: Pii = Pii.NONE
    part_of: str | None = None
    """The compound field that carries this one in change events; None when it travels by itself."""
    part: str | None = None
    """Its name inside the compound; None means its own name."""
    calculated: bool = False
    """The org works it out when it is read: it changes without SystemModstamp. It is read by refreshes alone."""
    inputs: tuple[str, ...] = ()
    """What a calculated field is worked out from, as `Object.Field`, when only a change of that can change it; empty: time
    alone can."""
    held: bool = False
    """The org has it no more, or has another type under its name: it is not read, and what the warehouse has of it stays."""
    added: bool = False
    """The catalogue file lacks it: it was found in the org while the engine ran."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type is FieldType.REFERENCE) != bool(self.references):
            raise ValueError("a reference names the objects it points to, and only a reference does")
        if self.part is not None and self.part_of is None:
            raise ValueError("`part` needs `part_of`")
        if self.inputs and not self.calculated:
            raise ValueError("only a calculated field has `inputs`")
        return self

    @property
    def is_loose(self) -> bool:
        """True when a whole record may come without it, which then says nothing of it."""
        return self.held or self.calculated

    @property
    def is_protected(self) -> bool:
        """True when the value is encrypted before it is written anywhere."""
        return self.pii is not Pii.NONE


class ObjectSpec(BaseModel):
    """One object of the org: its fields, and whether its versions are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="", exclude=True)
    label: str
    key_prefix: str = Field(pattern=r"^[0-9a-zA-Z]{3}$")
    history: bool = False
    fields: dict[str, FieldSpec]

    @property
    def table(self) -> str:
        """Snake-case name without `__c`: ServiceRequest__c -> service_request."""
        return snake_case(self.name)

    @property
    def event_name(self) -> str:
        """The change event's entity channel name: Case -> CaseChangeEvent, X__c -> X__ChangeEvent."""
        return f"{self.name[:-1]}ChangeEvent" if self.name.endswith("__c") else f"{self.name}ChangeEvent"

    @cached_property
    def columns(self) -> dict[str, str]:
        """Field name -> column name, in catalogue order."""
        return {name: snake_case(name) for name in self.fields}

    @cached_property
    def required_fields(self) -> tuple[str, ...]:
        return tuple(name for name, spec in self.fields.items() if spec.required and not spec.is_loose)

    @cached_property
    def read_fields(self) -> tuple[str, ...]:
        """The fields that a reading of whole records asks for, in catalogue order."""
        return tuple(name for name, spec in self.fields.items() if not spec.is_loose)

    @cached_property
    def compounds(self) -> dict[str, dict[str, str]]:
        """Compound field -> part -> field name: {"Name": {"FirstName": "FirstName"}}."""
        found: dict[str, dict[str, str]] = {}
        for name, spec in self.fields.items():
            if spec.part_of is not None:
                found.setdefault(spec.part_of, {})[spec.part or name] = name
        return found


class Catalogue(BaseModel):
    """The whole file. `objects` have `every_object`'s fields merged in (an object's own entry wins)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_object: dict[str, FieldSpec] = {}
    objects: dict[str, ObjectSpec]

    @model_validator(mode="before")
    @classmethod
    def _complete_objects(cls, data: object) -> object:
        if not isinstance(data, dict) or not isinstance(data.get("objects"), dict):
            return data
        common = data.get("every_object") or {}
        objects = {name: _completed(name, entry, common) for name, entry in data["objects"].items()}
        return {**data, "every_object": common, "objects": objects}

    @model_validator(mode="after")
    def _names_are_usable(self) -> Self:
        tables: dict[str, str] = {}
        for name, spec in self.objects.items():
            _check_name(name)
            if (other := tables.setdefault(spec.table, name)) != name:
                raise ValueError(f"{name} and {other} would share the table name {spec.table}")
            _check_columns(spec)
            _check_compounds(spec)
        return self

    def revision_of(self, name: str) -> int | None:  # noqa: ARG002 -- of a catalogue that follows the org
        """The number of the last change of the object's fields; None for a catalogue that never changes."""
        return None

    def follow(self) -> bool:
        """Take in what was changed since; False, always, for a catalogue that never changes. May block."""
        return False

    def object(self, name: str) -> ObjectSpec:
        """The object called `name`; raises `UnknownObjectError` when the catalogue lacks it."""
        try:
            return self.objects[name]
        except KeyError:
            raise UnknownObjectError(object_name=name, known=sorted(self.objects)) from None


def _completed(name: object, entry: object, common: object) -> object:
    """The entry with its name and the common fields; as it is when its shape is wrong, for validation to refuse."""
    if not isinstance(entry, dict):
        return entry
    own = entry.get("fields") or {}
    if not isinstance(own, dict) or not isinstance(common, dict):
        return {**entry, "name": name}
    missing = {field: spec for field, spec in common.items() if field not in own}
    return {**entry, "name": name, "fields": {**own, **missing}}


def _check_name(name: str) -> None:
    # Names become SQL and object-store keys as they are.
    if not _API_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not an API name")


def _check_columns(spec: ObjectSpec) -> None:
    columns: dict[str, str] = {}
    for field, column in spec.columns.items():
        _check_name(field)
        if column in RESERVED_COLUMNS or _MASK_COLUMN.fullmatch(column):
            raise ValueError(f"{spec.name}.{field}: the column name {column} is Tidegate's own")
        if (other := columns.setdefault(column, field)) != field:
            raise ValueError(f"{spec.name}: {field} and {other} would share the column {column}")


def _check_compounds(spec: ObjectSpec) -> None:
    parts: dict[tuple[str, str], str] = {}
    for field, entry in spec.fields.items():
        if entry.part_of is None:
            continue
        if entry.part_of in spec.fields:
            raise ValueError(
                f"{spec.name}.{field}: {entry.part_of} is a field itself, so it cannot be a compound"
            )
        if (other := parts.setdefault((entry.part_of, entry.part or field), field)) != field:
            raise ValueError(f"{spec.name}: {field} and {other} would be the same part of {entry.part_of}")


def snake_case(api_name: str) -> str:
    """API name to column or table name: AccountId -> account_id, ServiceRequest__c -> service_request."""
    bare = re.sub(r"__c$", "", api_name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", bare).lower()


def relationship_name(field: str) -> str | None:
    """What leads from a reference to the record it points to: AccountId -> Account, Account__c -> Account__r; None for other names."""
    if field.endswith("__c"):
        return f"{field[:-1]}r"
    return field.removesuffix("Id") if field.endswith("Id") and field != "Id" else None


def load_catalogue(path: Path = DEFAULT_CATALOGUE) -> Catalogue:
    """Read and check a catalogue file; raises `CatalogueError` that names each wrong line's place."""
    try:
        return Catalogue.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CatalogueError(path=str(path), problems=[str(error)]) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()]
        raise CatalogueError(path=str(path), problems=problems) from error


@lru_cache
def default_catalogue() -> Catalogue:
    """The catalogue that ships with Tidegate, read once."""
    return load_catalogue()
