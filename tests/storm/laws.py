"""The laws, asked when the storm is over."""

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
import pyarrow.parquet as pq

from cli.local.compare_records import Comparison, compare_object, stored_rows
from sandbox.org.control.export import RecordExport
from schemas import names
from schemas.errors import TidegateError
from schemas.ids import ORIGIN, manifest_prefix
from schemas.ingest.raw import Form, Manifest
from tests.storm.world import World

_LASTING = frozenset({names.LANE_WORKFLOW, names.GOVERNOR_WORKFLOW, names.REPAIR_WORKFLOW})
LANE = "cdc"


def is_settled(world: World) -> bool:
    """True when nothing is under way but what runs forever."""
    return not any(
        runs[-1].is_open and runs[-1].started.kind not in _LASTING for runs in world.server.runs.values()
    )


def broken_laws(world: World) -> list[str]:
    """A sentence for each law that is broken."""
    manifests = _manifests(world)
    return [
        *_one_chain(world, manifests),
        *_ledger_balances(world, manifests),
        *_counted_once(world),
        *_errors_are_ours(world),
        *_runs_ended_well(world),
        *_converged(world),
    ]


def _manifests(world: World) -> list[Manifest]:
    prefix = manifest_prefix(world.org.org_id, LANE)
    return [Manifest.model_validate_json(world.objects.body(key)) for key in world.objects.keys(prefix)]


def _one_chain(world: World, manifests: list[Manifest]) -> Iterator[str]:
    """No manifest was replaced; the batches follow one another; every event is in one of them."""
    if replaced := [key for key in world.objects.replaced if "chain/" in key or "raw/" in key]:
        yield f"one chain: {replaced[0]} was written again with other bytes"
    starts = {each.start: each for each in manifests}
    walked, position = 0, ORIGIN
    while (found := starts.get(position)) is not None and walked <= len(manifests):
        walked, position = walked + 1, found.end
    if walked != len(manifests):
        yield f"one chain: of {len(manifests)} batches {walked} follow one another"
    landed: list[int] = []
    for each in manifests:
        if each.form is Form.EVENTS:
            if each.raw_key not in world.objects.kept:
                yield f"land before advance: {each.raw_key} is not there"
                continue
            table = pq.read_table(io.BytesIO(world.objects.body(each.raw_key)))
            landed += sorted({int(position) for position in table["position"].to_pylist()})
    sent = [row[0] for row in world.org.org.store.connection.execute("SELECT replay_id FROM events")]
    if missing := set(sent) - set(landed):
        yield f"land before advance: event {min(missing)} is in no batch"
    if len(landed) != len(set(landed)):
        yield "one chain: an event is in two batches"


def _ledger_balances(world: World, manifests: list[Manifest]) -> Iterator[str]:
    """Landed = applied + duplicate + quarantined, for every batch and object."""
    rows = world.parts.database.rows(
        "SELECT batch, object, landed, applied, duplicate, quarantined FROM ops.ledger"
    )
    known = {(batch, name): numbers for batch, name, *numbers in rows}
    if len(known) != len(rows):
        yield "ledger: a batch has two rows of one object"
    for key, (landed, *parts) in known.items():
        if landed != sum(parts):
            yield f"ledger: {key} has landed {landed} and shows {parts}"
    for each in manifests:
        for name, count in each.landed.items():
            if count and known.get((each.batch, name), [None])[0] != count:
                yield f"ledger: {each.batch} has landed {count} of {name} and shows {known.get((each.batch, name))}"


def _counted_once(world: World) -> Iterator[str]:
    """The change log has every change once, and a record one present version."""
    database = world.parts.database
    for spec in world.catalogue.objects.values():
        table = f"audit.{spec.table}_change"
        ((rows, keys),) = database.rows(
            f"SELECT count(*), count(DISTINCT (record_id, change_order)) FROM {table}"
        )
        if rows != keys:
            yield f"a change counts once: {table} has {rows} rows of {keys} changes"
        if spec.history:
            broken = database.rows(
                f"SELECT record_id FROM curated.{spec.table}_history GROUP BY record_id "
                "HAVING sum(CASE WHEN is_current THEN 1 ELSE 0 END) > 1 OR count(*) <> count(DISTINCT version)"
            )
            if broken:
                yield f"a change counts once: {spec.table} has two present versions of {broken[0][0]}"


def _errors_are_ours(world: World) -> Iterator[str]:
    """No step failed by an error that nobody has thought of."""
    for kind in sorted(world.server.failures.keys() - _known_codes() - {"WorkerDraining"}):
        yield f"clear errors: a step failed with {kind}"


@cache
def _known_codes() -> frozenset[str]:
    found, left = set(), [TidegateError]
    while left:
        each = left.pop()
        found.add(each.code)
        left += each.__subclasses__()
    return frozenset(found)


def _runs_ended_well(world: World) -> Iterator[str]:
    """No batch was given up, and no lane stands still without anybody's having asked for it."""
    for workflow_id, runs in world.server.runs.items():
        last = runs[-1]
        if last.is_open and last.started.kind not in _LASTING:
            yield f"it ends: {workflow_id} is not done"
        if last.status in ("FAILED", "TERMINATED", "CANCELED"):
            yield f"it ends: {workflow_id} ended as {last.status}"


def _converged(world: World) -> Iterator[str]:
    """Every record of the org is in the warehouse as it is, and no other."""
    compared = Comparison()
    with world.parts.database.reading() as connection:
        for spec in world.catalogue.objects.values():
            records = iter(_org_records(world, spec.name))
            compare_object(spec, records, stored_rows(connection, spec), world.protector, compared)
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
