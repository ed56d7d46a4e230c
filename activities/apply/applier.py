"""Laws 3, 4 and 8 in the warehouse: groups of staged batches, each of one object, become one
transaction.

In it: the change log, current, history, quarantine and a ledger row a batch. A batch that the
ledger knows is not applied again.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from activities.apply.erased import without_erased
from activities.apply.fold_in import apply_changes
from activities.apply.holds import TooManyRejectedError, check_hold, hold
from activities.apply.ledger import BatchSlice, ledger_rows
from activities.apply.staged_files import read_slice
from activities.apply.steps import (
    Fault,
    GroupFailedError,
    SharedLoadError,
    Steps,
    take_steps,
    take_steps_apart,
)
from activities.apply.token_keys import table_forms
from activities.quality.record_quality import count_rejected
from activities.request_reread import enqueue_rereads
from clients.metrics.changes import count_applied, object_label, observe_applied, timed, timed_outcome
from clients.metrics.work import WAREHOUSE_LOCK_SECONDS, WAREHOUSE_SECONDS
from clients.storage.objects import ObjectStore
from clients.warehouse import Load, Transaction, Warehouse
from clients.warehouse.live_catalogue import check_revision
from clients.warehouse.sql import apply as sql, ledger as ledger_sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import StaleCatalogueError
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.ops_tables import QUARANTINE_COLUMNS
from transforms.ingest.stage_events import for_quarantine
from transforms.pii import Protector
from transforms.repair import rereads_for_refusals

_READ_AT_ONCE = 8
"""Objects of a turn whose staged files are read at once."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Group:
    """Batches of one object, read, and what the catalogue said of it before."""

    name: str
    spec: ObjectSpec | None
    """None: of an object that the catalogue lacks."""
    known: int | None
    shares: list[BatchSlice]

    @property
    def lock(self) -> tuple[bool, str]:
        """In the order of locks: what has no tables has one lock with others of its kind, the last
        one.
        """
        return (True, self.name) if self.spec is None else (False, self.spec.table)


