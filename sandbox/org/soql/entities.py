"""Metadata of each object for SOQL and describe: its fields, the operations allowed on them, and
their references.

The store's objects carry only what the catalogue writes down. Salesforce adds fields to every
object (Id, IsDeleted, SystemModstamp), makes compounds of some (Name of a Contact,
BillingAddress) and names relationships by rule (AccountId leads to Account, Case__c to Case__r);
those rules live here, once, for queries, describe and record pages alike.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sandbox.org.schema.objects import MASTER, OrgField, compound_of, org_object
from sandbox.org.schema.persons import FULL_NAME
from sandbox.org.schema.setup import Calculated, load_setup
from schemas.catalogue import IDS, TEXTS, FieldType, ObjectSpec

ID = "id"
COMPOUNDS = frozenset({"address", "location"})
"""Kinds that are objects in an answer. A person's name is a text."""
TEXT_KINDS = frozenset(kind.value for kind in TEXTS)
DECIMAL_KINDS = frozenset({"double", "percent", "currency"})
NUMBER_KINDS = DECIMAL_KINDS | {"int", "long"}
ID_KINDS = frozenset({ID, "reference"})
LONG_TEXT_CHARACTERS = 255
"""A textarea that may hold more can be neither filtered, sorted nor grouped by (Object Reference,
Field Types).
"""
_UNGROUPABLE = DECIMAL_KINDS | COMPOUNDS | {"datetime", "multipicklist", "encryptedstring", "base64"}
_UNFILTERABLE = COMPOUNDS | {"encryptedstring", "base64"}
"""Object Reference, "Field Types" and "Compound Field Considerations and Limitations"."""
_UNNAMED = frozenset(
    {("Task", "AccountId"), ("Event", "AccountId")}
    | {("Lead", f"Converted{name}Id") for name in ("Account", "Contact", "Opportunity")}
)
"""References whose children cannot be queried from their parent: of activities those of an account
are reached by WhatId.
"""
_SYSTEM_FIELDS = {
    "CreatedDate": "datetime", "CreatedById": "reference", "LastModifiedDate": "datetime",
    "LastModifiedById": "reference", "SystemModstamp": "datetime", "IsDeleted": "boolean", "Id": ID,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A field as the API shows it."""

    name: str
    kind: str
    """Its type in describe's words; `address` and `location` besides the catalogue's."""
    parts: Mapping[str, str]
    """Column by part. A plain field has one, under its own name; a compound one for each part it is
    made of.
    """
    length: int = 0
    references: tuple[str, ...] = ()
    relationship: str | None = None
    """The name that leads to the record it points to; None for all but references."""
    spec: OrgField | None = None
    """Its set-up; None for a field that Salesforce adds."""
    expression: Callable[[str], str] | None = None
    """Of a calculated field: the SQL that works it out over a table alias. None for what is stored.
    """
    formula: str | None = None
    """Of a calculated field, as describe shows it."""
    compound: str | None = None
    """Of a compound, its kind: `name`, `address` or `location`."""
    read_only: bool = False
    """True for a field that the user sees and may not write."""

    @property
    def is_calculated(self) -> bool:
        return self.expression is not None or bool(self.spec and self.spec.calculated)

    @property
    def is_system(self) -> bool:
        """True when only Salesforce writes it."""
        return self.name in _SYSTEM_FIELDS

    @property
    def is_custom(self) -> bool:
        return self.name.endswith(("__c", "__s"))

    @property
    def is_compound(self) -> bool:
        return self.compound is not None

    @property
    def has_place(self) -> bool:
        """True when distances are measured from it: it has a latitude and a longitude."""
        return {"latitude", "longitude"} <= self.parts.keys()

    @property
    def is_long_text(self) -> bool:
        return self.kind == "textarea" and self.length > LONG_TEXT_CHARACTERS

    @property
    def filterable(self) -> bool:
        return not self.is_long_text and self.kind not in _UNFILTERABLE

    @property
    def sortable(self) -> bool:
        return self.filterable and self.kind != "multipicklist"

    @property
    def groupable(self) -> bool:
        return self.filterable and self.kind not in _UNGROUPABLE

    @property
    def never_null(self) -> bool:
        return self.is_system or self.kind == "boolean"

    def sql(self, source: str) -> str:
        """The value as an SQL expression over the table aliased `source`; an address has none."""
        if self.expression is not None:
            return self.expression(source)
        columns = [f'{source}."{column}"' for column in self.parts.values()]
        if len(columns) == 1:
            return columns[0]
        words = [f"coalesce({column} || ' ', '')" for column in columns]
        return f"trim({' || '.join(words)})"


@dataclass(frozen=True)
class Entity:
    """An object as the API shows it. Names are looked up without regard to case, as in SOQL."""

    name: str
    label: str
    key_prefix: str
    fields: Mapping[str, Field]
    """By name, in describe's order."""
    rows: str | None = None
    """SQL over the table's columns that holds for the rows that the user sees; None: for all."""
    read_only: bool = False
    """True for an object whose records the user may read at most."""

    @property
    def is_custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def table(self) -> str:
        """The SQL of the rows to read."""
        return (
            f'"{self.name}"'
            if self.rows is None
            else f'(SELECT rowid, * FROM "{self.name}" WHERE {self.rows})'
        )

    @cached_property
    def by_lower_name(self) -> dict[str, Field]:
        return {name.lower(): found for name, found in self.fields.items()}

    @cached_property
    def by_relationship(self) -> dict[str, Field]:
        return {found.relationship.lower(): found for found in self.fields.values() if found.relationship}

    @cached_property
    def name_field(self) -> str:
        """The field that stands for the record in people's eyes: Name, CaseNumber, Subject, or
        Id.
        """
        return next((name for name in ("Name", f"{self.name}Number", "Subject") if name in self.fields), "Id")


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """A field of another object that points here."""

    child: str
    field: str
    name: str | None
    """Its name in a subquery; None when it cannot be queried (CreatedById and the like)."""


@dataclass(frozen=True, eq=False)
class Entities:
    """Every object of the org."""

    all: Mapping[str, Entity]
    _lower: dict[str, Entity] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lower", {name.lower(): entity for name, entity in self.all.items()})

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.all.values())

    def find(self, name: str) -> Entity | None:
        return self._lower.get(name.lower())

    def target(self, reference: Field) -> Entity | None:
        """The object that `reference` leads to: the first that the org has, which for an owner is
        User.
        """
        return next((found for name in reference.references if (found := self.find(name))), None)

    def children(self, parent: Entity) -> list[ChildRelationship]:
        return [
            ChildRelationship(entity.name, found.name, _child_name(entity, found, parent))
            for entity in self
            for found in entity.fields.values()
            if parent.name in found.references
        ]


