"""The object catalogue: which objects and fields Tidegate keeps, and how each field is to be
treated.

Everything downstream (raw protection, validation, table columns, history) is derived from this
one file, so an object that is not here is not read, and a field that is not here is never
written in plaintext anywhere. Change `catalogue.yaml`, not code, to add an object or a field.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.column_names import (
    MOST_NAME_BYTES,
    MOST_TABLE_BYTES,
    GivenName,
    clashes,
    column_names,
    is_ours,
    is_usable,
    table_names,
)
from schemas.errors import CatalogueError, UnknownObjectError
from schemas.quality import ASKED_OF_THE_WAREHOUSE, DECLARED, Rule, Severity

DEFAULT_CATALOGUE = Path(__file__).with_name("catalogue.yaml")
STAMPS = ("OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
"""Fields of nearly every object: who and when."""

_API_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)


class FieldType(StrEnum):
    """A field's type, in describe's words (REST API Developer Guide, sObject Describe)."""

    STRING = "string"
    TEXTAREA = "textarea"
    """Long and rich text areas, too: describe tells them apart by `htmlFormatted` and
    `extraTypeInfo` alone.
    """
    ENCRYPTEDSTRING = "encryptedstring"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    COMBOBOX = "combobox"
    PHONE = "phone"
    URL = "url"
    EMAIL = "email"
    ANYTYPE = "anyType"
    """A value of any type, as its text."""
    ID = "id"
    """The id of a record of an object that is not named."""
    REFERENCE = "reference"
    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    PERCENT = "percent"
    CURRENCY = "currency"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    """A time of day, kept as a text `HH:MM:SS.mmm`, which sorts as times do."""
    BASE64 = "base64"
    """The bytes of a file: they are in no event and in no Bulk result, so the field is left out."""


TEXTS = frozenset(
    {
        FieldType.STRING,
        FieldType.TEXTAREA,
        FieldType.ENCRYPTEDSTRING,
        FieldType.PICKLIST,
        FieldType.MULTIPICKLIST,
        FieldType.COMBOBOX,
        FieldType.PHONE,
        FieldType.URL,
        FieldType.EMAIL,
        FieldType.ANYTYPE,
    }
)
"""Types whose length counts."""
IDS = frozenset({FieldType.REFERENCE, FieldType.ID})
WHOLE_NUMBERS = frozenset({FieldType.INT, FieldType.LONG})
FRACTIONS = frozenset({FieldType.DOUBLE, FieldType.PERCENT})
"""Decimal with a `scale`, binary without one."""
FRACTIONAL = FRACTIONS | {FieldType.CURRENCY}
"""Numbers that may have decimal places."""
MOMENTS = frozenset({FieldType.DATE, FieldType.DATETIME})
DIGITS_MAX = 18
"""Digits of a number, decimal places included (Object Reference, "Primitive Data Types"; the same
in the warehouses' columns).
"""
_CURRENCY_SCALE = 2


class TooLong(StrEnum):
    """Treatment of a text that is longer than its field, or than the warehouse's longest text."""

    ISOLATE = "isolate"
    """The field is unknown; its value is in raw."""
    CUT = "cut"
    """The text lands cut, and a finding says so."""


class Pii(StrEnum):
    """How much a field says about a person. Both classes but `none` are encrypted before they are
    written.
    """

    NONE = "none"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class FieldSpec(BaseModel):
    """One field of an object, as the catalogue describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: FieldType
    length: int = Field(default=255, ge=1, le=131_072)
    """Most characters of a text; ignored for other types. 131,072 is the Bulk API's largest field.
    """
    scale: int | None = Field(default=None, ge=0, le=DIGITS_MAX)
    """Decimal places of a currency (None: 2), a double or a percent (None: the column is binary and
    exact to 15 digits).
    """
    column: str | None = None
    """The column's name; None: it follows from the API name (`schemas.column_names`)."""
    ignore: bool = False
    """True: the field is kept out on purpose. It has no column, and nothing of it is written in
    plaintext.
    """
    too_long: TooLong = TooLong.ISOLATE
    required: bool = False
    """A whole record (create, undelete, snapshot) without it, or an update that nulls it, breaks
    the rule `required`.
    """
    values: tuple[str, ...] = ()
    """Allowed values of the field, for each part of a multipicklist; empty = anything."""
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
    """Severity of a declared rule, in the file as `{rule: severity}`; `warn` for one that is not
    named.
    """
    references: tuple[str, ...] = ()
    """Objects that a reference may point to; they need not be in the catalogue."""
    external_id: bool = False
    pii: Pii = Pii.NONE
    part_of: str | None = None
    """The compound field that carries this one in change events; None when it travels by itself."""
    part: str | None = None
    """Its name inside the compound; None means its own name."""
    calculated: bool = False
    """The org works it out when it is read: it changes without SystemModstamp. It is read by
    refreshes alone.
    """
    inputs: tuple[str, ...] = ()
    """The inputs of a calculated field, as `Object.Field`, when only a change of them can change
    it; empty = time alone can.
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
        """Severity of a declared rule."""
        return dict(self.severity).get(rule, Severity.WARN)

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
    table: str = ""
    """The name of its tables: ServiceRequest__c -> service_request. It follows from the name where
    the catalogue gives none.
    """
    hold_above: float | None = Field(default=None, gt=0, lt=100)
    """Percent of a batch's changes of the object that may break a rule of severity `reject`; more
    hold its batches until somebody releases them. None: nothing is held.
    """
    fields: dict[str, FieldSpec]
    ignored: dict[str, FieldSpec] = {}
    """Fields that are kept out on purpose, `ignore: true` in the catalogue."""
    former_columns: dict[str, str] = {}
    """API name -> column, of fields that the catalogue had once: the columns are still there. From
    `ops.names`, and in no file.
    """
    most_bytes: int | None = None
    """Of a text in the warehouse, in UTF-8; None: any number. It is the warehouse's, and in no
    file.
    """
    most_row_bytes: int | None = None
    """Of a row in the warehouse, long texts aside; None: any number. Likewise."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        named = data if data.get("table") or not isinstance(data.get("name"), str) else _with_table(data)
        return _without_ignored(named)

    @model_validator(mode="after")
    def _fields_are_usable(self) -> Self:
        if not is_usable(self.table or "x", MOST_TABLE_BYTES):
            raise ValueError(
                f"`table: {self.table}` cannot be used; give up to {MOST_TABLE_BYTES} lower-case letters, digits and underscores"
            )
        for name in (*self.fields, *self.ignored):
            _check_name(name)
        if wrong := clashes(self.columns.items()):
            raise ValueError(f"{self.name}: {'; '.join(wrong)}. Give one of them another `column`.")
        _check_compounds(self)
        return self

    @property
    def event_name(self) -> str:
        """The change event's entity channel name: Case -> CaseChangeEvent, X__c ->
        X__ChangeEvent.
        """
        return f"{self.name[:-1]}ChangeEvent" if self.name.endswith("__c") else f"{self.name}ChangeEvent"

    @cached_property
    def columns(self) -> dict[str, str]:
        """Field name -> column name, in catalogue order."""
        return {name: given.name for name, given in self.given_columns.items()}

    @cached_property
    def given_columns(self) -> dict[str, GivenName]:
        """As `columns`, with the reason of each name that is not the usual one."""
        return column_names({name: spec.column for name, spec in self.fields.items()}, self.former_columns)

    @cached_property
    def required_fields(self) -> tuple[str, ...]:
        return tuple(name for name, spec in self.fields.items() if spec.required and not spec.is_loose)

    @cached_property
    def pointers(self) -> tuple[str, ...]:
        """References whose parents are looked for."""
        return tuple(
            name
            for name, spec in self.fields.items()
            if spec.type is FieldType.REFERENCE
            and not spec.is_protected
            and spec.severity_of(Rule.PARENT) is not Severity.OFF
        )

    @cached_property
    def unique_fields(self) -> tuple[str, ...]:
        """Fields of which no two live records have the same value."""
        return tuple(
            name
            for name, spec in self.fields.items()
            if spec.unique and spec.severity_of(Rule.UNIQUE) is not Severity.OFF
        )

    @cached_property
    def has_reject_rules(self) -> bool:
        """True when a change may wait in quarantine because of a declared rule."""
        return any(each is Severity.REJECT for spec in self.fields.values() for _, each in spec.severity)

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
    """The whole file. `objects` have `every_object`'s fields merged in (an object's own entry
    wins).
    """

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
        return {**data, "every_object": common, "objects": _with_tables(objects)}

    @model_validator(mode="after")
    def _names_are_usable(self) -> Self:
        for name in self.objects:
            _check_name(name)
        if wrong := clashes((name, spec.table) for name, spec in self.objects.items()):
            raise ValueError(f"{'; '.join(wrong)}. Give one of them another `table`.")
        return self

    def revision_of(self, name: str) -> int | None:  # noqa: ARG002 -- of a catalogue that follows the org
        """The number of the last change of the object's fields; None for a catalogue that never
        changes.
        """
        return None

    def follow(self) -> bool:
        """Take in what was changed since; False, always, for a catalogue that never changes. May
        block.
        """
        return False

    def object(self, name: str) -> ObjectSpec:
        """The object called `name`; raises `UnknownObjectError` when the catalogue lacks it."""
        try:
            return self.objects[name]
        except KeyError:
            raise UnknownObjectError(object_name=name, known=sorted(self.objects)) from None


def _completed(name: object, entry: object, common: object) -> object:
    """The entry with its name and the common fields; as it is when its shape is wrong, for
    validation to refuse.
    """
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


def _with_table(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "table": table_names({entry["name"]: None})[entry["name"]].name}


def _with_tables(objects: Mapping[str, Any]) -> dict[str, Any]:
    """The entries with the names of their tables; as they are where their shape is wrong, for
    validation to refuse.
    """
    given = {name: entry.get("table") or None for name, entry in objects.items() if isinstance(entry, dict)}
    if not all(isinstance(each, str | None) for each in (*given, *given.values())):
        return dict(objects)
    for name in given:
        _check_name(name)
    tables = table_names(given)
    return {
        name: {**entry, "table": tables[name].name} if name in tables else entry
        for name, entry in objects.items()
    }


def _without_ignored(entry: dict[str, Any]) -> dict[str, Any]:
    fields = entry.get("fields")
    if not isinstance(fields, dict):
        return entry
    ignored = {name: spec for name, spec in fields.items() if _is_ignored(spec)}
    if not ignored:
        return entry
    kept = {name: spec for name, spec in fields.items() if name not in ignored}
    typed = {
        name: {"type": FieldType.STRING, **spec} if isinstance(spec, dict) else spec
        for name, spec in ignored.items()
    }
    return {**entry, "fields": kept, "ignored": {**entry.get("ignored", {}), **typed}}


def _is_ignored(spec: object) -> bool:
    """True for a field that is kept out on purpose, or whose values no event and no query job
    carries.
    """
    if isinstance(spec, FieldSpec):
        return spec.ignore or spec.type is FieldType.BASE64
    return isinstance(spec, dict) and (spec.get("ignore") is True or spec.get("type") == "base64")


def _check_compounds(spec: ObjectSpec) -> None:
    parts: dict[tuple[str, str], str] = {}
    for field, entry in spec.fields.items():
        if entry.part_of is None:
            continue
        if (other := parts.setdefault((entry.part_of, entry.part or field), field)) != field:
            raise ValueError(f"{spec.name}: {field} and {other} would be the same part of {entry.part_of}")


def relationship_name(field: str) -> str | None:
    """The relationship of a reference: AccountId -> Account, Account__c -> Account__r; None for
    other names.
    """
    if field.endswith("__c"):
        return f"{field[:-1]}r"
    return field.removesuffix("Id") if field.endswith("Id") and field != "Id" else None


def load_catalogue(path: Path = DEFAULT_CATALOGUE) -> Catalogue:
    """Read and check a catalogue file; raises `CatalogueError` that names each wrong line's
    place.
    """
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
