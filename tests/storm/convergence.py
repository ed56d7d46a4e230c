"""Convergence: the warehouse equals the org, record by record and field by field."""

from collections.abc import Iterator
from typing import Any

import orjson

from cli.local.compare_records import Comparison, compare_object, stored_rows
from sandbox.org.control.export import RecordExport
from schemas.catalogue import ObjectSpec
from schemas.quality import Rule
from tests.storm.world import World
from transforms.drift.compare_schema import with_fields


def not_converged(world: World) -> Iterator[str]:
    """Every record of the org is in the warehouse as it is, and no other. Erased ones are left out:
    their values are in the org alone. A field that the org has no more keeps what the warehouse
    has, so there is nothing to be equal to.
    """
    compared = Comparison()
    full, left_out = set(world.parts.database.full_tables()), world.erased
    decided = world.decided
    guard = world.guard(decided)
    with world.parts.database.reading() as connection:
        for spec in map(_without_held, decided.objects.values()):
            if not world.org.org.counts[spec.name] and f"curated.{spec.table}_current" not in full:
                continue
            records = (each for each in _org_records(world, spec.name) if each["Id"] not in left_out)
            rows = (each for each in stored_rows(connection, spec) if each[0] not in left_out)
            compare_object(spec, records, rows, guard, compared)
    for sentence in sorted(set(compared.shown) - _unknown(world)):
        yield f"convergence: {sentence}"


def _unknown(world: World) -> frozenset[str]:
    """Differences in fields whose text was longer than the catalogue's when it came. Such a field
    is unknown, with a row of `ops.quality`, also when the catalogue has room since: a
    reconciliation or an operator reads it again (docs/reconciliation.md), and neither runs here.
    """
    query = f"SELECT object, record_id, field FROM ops.quality WHERE rule = '{Rule.TOO_LONG}' AND resolved_at IS NULL"
    return frozenset(
        f"{name} {each} differs in {field}" for name, each, field in world.parts.database.rows(query)
    )


def schema_not_followed(world: World) -> Iterator[str]:
    """A field that has appeared is in the catalogue, one that is gone is held, one that takes
    longer texts has room.
    """
    for each in world.admin.unknown_to(world.decided):
        yield f"schema followed: {each}"


def _without_held(spec: ObjectSpec) -> ObjectSpec:
    there = {name: field for name, field in spec.fields.items() if not field.held}
    return spec if len(there) == len(spec.fields) else with_fields(spec, there)


def _org_records(world: World, name: str) -> list[dict[str, Any]]:
    store = world.org.org.store
    export = RecordExport(store, store.objects[name], "", None)
    found: list[dict[str, Any]] = []
    while page := export.next_page():
        found += [orjson.loads(line) for line in page.splitlines()]
    export.close()
    return found
