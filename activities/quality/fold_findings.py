"""Fields that only the fold of a record leaves unknown, in `ops.quality`: each of its changes fits,
and what they make together does not.

They follow from the record's whole log, as its row does. So they are brought in line with it
after each fold, not change by change.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa

from clients.warehouse import Transaction
from clients.warehouse.sql import quality as sql
from clients.warehouse.sql.apply import RECORD_LIST
from schemas.catalogue import ObjectSpec
from schemas.quality import Finding, Rule, Severity
from schemas.tables import arrow_schema
from transforms.apply.fold import Version
from transforms.quality.open_findings import OpenFinding, found_table

_DETAILS = {
    Rule.TOO_LONG: "a diff made the text longer than its column takes; make the field longer in the catalogue",
    Rule.TOO_WIDE: "the record's changes make more than one row of the warehouse holds",
}


class FoldState(NamedTuple):
    """The unknown fields of a record's latest version."""

    unknown: frozenset[str]
    """Columns."""
    of_fold: tuple[tuple[str, Rule], ...]
    """As of `Version`."""
    order: str
    batch: str

    @classmethod
    def of(cls, version: Version) -> "FoldState":
        """Of a record's last version."""
        unknown = frozenset(version.unknown_fields.split(",")) if version.unknown_fields else frozenset()
        return cls(unknown, version.of_fold, version.change_order, version.batch)


def record_fold_findings(transaction: Transaction, spec: ObjectSpec, states: Mapping[str, FoldState]) -> None:
    """Open a row for each field that the fold of a record leaves unknown, and close the rows of
    fields that are known again.

    Run it after `record_findings`, which closes what a change answers by itself. `states` are
    those of records that were folded again.
    """
    if not states:
        return
    rows = pa.table({"record_id": pa.array(sorted(states), pa.large_string())})
    transaction.stage(sql.FOLDED, RECORD_LIST, rows)
    is_open = set(transaction.fetch(sql.find_open_isolating(), [spec.name]))
    now = datetime.now(UTC)
    if answered := list(_answered(is_open, states, spec)):
        table = pa.Table.from_pylist(answered, schema=arrow_schema(sql.SETTLED_COLUMNS))
        transaction.stage(sql.SETTLED, sql.SETTLED_COLUMNS, table)
        transaction.execute(sql.settle_findings(), [now, spec.name])
    if found := [each for each in _found(states, spec) if each.key not in is_open]:
        schema = arrow_schema(sql.FOUND_COLUMNS)
        transaction.stage(sql.FOUND, sql.FOUND_COLUMNS, found_table(found, spec.name, now, schema))
        transaction.execute(sql.reopen_findings())
        transaction.execute(sql.insert_findings())


def _answered(
    is_open: set[tuple[str, ...]], states: Mapping[str, FoldState], spec: ObjectSpec
) -> Iterator[dict[str, str]]:
    for record_id, field, rule in sorted(is_open):
        state = states[record_id]
        if spec.columns.get(field) not in state.unknown:
            yield {"record_id": record_id, "field": field, "rule": rule, "batch": state.batch}


def _found(states: Mapping[str, FoldState], spec: ObjectSpec) -> Iterator[OpenFinding]:
    fields = {column: name for name, column in spec.columns.items()}
    for record_id, state in states.items():
        for column, rule in state.of_fold:
            finding = Finding(fields[column], column, rule, Severity.ISOLATE, _DETAILS[rule])
            yield OpenFinding((record_id, fields[column], str(rule)), finding, state.order, state.batch, 1)
