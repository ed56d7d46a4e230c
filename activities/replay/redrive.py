"""Batches that were applied before, once more: the change log decides what is new, and the books
are put right.

One transaction for an object's share of a group of batches, as `activities.apply.applier` has
it. What the log has counts as a duplicate, found with one query for all of them; what it lacks
is applied as any change. A change that the log has stays applied, whatever the present catalogue
would say of it. Rows of quarantine are replaced by those that still do not fit, and the ledger's
counts are corrected in the same transaction; its times stay those of the first time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from activities.apply.fold_in import apply_changes
from activities.apply.ledger import BatchSlice, ledger_rows
from activities.apply.rebuild import rebuild_records
from activities.apply.staged_files import with_columns
from activities.apply.steps import finish
from activities.apply.token_keys import table_forms
from activities.replay.requarantine import Requarantine
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.live_catalogue import check_revision
from clients.warehouse.sql import replay as sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import LedgerImbalanceError, StaleCatalogueError
from schemas.replay import ReplayCounts
from schemas.tables import arrow_schema
from transforms.ingest.decode_events import places_of
from transforms.pii import Protector
from transforms.pii.token_forms import TokenForms


@dataclass
class Redriver:
    """Applies shares of batches whether or not the ledger has them. Its methods block."""

    warehouse: Warehouse
    catalogue: Catalogue
    protector: Protector | None = None
    """As of `Applier`."""

    def redrive(self, shares: Sequence[BatchSlice], *, record: str | None = None) -> ReplayCounts:
        """Apply shares of one object in one transaction.

        Args:
            shares: Of different batches.
            record: Only its changes are taken, and it is folded again; None: all. A batch that
                the ledger lacks is
                applied whole, since its row accounts for the whole of it.

        Raises `StaleCatalogueError` when the fields were changed meanwhile; staged again, the
        shares can be given again.
        """
        name = shares[0].item.staged.object
        # The revision first, so that the fields are those of it or newer ones.
        known, spec = self.catalogue.revision_of(name), self.catalogue.objects.get(name)
        try:
            return self._redrive(shares, spec, known, record)
        except StaleCatalogueError:
            self.catalogue.follow()
            raise

    def _redrive(
        self, shares: Sequence[BatchSlice], spec: ObjectSpec | None, known: int | None, record: str | None
    ) -> ReplayCounts:
        name = shares[0].item.staged.object
        shares = [_of_today(share, spec) for share in shares]
        batches = [share.batch for share in shares]
        with self.warehouse.transaction() as transaction:
            transaction.lock_object(spec.table if spec else name)
            check_revision(transaction, name, known)
            rows = transaction.fetch(sql.find_ledger_counts(len(batches)), [name, *batches])
            ledger = {batch: tuple(counts) for batch, *counts in rows}
            chosen = [_of_record(each, record) if each.batch in ledger else each for each in shares]
            redriven = _sorted_out(transaction, spec, chosen)
            forms = table_forms(transaction, spec, self.protector)
            _apply(transaction, spec, redriven, self.catalogue, forms)
            quarantine = Requarantine.read(transaction, name, batches)
            for each in redriven:
                each.quarantined = quarantine.replace(
                    each.share, record if each.share.batch in ledger else None
                )
            quarantine.write(transaction)
            unknown = [each.share for each in redriven if each.share.batch not in ledger]
            transaction.load_all([ledger_rows(unknown)])
            for each, share in zip(redriven, shares, strict=True):
                if each.share.batch in ledger:
                    _correct(transaction, each, ledger[each.share.batch], landed=share.item.staged.landed)
            rebuilt = sum(each.share.rebuilt for each in redriven)
            if spec is not None and record is not None:
                rebuild_records(transaction, spec, [record], forms)
                rebuilt += 1
        return ReplayCounts(
            changes=sum(each.changes for each in redriven),
            applied=sum(each.share.applied for each in redriven),
            duplicate=sum(each.share.duplicate for each in redriven),
            quarantined=sum(_length(each.share.refused) for each in redriven),
            released=quarantine.released,
            rebuilt=rebuilt,
        )


@dataclass
class _Redriven:
    """One batch's share, and what is found of it."""

    share: BatchSlice
    """Its refused changes are those that the log lacks."""
    new: pa.Table | None
    """The typed changes that the log lacks."""
    quarantined: int = 0
    """Rows that quarantine holds of the batch and object now."""

    @property
    def changes(self) -> int:
        return self.share.applied + self.share.duplicate + _length(self.share.refused)


