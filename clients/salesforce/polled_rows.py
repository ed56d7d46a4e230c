"""From what REST and Bulk API answer to rows, the same whichever of them answered.

REST gives JSON, Bulk API gives CSV in which everything is text. What CSV has lost is restored
from the catalogue's types, so that both ways land equal events: otherwise the same row would
depend on how busy the object was.
"""

from collections.abc import Mapping
from typing import Any

from clients.salesforce.readable import reading
from schemas.catalogue import FieldType, ObjectSpec
from schemas.ingest.positions import PolledRow, epoch_ms
from transforms.ingest.row_pages import PLACED, read_csv_texts, row_value


def row_of(record: Mapping[str, Any], spec: ObjectSpec) -> PolledRow:
    """A REST record as a row."""
    return PolledRow(
        record_id=record["Id"],
        modstamp_ms=epoch_ms(record["SystemModstamp"]),
        is_deleted=bool(record["IsDeleted"]),
        fields={name: record.get(name) for name in spec.read_fields},
    )


def rows_of_csv(body: bytes, spec: ObjectSpec) -> list[PolledRow]:
    """The rows of a page of Bulk API results (Bulk API 2.0 and Bulk API Developer Guide, "Get
    Results for a Query Job").

    Empty is null: Salesforce stores no empty texts. NUL bytes, which results may hold, stay:
    staging leaves them out and says so. Raises `UnavailableError` for a page that cannot be read.
    """
    with reading("a page of a query job"):
        return _rows(body, spec)


def _rows(body: bytes, spec: ObjectSpec) -> list[PolledRow]:
    table = read_csv_texts(body)
    if any(table[name].null_count for name in PLACED):
        raise ValueError("a row lacks what places it")
    kinds = {name: field.type for name, field in spec.fields.items()}
    columns = []
    for name in table.column_names:
        kind = kinds.get(name, _SYSTEM.get(name, FieldType.STRING))
        columns.append([_restored(text, kind) for text in table[name].to_pylist()])
    names = table.column_names
    return [row_of(dict(zip(names, values, strict=True)), spec) for values in zip(*columns, strict=True)]


def _restored(text: str | None, kind: FieldType) -> Any:
    """The value as REST gives it; a text that is not of its type stays one, for staging to name."""
    if text is not None and kind is FieldType.DATETIME:
        return _rest_datetime(text)
    return row_value(text, kind)


def _rest_datetime(text: str) -> str:
    return f"{text[:-1]}+0000" if text.endswith("Z") else text


_SYSTEM = {"IsDeleted": FieldType.BOOLEAN, "SystemModstamp": FieldType.DATETIME}
