"""Find the rows of a page that differ from the warehouse. No I/O."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from schemas.catalogue import FieldSpec, ObjectSpec
from transforms.convert_values import converter
from transforms.ingest.row_pages import GONE, ID, IS_DELETED, LIVE, MODSTAMP, json_value
from transforms.misfits import landed


def differing(
    page: pa.Table,
    spec: ObjectSpec,
    fields: Sequence[str],
    known: Mapping[str, Sequence[Any]],
    *,
    young_from: str,
) -> list[int]:
    """The places of the rows to land, in order.

    A row whose record the warehouse lacks counts only when it is young: the record's own change
    may still be on its way, and not carry what the row says; an older one is not followed. One in
    the recycle bin counts as far as the warehouse has the record.

    Args:
        page: Protected rows; columns of `transforms.ingest.row_pages`.
        spec: The object.
        fields: Columns to compare.
        known: record id -> the warehouse's values, in the order of `fields`; `MISFIT` for a
            field that is unknown.
        young_from: SystemModstamp from which a row is young, in the form of the page's.
    """
    columns = [page[name].to_pylist() for name in fields]
    kinds = [(spec.fields[name], converter(spec.fields[name], spec.most_bytes)) for name in fields]
    found = []
    ids, states, stamps = (page[name].to_pylist() for name in (ID, IS_DELETED, MODSTAMP))
    for place, (record_id, state) in enumerate(zip(ids, states, strict=True)):
        if state == GONE:
            continue
        texts = [column[place] for column in columns]
        present = known.get(record_id)
        if present is None:
            if state == LIVE and stamps[place] >= young_from and any(text is not None for text in texts):
                found.append(place)
        elif any(
            _differs(text, kind, value) for text, kind, value in zip(texts, kinds, present, strict=True)
        ):
            found.append(place)
    return found


def _differs(text: str | None, kind: tuple[Any, Any], value: Any) -> bool:
    spec, convert = kind
    if text is None or value is None:
        return (text is None) != (value is None)
    return bool(landed(convert, _value(text, spec)) != value)


def _value(text: str, spec: FieldSpec) -> Any:
    """The value as an event would carry it, an amount with every digit. A token stays the text
    that it is.
    """
    if spec.decimals is None:
        return json_value(text, spec.type)
    try:
        return Decimal(text)
    except InvalidOperation:
        return text
