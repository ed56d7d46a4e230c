"""The rules `parent` and `unique`, asked of the warehouse in the transaction of a group's effects.

A child whose parent is not there lands at once. Parent and child are applied in different transactions under different locks, so each may
miss the other; `activities.quality.late_parents` looks again.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from clients.warehouse import Transaction
from clients.warehouse.sql import quality, references as sql
from clients.warehouse.sql.apply import DEPARTED, RECORD_LIST, current_table
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.change_types import DELETE, WHOLE
from schemas.quality import Rule
from schemas.tables import DEPARTED_COLUMNS, arrow_schema
from transforms.quality.references import (
    Pointing,
    carriers,
    is_parent,
    note_table,
    pointers,
    pointing,
    wanted,
)

_FEW = 1_000
"""Records that are said in a statement: to stage so few costs more."""

Failed = Mapping[tuple[str, Rule], int]
"""Field and rule -> changes that broke it."""


def check_references(
    transaction: Transaction,
    spec: ObjectSpec,
    catalogue: Catalogue,
    new: pa.Table,
    known: Collection[str],
    *,
    are_noted: bool,
) -> Failed:
    """Note children without a parent, and close what new changes answer.

    Run it while the temporary table `TOUCHED` holds the records of the new changes, after they are folded in.

    Args:
        transaction: Of the group.
        spec: The object.
        catalogue: Says which other objects the warehouse has.
        new: The changes that were logged, in the columns of `staged_columns`.
        known: Records that had a row before.
        are_noted: Whether findings of these rules are open about some of the records.
    """
    now = datetime.now(UTC)
    if are_noted:
        transaction.execute(sql.resolve_left(spec), [now])
    if is_parent(spec, catalogue):
        # Asked first: the planner may read a whole table for a join that finds nothing.
        if _may_arrive(new, known) and transaction.fetch(sql.find_awaited()):
            transaction.execute(sql.resolve_arrived(spec), [now])
        _note_departed(transaction, spec, new, now)
    return _note_absent(transaction, spec, catalogue, new)


def check_unique(transaction: Transaction, spec: ObjectSpec, new: pa.Table) -> Failed:
    """Note records that share a value with another one, and close what new changes answer; run it as `check_references`."""
    if not spec.unique_fields:
        return {}
    is_open: defaultdict[str, set[str]] = defaultdict(set)
    for record_id, field in transaction.fetch(sql.find_open_shared(spec)):
        is_open[field].add(record_id)
    failed: dict[tuple[str, Rule], int] = {}
    for field in spec.unique_fields:
        column = new[spec.columns[field]]
        carrying = set(new["record_id"].filter(pc.is_valid(column)).to_pylist())
        if carrying or is_open[field]:
            shared = _check_field(transaction, spec, field, carrying, is_open[field])
            _settle(transaction, spec, field, is_open[field] - shared, new["batch"][-1].as_py())
            failed[field, Rule.UNIQUE] = len(shared & carrying)
    return failed


def write_notes(transaction: Transaction, spec: ObjectSpec, rule: Rule, notes: Sequence[Pointing]) -> None:
    """Write findings about two records; what is open about the same two stays as it is."""
    if notes:
        table = note_table(spec, rule, notes, datetime.now(UTC))
        transaction.stage(sql.NOTED, sql.NOTED_COLUMNS, table)
        transaction.execute(sql.open_notes_again())
        transaction.execute(sql.insert_notes())


def _may_arrive(new: pa.Table, known: Collection[str]) -> bool:
    """True when a record may be there that was not: one that had no row, or that is whole again after its deletion."""
    kinds = new["change_type"]
    if pc.any(pc.is_in(kinds, value_set=pa.array(sorted(WHOLE), kinds.type))).as_py():
        return True
    return int(pc.count_distinct(new["record_id"]).as_py()) > len(known)


def _note_departed(transaction: Transaction, spec: ObjectSpec, new: pa.Table, now: datetime) -> None:
    gone = new.select(("record_id", "batch")).filter(pc.equal(new["change_type"], DELETE))
    if not len(gone):
        return
    rows = [
        {"record_id": record_id, "object": spec.name, "batch": batch, "departed_at": now}
        for record_id, batch in dict.fromkeys(zip(*(each.to_pylist() for each in gone.columns), strict=True))
    ]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(DEPARTED_COLUMNS))
    transaction.load(DEPARTED, DEPARTED_COLUMNS, table)


def _note_absent(transaction: Transaction, spec: ObjectSpec, catalogue: Catalogue, new: pa.Table) -> Failed:
    found = pointers(spec, catalogue)
    targets = wanted(new, found)
    if not targets:
        return {}
    absent = _absent(transaction, targets)
    if not absent:
        return {}
    children = transaction.fetch(sql.read_pointing(spec, [each.column for each in found]))
    write_notes(transaction, spec, Rule.PARENT, [*pointing(children, found, absent)])
    ids = pa.array(sorted(absent), pa.large_string())
    return {(each.field, Rule.PARENT): carriers(new, each, ids) for each in found}


def _absent(transaction: Transaction, targets: Mapping[str, ObjectSpec]) -> frozenset[str]:
    """Those of some records that are not there, or deleted."""
    if len(targets) <= _FEW:
        by_table: defaultdict[str, list[str]] = defaultdict(list)
        for target, parent in targets.items():
            # What is no id is nowhere, and is not said in a statement.
            if target.isascii() and target.isalnum():
                by_table[current_table(parent)].append(target)
        present = transaction.fetch(sql.find_present(by_table)) if by_table else []
        return frozenset(targets) - {row[0] for row in present}
    objects = [parent.name for parent in targets.values()]
    rows = pa.table(
        [pa.array(targets, pa.large_string()), pa.array(objects, pa.large_string())], ["record_id", "object"]
    )
    transaction.stage(sql.WANTED, sql.WANTED_COLUMNS, rows)
    parents = {parent.name: parent for parent in targets.values()}
    return frozenset(row[0] for row in transaction.fetch(sql.find_absent(list(parents.values()))))


def _check_field(
    transaction: Transaction, spec: ObjectSpec, field: str, carrying: set[str], is_open: set[str]
) -> set[str]:
    """The records of both sets whose value another one has."""
    ids = pa.array(sorted(carrying | is_open), pa.large_string())
    transaction.stage(quality.LATE, RECORD_LIST, pa.table([ids], ["record_id"]))
    rows = transaction.fetch(sql.find_shared(spec, spec.columns[field]))
    shared = {row[0] for row in rows}
    write_notes(
        transaction,
        spec,
        Rule.UNIQUE,
        [Pointing(record_id, field, other, order, batch) for record_id, other, order, batch in rows],
    )
    return shared


def _settle(
    transaction: Transaction, spec: ObjectSpec, field: str, record_ids: Collection[str], batch: str
) -> None:
    if record_ids:
        rows = [
            {"record_id": each, "field": field, "rule": str(Rule.UNIQUE), "batch": batch}
            for each in record_ids
        ]
        table = pa.Table.from_pylist(rows, schema=arrow_schema(quality.SETTLED_COLUMNS))
        transaction.stage(quality.SETTLED, quality.SETTLED_COLUMNS, table)
        transaction.execute(quality.settle_findings(), [datetime.now(UTC), spec.name])
