"""The columns of an object as the model calls them: by their usual names, whatever the warehouse
calls them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.catalogue import FieldSpec, FieldType, ObjectSpec, Pii
from schemas.column_names import column_names
from schemas.tables import Kind, field_column

LONG_TEXT = 255
"""Longer texts are no attributes of a dimension: they stay in staging."""
SQL_TYPES = {
    Kind.TEXT: "varchar",
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.DOUBLE: "double precision",
    Kind.DECIMAL: "numeric(18,2)",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp with time zone",
}
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


@dataclass(frozen=True)
class Attribute:
    """One field as a column of the model."""

    field: str
    """API name."""
    name: str
    """Name in the model: the usual one, so that marts fit any catalogue."""
    source: str
    """Column in the warehouse; empty: the catalogue lacks the field, and the column is null."""
    sql_type: str
    spec: FieldSpec | None
    """None: the catalogue lacks the field."""

    @property
    def is_long(self) -> bool:
        """True for a text that is too long for a dimension."""
        spec = self.spec
        return spec is not None and spec.type is FieldType.TEXTAREA and spec.length > LONG_TEXT

    @property
    def pii(self) -> Pii:
        return Pii.NONE if self.spec is None else self.spec.pii

    def described(self, object_name: str) -> str:
        """The column's comment."""
        spec = self.spec
        if spec is None:
            return f"{object_name}.{self.field}: not in the catalogue, so it is null."
        told = [f"{label_of(self.field)} ({object_name}.{self.field}, {spec.type})."]
        if spec.references:
            told.append(f"Id of a record of {' or '.join(spec.references)}.")
        if spec.values:
            told.append(f"One of {', '.join(spec.values)}.")
        if spec.pii is not Pii.NONE:
            told.append(f"PII, {spec.pii}: a token, not the value.")
        if spec.calculated:
            told.append("Calculated in Salesforce; read by refreshes.")
        return " ".join(told)


def label_of(api_name: str) -> str:
    """A field's or object's name as words: DueDate__c -> Due date."""
    words = [each for each in _WORDS.split(api_name.removesuffix("__c")) if each]
    return " ".join(words).capitalize()


def attributes_of(spec: ObjectSpec, needed: Mapping[str, Kind] | None = None) -> tuple[Attribute, ...]:
    """The object's columns in catalogue order, and behind them those that marts need and the
    catalogue lacks.
    """
    usual = column_names(dict.fromkeys(spec.fields))
    found = tuple(
        Attribute(name, usual[name].name, spec.columns[name], _sql_type(spec.columns[name], entry), entry)
        for name, entry in spec.fields.items()
    )
    return (*found, *_lacking(spec, needed or {}))


def _lacking(spec: ObjectSpec, needed: Mapping[str, Kind]) -> Iterator[Attribute]:
    for field, kind in needed.items():
        if field not in spec.fields:
            name = column_names({field: None})[field].name
            yield Attribute(field, name, "", SQL_TYPES[kind], None)


def _sql_type(column: str, spec: FieldSpec) -> str:
    made = field_column(column, spec)
    return f"numeric(18,{made.scale})" if made.kind is Kind.DECIMAL else SQL_TYPES[made.kind]
