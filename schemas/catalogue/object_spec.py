"""One object of the catalogue: its fields, its tables, and its columns."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.catalogue.field_spec import FieldSpec
from schemas.catalogue.field_types import (
    FieldType,
)
from schemas.column_names import (
    MOST_TABLE_BYTES,
    GivenName,
    clashes,
    column_names,
    is_usable,
    table_names,
)
from schemas.quality import Rule, Severity

STAMPS = ("OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
"""Fields of nearly every object: who and when."""
_API_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)


class ObjectSpec(BaseModel):
    """One object of the org: its fields, and whether its versions are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="", exclude=True)
    label: str
    key_prefix: str = Field(pattern=r"^[0-9a-zA-Z]{3}$")
    history: bool = False
    table: str = ""
    """The stem of its tables' names: ServiceRequest__c -> service_request. It follows from the
    name where the catalogue gives none.
    """
    hold_above: float | None = Field(default=None, gt=0, lt=100)
    """Percent of a batch's changes of the object that may break a rule of severity `reject`; more
    hold its batches until somebody releases them. None: nothing is held.
    """
    fields: dict[str, FieldSpec]
    ignored: dict[str, FieldSpec] = {}
    """Fields that are kept out on purpose, `ignore: true` in the catalogue."""
    former_columns: dict[str, str] = {}
    """API name -> column, of fields that the catalogue had once: the columns are still there.
    From `ops.names`, and in no file.
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
            check_api_name(name)
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

    @cached_property
    def ignored_in_events(self) -> frozenset[str]:
        """The names by which changes carry what is ignored: a field's, `Compound.Part` for a part,
        and the compound's own when all of its parts are ignored.
        """
        parts = [(spec.part_of, spec.part or name) for name, spec in self.ignored.items() if spec.part_of]
        whole = {compound for compound, _ in parts} - self.compounds.keys() - self.fields.keys()
        return frozenset({*self.ignored, *(f"{compound}.{part}" for compound, part in parts), *whole})


def check_api_name(name: str) -> None:
    """Raises `ValueError` for a name that is no API name of Salesforce."""
    # Names become SQL and object-store keys as they are.
    if not _API_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not an API name")


def _with_table(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "table": table_names({entry["name"]: None})[entry["name"]].name}


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
    """The names that lead from a reference to its record: AccountId -> Account, Account__c
    -> Account__r; None for other names.
    """
    if field.endswith("__c"):
        return f"{field[:-1]}r"
    return field.removesuffix("Id") if field.endswith("Id") and field != "Id" else None
