"""Find the records that a writeback locks without naming them: the parents that the warehouse knows
of the record, and their ids.

Only a help for putting records of one parent into one batch: what the warehouse does not know,
or is too slow to say, is left out, and a lock that was not foreseen is an error that is tried
again.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql.apply import MOST_LISTED, find_by_key
from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from schemas.errors import TerminalError, TidegateError
from schemas.tables import Kind, field_column
from transforms.writeback.field_rules import UNLOCKED
from transforms.writeback.validate import PreparedWriteback
from transforms.writeback.validate_fields import ParentKey

_LOG = logging.getLogger(__name__)
PATIENCE = timedelta(seconds=2)
"""Time that an acceptance waits for the warehouse."""
REST = timedelta(seconds=30)
"""Pause before the warehouse is asked again after it did not answer in time: each acceptance would
else wait for it.
"""
_AT_ONCE = 2

Parents = Mapping[int, tuple[str, ...]]
"""Index of a writeback -> sorted names of the records that it locks."""


class ParentLookup:
    """Asks one warehouse."""

    def __init__(self, warehouse: Warehouse, catalogue: Catalogue, *, patience: timedelta = PATIENCE) -> None:
        self._warehouse = warehouse
        self._catalogue = catalogue
        self._patience = patience
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="parents")
        self._asks_from = 0.0

    def locks(self, prepared: Sequence[PreparedWriteback]) -> Parents:
        """The locks of each writeback: what it points to, and what the warehouse adds to that."""
        found: dict[int, set[str]] = {}
        if time.monotonic() >= self._asks_from:
            try:
                found = self._pool.submit(self._asked, prepared).result(self._patience.total_seconds())
            except TerminalError as error:
                # It will be refused again, and nobody notices that locks are missing.
                self._asks_from = time.monotonic() + REST.total_seconds()
                _LOG.error("The warehouse refuses to name the parents that writebacks lock: %s", error)
            except (TidegateError, TimeoutError) as error:
                self._asks_from = time.monotonic() + REST.total_seconds()
                _LOG.warning("parents are not looked up for a while: %s", type(error).__name__)
        return {each.index: _locks(each, found.get(each.index, ())) for each in prepared}

    def close(self) -> None:
        """Wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _asked(self, prepared: Sequence[PreparedWriteback]) -> dict[int, set[str]]:
        """The warehouse's part, by index: ids of parents, and the record's own, under which its
        children know it.
        """
        wanted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for each in prepared:
            wanted[each.request.object, each.key_field].add(each.external_id)
            for key in each.parent_keys:
                wanted[key.object, key.field].add(key.value)
        with self._warehouse.transaction() as transaction:
            rows = {
                ParentKey(name, field, value): found
                for (name, field), values in wanted.items()
                for value, found in self._rows(transaction, name, field, values).items()
            }
        added: dict[int, set[str]] = {}
        for each in prepared:
            own = rows.get(ParentKey(each.request.object, each.key_field, each.external_id))
            parents = [rows[key] for key in each.parent_keys if key in rows]
            added[each.index] = {parent for parent, _ in parents} | (
                set() if own is None else {own[0], *own[1]}
            )
        return added

    def _rows(
        self, transaction: Transaction, name: str, key_field: str, values: Iterable[str]
    ) -> dict[str, tuple[str, set[str]]]:
        """External id -> the record's id, and the ids of the parents that it locks."""
        spec = self._catalogue.objects[name]
        key = field_column(spec.columns[key_field], spec.fields[key_field])
        # The store's token of an external id is none of the warehouse's.
        if key.kind is not Kind.TEXT or spec.fields[key_field].is_protected:
            return {}
        columns = [spec.columns[field] for field in locking_references(spec)]
        found: dict[str, tuple[str, set[str]]] = {}
        listed = sorted(values)
        for first in range(0, len(listed), MOST_LISTED):
            some = listed[first : first + MOST_LISTED]
            rows = transaction.fetch(find_by_key(spec, key.name, columns, len(some)), some)
            found |= {value: (record_id, {each for each in ids if each}) for value, record_id, *ids in rows}
        return found


def locking_references(spec: ObjectSpec) -> list[str]:
    """The references of an object that lead to records which a write locks."""
    return [
        name
        for name, field in spec.fields.items()
        if field.type is FieldType.REFERENCE and not UNLOCKED.issuperset(field.references)
    ]


def _locks(prepared: PreparedWriteback, added: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            {*prepared.parent_ids, *chain.from_iterable(key.locks for key in prepared.parent_keys), *added}
        )
    )


LockNames = Callable[[Sequence[PreparedWriteback]], Parents]
"""`ParentLookup.locks`, or what stands in for it without a warehouse."""


def named_locks(prepared: Sequence[PreparedWriteback]) -> Parents:
    """The locks that the writebacks themselves name."""
    return {each.index: _locks(each, ()) for each in prepared}
