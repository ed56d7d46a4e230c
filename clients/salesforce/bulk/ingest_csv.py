"""The CSV of an ingest job: rows as it takes them, and what became of them (Bulk API 2.0 and Bulk
API Developer Guide, "Prepare CSV Files", "Get Job Successful Record Results").

An empty cell is a field that is left alone, `#N/A` one that is emptied. So rows with different
fields share a job: what a row does not name is an empty cell.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from clients.salesforce.collections import Row
from clients.salesforce.readable import reading
from schemas.catalogue import ObjectSpec
from schemas.salesforce.limits import (
    BULK_FIELD_MAX_CHARACTERS,
    BULK_HEADER_MAX_CHARACTERS,
    BULK_RECORD_MAX_CHARACTERS,
    BULK_UPLOAD_BYTES,
)
from transforms.writeback.outcomes import RowResult
from transforms.writeback.row_errors import NOT_SENT

NULL = "#N/A"
ID = "Id"
_NEVER_LOCKED = frozenset({"User", "Group"})
"""Writing a record does not lock its owner ("Record Locking Cheat Sheet")."""


@dataclass(frozen=True, slots=True)
class IngestFile:
    """A job's parameters."""

    content: bytes
    """With its header; lines end with LF."""
    rows: int
    left_out: Mapping[str, RowResult]
    """By external id, the rows that a CSV cannot carry, and why."""


class _UnfitError(Exception):
    """A row that a CSV cannot carry; the text says why."""


def ingest_file(spec: ObjectSpec, key_field: str, rows: Sequence[Row], *, by_id: bool = False) -> IngestFile:
    """The rows as a file, sorted so that rows of one parent are neighbours: the org writes 200 at a
    time, several at once, and each locks its parents.

    Args:
        spec: Their object.
        key_field: The external id field that names them.
        rows: Each record once. The same rows make the same file.
        by_id: For a job that updates by id instead of upserting: rows that may not create, all
            with a record id.

    Raises `ValueError` for more than one job takes.
    """
    cells: list[dict[str, str]] = []
    left_out: dict[str, RowResult] = {}
    for row in rows:
        try:
            cells.append(_cells(row, key_field, by_id=by_id))
        except _UnfitError as error:
            left_out[row.external_id] = RowResult(code=NOT_SENT, message=f"{error}", is_ours=True)
    key = ID if by_id else key_field
    header = [key, *sorted({name for row in cells for name in row} - {key})]
    cells.sort(key=_order(_parents(spec, header), cells, key))
    lines = [",".join(header), *(_line(row, header) for row in cells)]
    content = ("\n".join(lines) + "\n").encode()
    if len(content) > BULK_UPLOAD_BYTES or len(lines[0]) > BULK_HEADER_MAX_CHARACTERS:
        raise ValueError(f"{len(rows)} rows of {spec.name} are more than one ingest job takes")
    return IngestFile(content, len(cells), left_out)


def ingest_results(content: bytes, column: str) -> Iterator[tuple[str, RowResult]]:
    """The rows of a job's results by their value of a column: what was written, or what was refused
    and why. Raises `UnavailableError` for results that cannot be read to their end.
    """
    with reading("the results of an ingest job"):
        yield from _results(content, column)


def _results(content: bytes, column: str) -> Iterator[tuple[str, RowResult]]:
    text = io.StringIO(content.replace(b"\0", b"").decode(), newline="")
    for row in csv.DictReader(text, strict=True):
        # Every row that we send has a key, so one without is a row that was cut off.
        if None in row or None in row.values() or not row[column]:
            raise ValueError("a row has more or fewer cells than the header, or no key")
        if "sf__Error" in row:
            yield row[column], _failed(row["sf__Error"])
        else:
            is_new = row.get("sf__Created", "").lower() == "true"
            yield row[column], RowResult(record_id=row.get("sf__Id", ""), created=is_new)


def _failed(text: str) -> RowResult:
    """`CODE:message:fields --`; the message may have colons of its own."""
    code, _, rest = text.removesuffix("--").rstrip().partition(":")
    message, _, fields = rest.rpartition(":")
    named = tuple(fields.removesuffix("--").replace(",", " ").split())
    return RowResult(code=code, message=message or rest, fields=named if message else ())


def _cells(row: Row, key_field: str, *, by_id: bool) -> dict[str, str]:
    if by_id and not row.record_id:
        raise _UnfitError("It has no record id, by which the job updates.")
    if not by_id and not row.may_create:
        raise _UnfitError("A job that upserts would create it.")
    cells = {ID: row.record_id} if by_id else {key_field: _text(row.external_id)}
    for name, value in row.fields.items():
        if isinstance(value, Mapping):
            cells.update(_parent(name, value))
        else:
            cells[name] = _text(value)
    if sum(map(len, cells.values())) > BULK_RECORD_MAX_CHARACTERS:
        raise _UnfitError(f"It has more than {BULK_RECORD_MAX_CHARACTERS} characters.")
    return cells


def _parent(relationship: str, value: Mapping[str, Any]) -> dict[str, str]:
    """`{"Account": {"ExternalId__c": "A-1"}}` as `Account.ExternalId__c`; with a type, as
    `Account:What.ExternalId__c`.
    """
    kind = (value.get("attributes") or {}).get("type")
    prefix = f"{kind}:{relationship}" if kind else relationship
    return {f"{prefix}.{name}": _text(each) for name, each in value.items() if name != "attributes"}


def _text(value: object) -> str:
    if value is None or value == "":
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(Decimal(repr(value)), "f")
    if not isinstance(value, str):
        raise _UnfitError(f"A {type(value).__name__} has no place in a CSV.")
    if "\0" in value:
        # Salesforce would drop it, and the value would come back as another one.
        raise _UnfitError("A value has a NUL character in it.")
    if value == NULL:
        raise _UnfitError(f"A value is the text {NULL}, which a job takes for null.")
    if len(value) > BULK_FIELD_MAX_CHARACTERS:
        raise _UnfitError(f"A value has more than {BULK_FIELD_MAX_CHARACTERS} characters.")
    return value


def _line(row: Mapping[str, str], header: Sequence[str]) -> str:
    return ",".join(_quoted(row[name]) if name in row else "" for name in header)


def _quoted(text: str) -> str:
    return f'"{text.replace(chr(34), 2 * chr(34))}"'


def _parents(spec: ObjectSpec, header: Sequence[str]) -> list[str]:
    """The columns that point to records which a write locks."""
    return [
        name
        for name in header
        if "." in name or (name in spec.fields and set(spec.fields[name].references) - _NEVER_LOCKED)
    ]


def _order(
    parents: Sequence[str], rows: Collection[Mapping[str, str]], key: str
) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    """By the parent that most rows share, then by the others, then by the row itself."""
    kinds = {name: len({row.get(name) for row in rows}) for name in parents}
    ranked = sorted(parents, key=lambda name: (kinds[name], name))
    return lambda row: (*(row.get(name, "") for name in ranked), row[key])
