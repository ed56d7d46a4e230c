"""Pages of rows: what a query gave, in the columns of its object, every value a text as Bulk API
writes it.

This is the raw form of backfills. Nothing is read from the values but what must be encrypted, so
a raw page holds what the org said, and a page that does not fit the catalogue is as durable as
one that does.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from schemas.catalogue import FRACTIONAL, FRACTIONS, WHOLE_NUMBERS, FieldSpec, FieldType, ObjectSpec
from transforms import exact_json
from transforms.convert_values import SURE_DIGITS, is_text_in_json
from transforms.pii import Protector, Seal, seal_of

ID, IS_DELETED, MODSTAMP = "Id", "IsDeleted", "SystemModstamp"
LIVE, IN_BIN, GONE = "false", "true", "gone"
"""The three states of `IsDeleted`: a record; one in the recycle bin; one that the org has no more,
whose row has no values but its id and, as SystemModstamp, when that was found out.
"""
PLACED = (ID, IS_DELETED, MODSTAMP)
"""The ordering key of a row."""


def page_fields(spec: ObjectSpec) -> tuple[str, ...]:
    """The columns of a page: what places a row, then the catalogue's fields that are read."""
    return (*PLACED, *(name for name in spec.read_fields if name not in PLACED))


def page_schema(spec: ObjectSpec, fields: Iterable[str] | None = None) -> pa.Schema:
    """The Arrow schema of a page: texts, null for what is empty. `fields` None are those of whole
    records.
    """
    return pa.schema([pa.field(name, pa.large_string()) for name in fields or page_fields(spec)])


def page_of_csv(body: bytes, spec: ObjectSpec) -> pa.Table:
    """Results of a query job as a page (Bulk API 2.0 and Bulk API Developer Guide, "Get Results for
    a Query Job").

    Columns are found by their names. Empty is null: Salesforce stores no empty texts. NUL bytes,
    which results may hold, stay: staging leaves them out and says so. A query that was made
    before a field was added lacks it, and so does the page. Raises `pyarrow.ArrowInvalid` for a
    body that is cut short, and `KeyError` for one that lacks what places a row.
    """
    table = read_csv_texts(body)
    known = [*PLACED, *(name for name in spec.fields if name not in PLACED)]
    there = [name for name in known if name in PLACED or name in table.column_names]
    return pa.Table.from_arrays([table[name] for name in there], schema=page_schema(spec, there))


def page_of_records(
    records: Iterable[Mapping[str, Any]], spec: ObjectSpec, fields: Iterable[str] | None = None
) -> pa.Table:
    """Records of REST's JSON as the same page that Bulk API would have given. `fields` None are
    those of whole records.
    """
    schema = page_schema(spec, fields)
    rows = [{name: text_of_json(record.get(name)) for name in schema.names} for record in records]
    return pa.Table.from_pylist(rows, schema=schema)


def page_of_gone(record_ids: Iterable[str], found_at: str, spec: ObjectSpec) -> pa.Table:
    """Rows for records that the org has no more; `found_at` is the time, in the form of a
    SystemModstamp.
    """
    rows = [{ID: record_id, IS_DELETED: GONE, MODSTAMP: found_at} for record_id in record_ids]
    return pa.Table.from_pylist(rows, schema=page_schema(spec))


def protect_page(page: pa.Table, spec: ObjectSpec, protector: Protector) -> pa.Table:
    """The page with its PII encrypted: law 7, before it is written anywhere."""
    for place, name in enumerate(page.column_names):
        field = spec.fields.get(name)
        if field is not None and field.is_protected:
            texts = page.column(place).to_pylist()
            tokens = encrypted_texts(texts, field.type, seal_of(spec, name), record_ids(page), protector)
            page = page.set_column(place, page.field(place), pa.array(tokens, pa.large_string()))
    return page


def record_ids(page: pa.Table) -> list[str | None]:
    """The records of a page's rows; None for each where the page does not say."""
    return page[ID].to_pylist() if ID in page.column_names else [None] * len(page)


