"""From what REST and Bulk API answer to rows, the same whichever of them answered.

REST gives JSON, Bulk API gives CSV in which everything is text. What CSV has lost is restored from the catalogue's types, so
that both ways land equal events: otherwise the same row would depend on how busy the object was.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from schemas.catalogue import FRACTIONS, WHOLE_NUMBERS, FieldType, ObjectSpec
from schemas.polled import PolledRow
from schemas.positions import epoch_ms
from transforms.row_pages import read_csv_texts


def row_of(record: Mapping[str, Any], spec: ObjectSpec) -> PolledRow:
    """A REST record as a row."""
    return PolledRow(
        record_id=record["Id"],
        modstamp_ms=epoch_ms(record["SystemModstamp"]),
        is_deleted=bool(record["IsDeleted"]),
        fields={name: record.get(name) for name in spec.read_fields},
    )


def rows_of_csv(body: bytes, spec: ObjectSpec) -> list[PolledRow]:
    """The rows of a page of Bulk API results (Bulk API 2.0 and Bulk API Developer Guide, "Get Results for a Query Job").

    Empty is null: Salesforce stores no empty texts. NUL bytes, which results may hold, stay: staging leaves them out and says so.
    """
    table = read_csv_texts(body)
    kinds = {name: field.type for name, field in spec.fields.items()}
    columns = [
        [None if text is None else convert(text) for text in column.to_pylist()]
        for column, convert in (
            (table[name], _RESTORED.get(kinds.get(name, _SYSTEM.get(name, FieldType.STRING)), str))
            for name in table.column_names
        )
    ]
    names = table.column_names
    return [row_of(dict(zip(names, values, strict=True)), spec) for values in zip(*columns, strict=True)]


def _whole(text: str) -> int:
    # Whole numbers of some types are printed as 10.0.
    return int(text) if "." not in text else int(float(text))


def _fraction(text: str) -> float | Decimal:
    """A number that a double may not hold keeps its digits."""
    return Decimal(text) if len(text) > _SURE_DIGITS else float(text)


def _rest_datetime(text: str) -> str:
    return f"{text[:-1]}+0000" if text.endswith("Z") else text


_SURE_DIGITS = 15
"""Digits that every double holds."""
_SYSTEM = {"IsDeleted": FieldType.BOOLEAN, "SystemModstamp": FieldType.DATETIME}
_RESTORED: dict[FieldType, Callable[[str], Any]] = {
    FieldType.BOOLEAN: lambda text: text.lower() == "true",
    **dict.fromkeys(WHOLE_NUMBERS, _whole),
    **dict.fromkeys(FRACTIONS, _fraction),
    FieldType.CURRENCY: _fraction,
    FieldType.DATETIME: _rest_datetime,
}
