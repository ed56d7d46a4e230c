"""The fold's slow path in the warehouse: some records again from their whole change log, or from
their base and what came after it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import pyarrow as pa

from activities.quality.fold_findings import FoldState, record_fold_findings
from clients.warehouse import Transaction
from clients.warehouse.sql import apply as sql
from schemas.catalogue import ObjectSpec
from schemas.ops_tables import REFOLD_COLUMNS
from schemas.tables import arrow_schema, current_columns, field_columns, history_columns
from transforms.apply.base_rows import StoredBase, read_bases
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
        logged = logged_by_record(transaction.fetch(sql.read_changes(spec)))
        bases = read_bases(transaction.fetch(sql.read_bases(spec)), spec)
        versions = [_fold(logged.get(name, []), spec, bases.get(name), forms) for name in {**logged, **bases}]
        replace_records(transaction, spec, reformed(versions, spec, forms), bases)
        states |= {record[-1].record_id: FoldState.of(record[-1]) for record in versions}
    return states


def ask_for_refold(
    transaction: Transaction, spec: ObjectSpec, record_ids: Sequence[str], at: datetime
) -> None:
    """Put records on the list of those that are folded again with what the archive has of them.

    Their new change is in the log. It is older than the base, so only the archive knows what it
    changes; to read that takes minutes, and a commit does not wait for it.
    """
    count = len(record_ids)
    text = pa.large_string()
    rows = {
        "object": pa.array([spec.name] * count, text),
        "record_id": pa.array(record_ids, text),
        "asked_at": pa.array([at] * count, pa.timestamp("ms", tz="UTC")),
    }
    transaction.load(sql.REFOLD, REFOLD_COLUMNS, pa.table(rows))


def logged_by_record(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[LoggedChange]]:
    """record_id -> its changes, from rows in the columns of `LoggedChange`."""
    by_record = groupby(_read(rows), key=attrgetter("record_id"))
    return {record_id: list(changes) for record_id, changes in by_record}


def _read(rows: Iterable[tuple[Any, ...]]) -> Iterator[LoggedChange]:
    for row in sorted(rows, key=lambda row: row[0]):
        yield LoggedChange(*(*row[:HEAD], row[HEAD:]))


def _fold(
    changes: list[LoggedChange], spec: ObjectSpec, stored: StoredBase | None, forms: TokenForms | None
) -> list[Version]:
    return fold(changes, spec, None if stored is None else stored.base, forms)


def reformed(
    versions: list[list[Version]], spec: ObjectSpec, forms: TokenForms | None
) -> list[list[Version]]:
    """The versions with every token in the tables' form; None = as they are."""
    if forms is None:
        return versions
    places = forms.places([column.name for column in field_columns(spec)])
    return [
        [replace(each, values=forms.row(each.record_id, each.values, places)) for each in record]
        for record in versions
    ]


def replace_records(
    transaction: Transaction,
    spec: ObjectSpec,
    versions: list[list[Version]],
    bases: Mapping[str, StoredBase],
) -> None:
    """Put these versions in the place of the curated rows of `REBUILT`'s records.

    Versions before a record's base stay in history: nothing that the log still has can change them.
    """
    current = sql.current_table(spec)
    transaction.execute(sql.delete_rebuilt(current))
    transaction.load(current, current_columns(spec), _current_rows([record[-1] for record in versions], spec))
    if spec.history:
        history = sql.history_table(spec)
        if bases:
            starts = {record[0].record_id: "" for record in versions}
            starts |= {name: stored.order for name, stored in bases.items()}
            transaction.stage(sql.FOLDED_FROM, sql.RECORD_PLACES, _places(starts))
            transaction.execute(sql.delete_versions_since(spec))
        else:
            transaction.execute(sql.delete_rebuilt(history))
        every = [version for record in versions for version in record]
        transaction.load(history, history_columns(spec), _history_rows(every, spec))


def _places(starts: Mapping[str, str]) -> pa.Table:
    text = pa.large_string()
    ids, orders = pa.array(starts.keys(), text), pa.array(starts.values(), text)
    return pa.table({"record_id": ids, "change_order": orders})


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