def encrypted_texts(
    texts: Sequence[str | None],
    kind: FieldType,
    seal: Seal,
    ids: Sequence[str | None],
    protector: Protector,
) -> list[str | None]:
    """A column of a page as tokens: those that the values would have in an event."""
    if is_text_in_json(kind):
        return protector.seal_texts(seal, texts, ids)
    return [
        None if (value := json_value(text, kind)) is None else protector.seal(seal, value, record_id)
        for text, record_id in zip(texts, ids, strict=True)
    ]


def json_value(text: str | None, kind: FieldType) -> Any:
    """The value as an event would carry it; a text that is not of its type stays one, for
    `decode_events` to refuse.
    """
    if text is None:
        return None
    try:
        return _JSON[kind](text) if kind in _JSON else text
    except ValueError:
        return text


def exact_json_value(text: str | None, field: FieldSpec) -> Any:
    """As `json_value`; a decimal with every digit, for `transforms.exact_json` to write."""
    if text is not None and field.decimals is not None:
        return exact_json.number(text)
    return json_value(text, field.type)


def row_value(text: str | None, kind: FieldType) -> Any:
    """As `json_value`; a number that a double may not hold is a `Decimal`."""
    if text is not None and kind in FRACTIONAL and len(text) > SURE_DIGITS and _DECIMAL.fullmatch(text):
        return Decimal(text)
    return json_value(text, kind)


def _json_boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.lower(), text)


def _json_whole(text: str) -> float | str:
    whole, _, rest = text.partition(".")
    if rest:
        # Whole numbers of some types are printed as 10.0.
        return _finite(text) if rest.strip("0") else _json_whole(whole)
    # JSON has no numbers beyond 64 bits; as a text it is refused.
    return int(text) if -(2**63) <= int(text) < 2**63 else text


def _json_fraction(text: str) -> float | int:
    """A whole number that a double may not hold stays whole."""
    return int(text) if _LONG_WHOLE.fullmatch(text) else _finite(text)


def _finite(text: str) -> float:
    """Raises `ValueError` for what is no number in JSON: NaN, Infinity, and what a double does not
    hold.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_DECIMAL = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?", re.ASCII)
_LONG_WHOLE = re.compile(r"-?\d{16,18}", re.ASCII)
_JSON: dict[FieldType, Callable[[str], Any]] = {
    FieldType.BOOLEAN: _json_boolean,
    **dict.fromkeys(WHOLE_NUMBERS, _json_whole),
    **dict.fromkeys(FRACTIONS, _json_fraction),
    FieldType.CURRENCY: _json_fraction,
}


def count_changes(page: pa.Table) -> int:
    """Changes that the page's rows are: a row in the recycle bin is its values and its deletion."""
    in_bin = pc.sum(pc.equal(page[IS_DELETED], IN_BIN)).as_py() or 0
    return len(page) + int(in_bin)


def read_csv_texts(body: bytes) -> pa.Table:
    """Every column of a CSV as texts, empty ones null; raises `pyarrow.ArrowInvalid` for what is no
    CSV.
    """
    try:
        header = body[: body.find(b"\n")].decode("utf-8-sig")
        names = [name.strip().strip('"') for name in header.split(",")]
        table = _read_mended(body, names)
        # Of a column that Arrow reads under another name it guesses the type.
        is_whole = table.column_names == names
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid("the header is no UTF-8") from error
    if not is_whole:
        raise pa.ArrowInvalid("the header is garbled")
    return table


def _read_mended(body: bytes, names: Sequence[str]) -> pa.Table:
    try:
        return _read_csv(body, names)
    except pa.ArrowInvalid:
        # One text that is no UTF-8 must not cost the page; U+FFFD stands for what cannot be read,
        # with a NUL behind it, which staging notes.
        mended = body.decode(errors="replace")
        if "\ufffd" not in mended:
            raise
        return _read_csv(mended.replace("\ufffd", "\ufffd\x00").encode(), names)


def _read_csv(body: bytes, names: Sequence[str]) -> pa.Table:
    return csv.read_csv(
        pa.BufferReader(body),
        # One block: a value may go over many lines, and no block boundary may fall into it.
        csv.ReadOptions(use_threads=False, block_size=len(body) + 1),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def text_of_json(value: object) -> str | None:
    """A value of JSON as Bulk API writes it; None for one that is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return exact_json.dumps(value).decode()
    return value if isinstance(value, str) else str(value)