def _of_today(share: BatchSlice, spec: ObjectSpec | None) -> BatchSlice:
    """The share in the columns of the fields: they may have come after it was staged."""
    if share.changes is None or spec is None:
        return share
    return replace(share, changes=with_columns(share.changes, spec))


def _of_record(share: BatchSlice, record: str | None) -> BatchSlice:
    """The share's changes of one record; itself for None."""
    if record is None:
        return share
    tables = (share.changes, share.refused)
    changes, refused = (
        None if table is None else table.filter(pc.equal(table["record_id"], record)) for table in tables
    )
    return replace(share, changes=changes, refused=refused)


def _sorted_out(
    transaction: Transaction, spec: ObjectSpec | None, shares: Sequence[BatchSlice]
) -> list[_Redriven]:
    """Find which changes of each slice the change log has, in one query for all."""
    if spec is None:
        return [_Redriven(share, None) for share in shares]
    tables = [_identities(share) for share in shares]
    every = pa.concat_tables(tables)
    is_new = np.zeros(len(every), np.bool_)
    if len(every):
        staged = every.append_column("number", pa.array(np.arange(len(every))))
        transaction.stage(
            sql.IDENTITIES, sql.IDENTITY_COLUMNS, staged.cast(arrow_schema(sql.IDENTITY_COLUMNS))
        )
        is_new[[number for (number,) in transaction.fetch(sql.find_unlogged(spec))]] = True
    ends = np.cumsum([len(table) for table in tables])
    return [_split(share, flags) for share, flags in zip(shares, np.split(is_new, ends[:-1]), strict=True)]


def _identities(share: BatchSlice) -> pa.Table:
    """Record and place of the typed changes, then of the refused ones; the place is null where it
    cannot be read.
    """
    schema = arrow_schema(sql.IDENTITY_COLUMNS[:2])
    parts = []
    if share.changes is not None:
        parts.append(share.changes.select(schema.names).cast(schema))
    if share.refused is not None and len(share.refused):
        headers = [places_of(event.encode()) for event in share.refused["event"].to_pylist()]
        places = [None if header is None else header[1] for header in headers]
        # A refused change may name no record; such a one is nowhere in the log.
        ids = pc.fill_null(share.refused["record_id"], "")
        parts.append(pa.table([ids.cast(pa.large_string()), pa.array(places, pa.large_string())], schema))
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _split(share: BatchSlice, is_new: np.ndarray) -> _Redriven:
    typed = _length(share.changes)
    fresh, stays = is_new[:typed], is_new[typed:]
    new = share.changes
    if new is not None and not fresh.all():
        new = new.filter(pa.array(fresh))
    refused = share.refused
    if refused is not None and not stays.all():
        refused = refused.filter(pa.array(stays))
    known = int(len(is_new) - is_new.sum())
    return _Redriven(replace(share, refused=refused, applied=0, duplicate=known, rebuilt=0, isolated=0), new)


def _apply(
    transaction: Transaction,
    spec: ObjectSpec | None,
    redriven: Sequence[_Redriven],
    catalogue: Catalogue,
    forms: TokenForms | None,
) -> None:
    parts = [replace(each.share, changes=each.new, refused=None, duplicate=0) for each in redriven]
    if spec is None or not any(_length(each.new) for each in redriven):
        return
    finish(transaction, apply_changes(transaction, spec, parts, catalogue, forms))
    for each, part in zip(redriven, parts, strict=True):
        each.share.applied, each.share.rebuilt, each.share.isolated = (
            part.applied,
            part.rebuilt,
            part.isolated,
        )
        each.share.duplicate += part.duplicate


def _correct(transaction: Transaction, each: _Redriven, before: tuple[Any, ...], *, landed: int) -> None:
    """Law 8 for a batch that the ledger has: what was applied stays so, what is neither applied nor
    refused is a duplicate.
    """
    was_landed, applied, duplicate, quarantined, rebuilt, isolated = before
    now_applied = applied + each.share.applied
    now_duplicate = landed - now_applied - each.quarantined
    if landed != was_landed or now_duplicate < 0:
        raise LedgerImbalanceError(
            batch=each.share.batch,
            object_name=each.share.item.staged.object,
            landed=was_landed,
            applied=now_applied,
            duplicate=max(0, now_duplicate),
            quarantined=each.quarantined,
        )
    share = each.share
    counts = (
        now_applied,
        now_duplicate,
        each.quarantined,
        rebuilt + share.rebuilt,
        isolated + share.isolated,
    )
    if counts != (applied, duplicate, quarantined, rebuilt, isolated):
        transaction.execute(sql.correct_ledger(), [*counts, share.batch, share.item.staged.object])


def _length(table: pa.Table | None) -> int:
    return 0 if table is None else len(table)
