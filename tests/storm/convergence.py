"""Convergence: the warehouse equals the org, record by record and field by field."""

from collections.abc import Iterator
from typing import Any

import orjson

from cli.local.compare_records import Comparison, compare_object, stored_rows
from sandbox.org.control.export import RecordExport
from tests.storm.world import World
from transforms.ingest.decode_events import AHEAD_OF_CLOCK


def ahead_of_clock(world: World) -> frozenset[str]:
    """Records with a change in quarantine that lay far ahead of the clock that received it.

    It is put there on purpose (docs/decisions/0028-ahead-of-the-clock.md), and somebody has to look
    at it. A process whose clock is more than five minutes behind receives only such changes.
    """
    query = f"SELECT record_id FROM ops.quarantine WHERE reason = '{AHEAD_OF_CLOCK}'"
    return frozenset(record_id for (record_id,) in world.parts.database.rows(query))


def not_converged(world: World) -> Iterator[str]:
    """Every record of the org is in the warehouse as it is, and no other. Records with a change
    ahead of the clock are left out: nobody has looked at it yet.
    """
    compared = Comparison()
    full, left_out = set(world.parts.database.full_tables()), ahead_of_clock(world)
    with world.parts.database.reading() as connection:
        for spec in world.catalogue.objects.values():
            if not world.org.org.counts[spec.name] and f"curated.{spec.table}_current" not in full:
                continue
            records = (each for each in _org_records(world, spec.name) if each["Id"] not in left_out)
            rows = (each for each in stored_rows(connection, spec) if each[0] not in left_out)
            compare_object(spec, records, rows, world.protector, compared)
    for sentence in compared.shown:
        yield f"convergence: {sentence}"


def _org_records(world: World, name: str) -> list[dict[str, Any]]:
    store = world.org.org.store
    export = RecordExport(store, store.objects[name], "", None)
    found: list[dict[str, Any]] = []
    while page := export.next_page():
        found += [orjson.loads(line) for line in page.splitlines()]
    export.close()
    return found
