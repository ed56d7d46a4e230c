"""scope_erasure: find whom an erasure is about, and by which keys their rows are known; then name
them where every process reads it.

The external ids are read before anything goes: they are how writebacks and files name a record.
They are kept as tokens, until the erasure is done.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
import pyarrow as pa
from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import apply as sql, erasure as erasure_sql
from schemas import names
from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from schemas.errors import ActRefusedError
from schemas.ops_tables import ERASED_COLUMNS
from schemas.salesforce.record_ids import KEY_PREFIX_CHARACTERS
from schemas.security.erasure import ErasureInput, ErasureScope
from schemas.security.ids import erasure_scope_key
from transforms.pii import Protector

_CONTEXT = "erasure"
"""Of the tokens in a stored scope."""


class Scope(NamedTuple):
    """Whose values go."""

    records: Mapping[str, tuple[str, ...]]
    """Object -> ids."""
    keys: tuple[str, ...]
    """`record` of their writebacks: `Contact.ExternalId__c=c-1`, in small letters after the
    sign.
    """
    since: datetime | None
    """No store has anything of them from before; None: it is not known."""

    @property
    def ids(self) -> frozenset[str]:
        """All records."""
        return frozenset(each for some in self.records.values() for each in some)


def read_scope(store: ObjectStore, protector: Protector, org: str, key: str) -> Scope:
    """The stored scope of an erasure; raises `ObjectMissingError`."""
    kept = orjson.loads(store.get(erasure_scope_key(org, key)))
    return Scope(
        records={name: tuple(ids) for name, ids in kept["records"].items()},
        keys=tuple(protector.decrypt(_CONTEXT, token) for token in kept["keys"]),
        since=None if kept["since"] is None else datetime.fromisoformat(kept["since"]),
    )


@dataclass
class ScopeErasure:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector

    @activity.defn(name=names.SCOPE_ERASURE)
    async def scope_erasure(self, request: ErasureInput) -> ErasureScope:
        """Find the records and their keys, and put them on the list of erased ones."""
        async with heartbeating():
            return await asyncio.to_thread(self._scope, request)

    def _scope(self, request: ErasureInput) -> ErasureScope:
        named = self._by_object(request.records)
        with self.warehouse.reading() as reading:
            related = _related(reading, self.catalogue, named)
            chosen = _joined(named, related) if request.with_related else named
            scope = Scope(chosen, *self._facts(reading, chosen))
        # The first attempt's: a later one may find nothing any more.
        self.store.create(erasure_scope_key(request.org, request.key), self._written(scope))
        scope = read_scope(self.store, self.protector, request.org, request.key)
        if not request.is_dry:
            for each in self.warehouse.with_copy():
                with each.transaction() as transaction:
                    put_on_list(transaction, scope, request.key)
            self.protector.forget(scope.ids)
        counts = {name: len(ids) for name, ids in related.items() if ids}
        return ErasureScope(records=len(scope.ids), related=counts)

    def _by_object(self, record_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        prefixes = {spec.key_prefix: name for name, spec in self.catalogue.objects.items()}
        found: defaultdict[str, list[str]] = defaultdict(list)
        for each in record_ids:
            name = prefixes.get(each[:KEY_PREFIX_CHARACTERS])
            if name is None:
                raise ActRefusedError(
                    detail=f"{each} is a record of no object of the catalogue. Check the id; nothing was erased."
                )
            found[name].append(each)
        return {name: tuple(ids) for name, ids in found.items()}

    def _facts(
        self, reading: Transaction, chosen: Mapping[str, tuple[str, ...]]
    ) -> tuple[tuple[str, ...], datetime | None]:
        keys: set[str] = set()
        times: list[datetime | None] = []
        for name, ids in chosen.items():
            spec = self.catalogue.object(name)
            stage_ids(reading, ids)
            keys |= {f"{name}.Id={each.lower()}" for each in ids}
            keys |= set(_external_ids(reading, spec))
            ((received_at, created_at),) = reading.fetch(erasure_sql.find_first_seen(spec))
            ((left,),) = reading.fetch(erasure_sql.count_rows(sql.base_table(spec)))
            is_known = received_at is not None and not left
            times.append(min(filter(None, (received_at, created_at))) if is_known else None)
        # A record that the log has never seen, or of which older changes have left it, may lie in
        # raw all the same.
        since = None if None in times else min(filter(None, times), default=None)
        return tuple(sorted(keys)), since

    def _written(self, scope: Scope) -> bytes:
        return orjson.dumps(
            {
                "records": scope.records,
                "keys": [self.protector.encrypt(_CONTEXT, key) for key in scope.keys],
                "since": None if scope.since is None else scope.since.isoformat(),
            }
        )


def stage_ids(transaction: Transaction, ids: Iterable[str]) -> None:
    """Make the records readable as the temporary table `REBUILT`."""
    rows = pa.table({"record_id": pa.array(sorted(ids), pa.large_string())})
    transaction.stage(sql.REBUILT, sql.RECORD_LIST, rows)


def put_on_list(transaction: Transaction, scope: Scope, erasure: str) -> None:
    """Name the records in `ops.erased`; those that are there stay as they are."""
    known = {row[0] for row in transaction.fetch(erasure_sql.list_erased())}
    statement = sql.insert_row(sql.ERASED, ERASED_COLUMNS)
    now = datetime.now(UTC)
    for name, ids in scope.records.items():
        for each in ids:
            if each not in known:
                transaction.execute(statement, [each, name, erasure, now])


def _external_ids(reading: Transaction, spec: ObjectSpec) -> Iterator[str]:
    for name, field in spec.fields.items():
        if field.external_id:
            statement = erasure_sql.read_values(spec, spec.columns[name])
            for (value,) in reading.fetch(statement):
                yield f"{spec.name}.{name}={str(value).lower()}"


def _related(
    reading: Transaction, catalogue: Catalogue, named: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Object -> records that point to the named ones, directly or through others. A record that
    points to another of its own object is somebody else's.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    left = [(name, frozenset(ids)) for name, ids in named.items()]
    while left:
        parent, ids = left.pop()
        for spec in catalogue.objects.values():
            if spec.name == parent:
                continue
            children = set(_children(reading, spec, parent, ids))
            new = children - found[spec.name] - set(named.get(spec.name, ()))
            if new:
                found[spec.name] |= new
                left.append((spec.name, frozenset(new)))
    return {name: tuple(sorted(ids)) for name, ids in found.items() if ids}


def _children(reading: Transaction, spec: ObjectSpec, parent: str, ids: frozenset[str]) -> Iterator[str]:
    pointers = [
        spec.columns[name]
        for name, field in spec.fields.items()
        if field.type is FieldType.REFERENCE and not field.is_protected and parent in field.references
    ]
    if not pointers:
        return
    stage_ids(reading, ids)
    for column in pointers:
        yield from (row[0] for row in reading.fetch(erasure_sql.find_related(spec, column)))


def _joined(
    one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(sorted({*one.get(name, ()), *other.get(name, ())})) for name in one.keys() | other.keys()
    }