@dataclass
class Applier:
    """Applies groups of staged batches. One for a process; its methods block."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector | None = None
    """Brings tokens to the form that the object's tables have; None = they stay as they were
    landed.
    """
    books: Warehouse | None = None
    """Where a hold is written down; None = in the warehouse."""
    is_copy: bool = False
    """True: of a read copy. The warehouse's applier counts the same changes."""

    def apply(self, items: Sequence[ApplyInput]) -> list[ApplyResult]:
        """Apply batches of one object in one transaction; the results are in the order of `items`.

        Raises `ObjectHeldError` while the object is held, or when one of the batches holds it.
        """
        try:
            (results,) = self.apply_turn([items])
        except GroupFailedError as failed:
            raise failed.cause from failed.cause.__cause__
        return results

    def apply_turn(self, groups: Sequence[Sequence[ApplyInput]]) -> list[list[ApplyResult]]:
        """Apply groups of batches, each of one object, in one transaction; the results are in the
        order of `groups`.

        Raises `GroupFailedError` when one group cannot be applied, and the warehouse's error when
        the transaction cannot be opened or committed.
        """
        try:
            try:
                return self._turn(groups)
            except SharedLoadError as failed:
                # Whose fault it is shows when every group loads by itself.
                _log.warning("The loads of a turn have failed; it is repeated apart: %s", failed.cause)
                return self._turn(groups, apart=True)
        except GroupFailedError as failed:
            name = groups[failed.place][0].staged.object
            raise GroupFailedError(failed.place, self._own_error(name, failed.cause)) from failed.cause

    def _turn(
        self, groups: Sequence[Sequence[ApplyInput]], *, apart: bool = False
    ) -> list[list[ApplyResult]]:
        fault = Fault()
        with fault.named():
            # Outside of the transaction, which holds locks.
            with ThreadPoolExecutor(min(_READ_AT_ONCE, len(groups))) as pool:
                reads = [pool.submit(copy_context().run, self._read, items) for items in groups]
            read: list[_Group] = []
            for place, each in enumerate(reads):
                with fault.of_group(place):
                    read.append(each.result())
            with nullcontext() if self.is_copy else _timed(read), self.warehouse.transaction() as transaction:
                # Always in one order: two turns would else wait for each other.
                for place in sorted(range(len(read)), key=lambda place: read[place].lock):
                    with fault.of_group(place):
                        _lock(transaction, read[place])
                work = [self._apply(transaction, group) for group in read]
                results = (take_steps_apart if apart else take_steps)(transaction, work, fault)
        for group in () if self.is_copy else read:
            _observe([share for share in group.shares if share.is_fresh])
        return results

    def _own_error(self, name: str, error: Exception) -> Exception:
        """The error with which the group's batches end or wait."""
        if isinstance(error, StaleCatalogueError):
            self.catalogue.follow()
        if isinstance(error, TooManyRejectedError):
            held = hold(self.books or self.warehouse, self.catalogue.object(name), error)
            held.__cause__ = error
            return held
        return error

    def _read(self, items: Sequence[ApplyInput]) -> _Group:
        name = items[0].staged.object
        # The revision first, so that the fields are those of it or newer ones.
        known, spec = self.catalogue.revision_of(name), self.catalogue.objects.get(name)
        return _Group(name, spec, known, [self.read(item, spec) for item in items])

    def read(self, item: ApplyInput, spec: ObjectSpec | None) -> BatchSlice:
        """As of `read_slice`."""
        return read_slice(self.store, item, spec)

    def _apply(self, transaction: Transaction, group: _Group) -> Steps[list[ApplyResult]]:
        spec, shares = group.spec, group.shares
        check_revision(transaction, group.name, group.known)
        done = _applied_before(transaction, group.name, [share.batch for share in shares])
        fresh = [share for share in shares if share.batch not in done]
        for share in fresh:
            share.is_fresh = True
        if spec is not None:
            check_hold(transaction, spec, fresh)
            with_changes = [share for share in fresh if share.changes is not None]
            forms = table_forms(transaction, spec, self.protector) if with_changes else None
            yield from apply_changes(transaction, spec, with_changes, self.catalogue, forms)
            landed = sum(share.item.staged.landed for share in fresh)
            count_rejected(transaction, spec, landed, [share.refused for share in fresh])
        refused = [self._refused(transaction, share) for share in fresh if share.refused is not None]
        yield [*refused, ledger_rows(fresh)]
        before = {batch: _ledger_result(row) for batch, row in done.items()}
        return [before.get(share.batch) or share.result() for share in shares]

    def _refused(self, transaction: Transaction, share: BatchSlice) -> Load:
        refused = without_erased(transaction, share.refused, self.catalogue)
        share.rereads += enqueue_rereads(transaction, rereads_for_refusals(share.refused))
        return Load(sql.QUARANTINE, QUARANTINE_COLUMNS, for_quarantine(refused, [_now()] * len(refused)))


@contextmanager
def _timed(groups: Sequence[_Group]) -> Iterator[None]:
    """Take the time of the transaction for each object of it."""
    with ExitStack() as clocks:
        for name in sorted({group.name for group in groups}):
            clocks.enter_context(timed_outcome(WAREHOUSE_SECONDS, object_label(name)))
        yield


def _lock(transaction: Transaction, group: _Group) -> None:
    with timed(WAREHOUSE_LOCK_SECONDS, object_label(group.name)):
        transaction.lock_object(group.lock[1])


def _observe(fresh: Sequence[BatchSlice]) -> None:
    """Count the changes of the commit."""
    committed_at = _now()
    for share in fresh:
        count_applied(share.result())
        if share.changes is not None and share.applied:
            new = share.changes if not share.duplicate else share.changes.filter(pa.array(share.is_new))
            observe_applied(share.item.manifest, share.item.staged.object, new, committed_at)


def _now() -> datetime:
    return datetime.now(UTC)


def _applied_before(transaction: Transaction, name: str, batches: list[str]) -> dict[str, tuple[Any, ...]]:
    """Batches that the ledger has: an earlier try committed and was killed before it could say
    so.
    """
    rows = transaction.fetch(ledger_sql.find_applied_batches(len(batches)), [name, *batches])
    return {row[0]: row for row in rows}


def _ledger_result(row: tuple[Any, ...]) -> ApplyResult:
    _, name, landed, applied, duplicate, quarantined, rebuilt, isolated, last_changed_at = row
    return ApplyResult(
        object=name,
        landed=landed,
        applied=applied,
        duplicate=duplicate,
        quarantined=quarantined,
        rebuilt=rebuilt,
        isolated=isolated,
        last_changed_at=last_changed_at,
    )