def build_entities(objects: Mapping[str, ObjectSpec]) -> Entities:
    """The API's view of the store's objects."""
    return Entities({name: _entity(name, spec, objects) for name, spec in objects.items()})


def _entity(name: str, spec: ObjectSpec, objects: Mapping[str, ObjectSpec]) -> Entity:
    own = org_object(spec)
    fields = [Field("Id", ID, {"Id": "Id"}, 18), Field("IsDeleted", "boolean", {"IsDeleted": "IsDeleted"})]
    compounds_seen: set[str] = set()
    for field_name, field_spec in own.fields.items():
        if field_name in ("Id", "IsDeleted", "SystemModstamp"):
            continue
        compound = field_spec.part_of
        if compound and compound not in compounds_seen and compound not in own.fields:
            compounds_seen.add(compound)
            fields.append(_compound(compound, own.compounds[compound]))
        fields.append(_plain(field_name, field_spec))
    for field_name, calculated in load_setup().calculated.get(name, {}).items():
        # A formula's path begins with the relationship of one of the object's own references.
        relationship = (calculated.formula or "").partition(".")[0]
        reference = next((each for each in spec.fields if _relationship(each) == relationship), "")
        if calculated.fits(objects, spec, reference):
            fields.append(_calculated(field_name, calculated, spec, reference))
    fields.append(Field("SystemModstamp", "datetime", {"SystemModstamp": "SystemModstamp"}))
    return Entity(name, spec.label, spec.key_prefix, {found.name: found for found in fields})


def _plain(name: str, spec: OrgField) -> Field:
    is_reference = spec.type is FieldType.REFERENCE
    length = 18 if spec.type in IDS else spec.length if spec.type.value in TEXT_KINDS else 0
    relationship = _relationship(name) if is_reference else None
    return Field(name, spec.type.value, {name: name}, length, spec.references, relationship, spec)


def _calculated(name: str, entry: Calculated, spec: ObjectSpec, reference: str) -> Field:
    parent = spec.fields[reference].references[0] if reference else ""
    length = entry.spec.length if entry.type.value in TEXT_KINDS else 0
    return Field(
        name,
        entry.type.value,
        {name: name},
        length,
        spec=OrgField(type=entry.type, calculated=True),
        expression=lambda source: entry.sql(source, reference, parent),
        formula=entry.text,
    )


def _compound(name: str, columns: Mapping[str, str]) -> Field:
    """A person's name is a text of its parts in their order; an address and a location are
    objects.
    """
    kind = compound_of(columns)
    if kind == "name":
        parts = {part: columns[part] for part in FULL_NAME if part in columns}
        return Field(name, "string", parts, 121, compound=kind)
    parts = {part[0].lower() + part[1:]: column for part, column in columns.items()}
    return Field(name, kind, parts, compound=kind)


def _relationship(name: str) -> str | None:
    if name.endswith("__c"):
        return f"{name[:-1]}r"
    return name.removesuffix("Id") if name.endswith("Id") else None


def _child_name(child: Entity, reference: Field, parent: Entity) -> str | None:
    is_untold = reference.name == MASTER or (child.name, reference.name) in _UNNAMED
    if "User" in reference.references or is_untold:
        return None
    if child.name == parent.name and child.name in ("Account", "Campaign"):
        return f"Child{child.name}s"
    bare = child.name.removesuffix("__c")
    plural = f"{bare[:-1]}ies" if bare.endswith("y") else f"{bare}s"
    return f"{plural}__r" if reference.is_custom else plural
