"""The fold's slow path in the warehouse: some records again from their whole change log."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import pyarrow as pa

from activities.quality.fold_findings import FoldState, record_fold_findings
from clients.warehouse import Transaction
from clients.warehouse.sql import apply as sql
from schemas.catalogue import ObjectSpec
from schemas.tables import arrow_schema, current_columns, field_columns, history_columns
from transforms.apply.fold import HEAD, LoggedChange, Version, fold
from transforms.pii.token_forms import TokenForms

RECORDS_AT_ONCE = 2_000
"""Bounds the memory of one step: a hot record may have thousands of changes."""


def rebuild_records(
    transaction: Transaction, spec: ObjectSpec, record_ids: Sequence[str], forms: TokenForms | None = None
) -> None:
    """Replace the curated rows of `record_ids` by the fold over their logged changes, in this
    transaction.

    What the fold itself leaves unknown, or no longer does, is written down in `ops.quality`.
    `forms` is of the tables' tokens (`table_forms`): the log may hold others.
    """
    record_fold_findings(transaction, spec, refold_records(transaction, spec, record_ids, forms))


def refold_records(
    transaction: Transaction, spec: ObjectSpec, record_ids: Sequence[str], forms: TokenForms | None = None
) -> dict[str, FoldState]:
    """The same without `ops.quality`; returns what is to be written down there, by record."""
    states: dict[str, FoldState] = {}
    for first in range(0, len(record_ids), RECORDS_AT_ONCE):
        some = record_ids[first : first + RECORDS_AT_ONCE]
        rows = pa.table({"record_id": pa.array(some, pa.large_string())})
        transaction.stage(sql.REBUILT, sql.RECORD_LIST, rows)
        logged = _read(transaction.fetch(sql.read_changes(spec)))
        versions = [fold(changes, spec) for _, changes in groupby(logged, key=attrgetter("record_id"))]
        _replace(transaction, spec, versions if forms is None else _reformed(versions, spec, forms))
        states |= {record[-1].record_id: FoldState.of(record[-1]) for record in versions}
    return states


def _read(rows: Iterable[tuple[Any, ...]]) -> Iterator[LoggedChange]:
    for row in sorted(rows, key=lambda row: row[0]):
        yield LoggedChange(*(*row[:HEAD], row[HEAD:]))


def _reformed(versions: list[list[Version]], spec: ObjectSpec, forms: TokenForms) -> list[list[Version]]:
    places = forms.places([column.name for column in field_columns(spec)])
    return [
        [replace(each, values=forms.row(each.record_id, each.values, places)) for each in record]
        for record in versions
    ]


def _replace(transaction: Transaction, spec: ObjectSpec, versions: list[list[Version]]) -> None:
    current = sql.current_table(spec)
    transaction.execute(sql.delete_rebuilt(current))
    transaction.load(current, current_columns(spec), _current_rows([record[-1] for record in versions], spec))
    if spec.history:
        history = sql.history_table(spec)
        transaction.execute(sql.delete_rebuilt(history))
        every = [version for record in versions for version in record]
        transaction.load(history, history_columns(spec), _history_rows(every, spec))


def _current_rows(latest: list[Version], spec: ObjectSpec) -> pa.Table:
    return _rows(latest, spec, arrow_schema(current_columns(spec)))


def _history_rows(versions: list[Version], spec: ObjectSpec) -> pa.Table:
    return _rows(versions, spec, arrow_schema(history_columns(spec)))


def _rows(versions: list[Version], spec: ObjectSpec, schema: pa.Schema) -> pa.Table:
    places = {column.name: place for place, column in enumerate(field_columns(spec))}
    arrays = []
    for name, kind in zip(schema.names, schema.types, strict=True):
        if name in places:
            values = [version.values[places[name]] for version in versions]
        else:
            values = [_OWN[name](version) for version in versions]
        arrays.append(pa.array(values, kind))
    return pa.Table.from_arrays(arrays, schema=schema)


_OWN: dict[str, Callable[[Version], Any]] = {
    **{
        name: attrgetter(name)
        for name in [
            "record_id",
            "is_deleted",
            "is_complete",
            "unknown_fields",
            "version",
            "valid_from",
            "valid_to",
            "change_order",
            "applied_at",
            "batch",
        ]
    },
    "last_change_order": attrgetter("change_order"),
    "changed_at": attrgetter("valid_from"),
    "is_current": lambda version: version.valid_to is None,
}
