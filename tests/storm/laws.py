"""The laws, asked when the storm is over."""

import io
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice

import pyarrow.parquet as pq

from schemas import names
from schemas.errors import TidegateError
from schemas.ids import ORIGIN, chain_prefix, manifest_prefix
from schemas.ingest.raw import Form, Manifest
from tests.storm.acts.rotation import mixed_keys
from tests.storm.convergence import not_converged, schema_not_followed
from tests.storm.tables import StormAudit
from tests.storm.world import CALM_FATE, World

_LASTING = frozenset(
    {names.LANE_WORKFLOW, names.GOVERNOR_WORKFLOW, names.REPAIR_WORKFLOW, names.WRITEBACK_QUEUE_WORKFLOW}
)
LANE, POLLED_LANE, SECOND_LANE = "cdc", "polled", "accounts"


def is_settled(world: World) -> bool:
    """True when nothing is under way but what runs forever."""
    if any(runs[-1].is_open and runs[-1].started.kind not in _LASTING for runs in world.server.runs.values()):
        return False
    # A queue looks every minute, and for echoes every quarter of one.
    left = "SELECT 1 FROM writeback WHERE state IN ('waiting', 'open')"
    if _come_back(world):
        left += " OR (state = 'done' AND echoed_at IS NULL)"
    return not world.parts.database.rows(f"{left} LIMIT 1")


_HEALING = (
    "convergence",
    "schema followed",
    "it ends",
    "land before advance: event",
    "ledger",
    "one effect: the change",
)


def heals(sentence: str) -> bool:
    """True when time alone may repair the fault of a sentence."""
    return sentence.startswith(_HEALING) or " is waiting " in sentence or " is open " in sentence


def broken_laws(world: World) -> list[str]:
    """A sentence for each law that is broken."""
    lanes = {lane: _manifests(world, lane) for lane in (LANE, POLLED_LANE, SECOND_LANE)}
    return [
        *_nothing_replaced(world),
        *chain.from_iterable(map(_one_chain, lanes.values())),
        *_landed_before(world, lanes[LANE]),
        *_followed_from_the_end(world),
        *_ledger_balances(world, list(chain.from_iterable(lanes.values()))),
        *_counted_once(world),
        *_applied_whole(world),
        *_errors_are_ours(world),
        *_runs_ended_well(world),
        *_one_effect(world),
        *_limits(world),
        *_audit_whole(world),
        *(f"one key a table: {each}" for each in islice(mixed_keys(world), 1)),
        *schema_not_followed(world),
        *not_converged(world),
    ]


def _manifests(world: World, lane: str) -> list[Manifest]:
    prefix = manifest_prefix(world.org.org_id, lane)
    return [Manifest.model_validate_json(world.objects.body(key)) for key in world.objects.keys(prefix)]


def _nothing_replaced(world: World) -> Iterator[str]:
    """No manifest and no raw file was written again, but for an erasure, of which the manifest
    tells.
    """
    erased = {
        key
        for key in world.objects.keys(chain_prefix(world.org.org_id))
        if Manifest.model_validate_json(world.objects.body(key)).erasures
    }
    kept = [key for key in world.objects.replaced if "chain/" in key or "raw/" in key]
    if replaced := [key for key in kept if key not in erased]:
        yield f"one chain: {replaced[0]} was written again with other bytes"


def _one_chain(manifests: list[Manifest]) -> Iterator[str]:
    """A lane's batches follow one another, without a fork and without a gap."""
    starts = {each.start: each for each in manifests}
    walked, position = 0, ORIGIN
    while (found := starts.get(position)) is not None and walked <= len(manifests):
        walked, position = walked + 1, found.end
    if walked != len(manifests):
        yield f"one chain: of {len(manifests)} batches {walked} follow one another"


def _landed_before(world: World, manifests: list[Manifest]) -> Iterator[str]:
    """Every event that the bus has held is in one batch, and every raw file is there. After an
    outage a lane goes on with new events, and reads the rest: what came before its next batch may
    be in none. A follower that adopts the batch of another one may get its last event again. It
    lands it as a late member of its group, and applying counts it as a duplicate.
    """
    landed: list[int] = []
    for each in manifests:
        if each.form is Form.EVENTS:
            if each.raw_key not in world.objects.kept:
                yield f"land before advance: {each.raw_key} is not there"
                continue
            table = pq.read_table(io.BytesIO(world.objects.body(each.raw_key)))
            positions = set(table["position"].to_pylist()) - {each.start}
            landed += sorted(map(int, positions))
    sent = [row[0] for row in world.org.org.store.connection.execute("SELECT replay_id FROM events")]
    through = world.org.forgotten_through
    resumed = min((each for each in landed if each > through), default=max(sent, default=0) + 1)
    if missing := {each for each in set(sent) - set(landed) if not through or each >= resumed}:
        yield f"land before advance: event {min(missing)} is in no batch"
    if len(landed) != len(set(landed)):
        yield "one chain: an event is in two batches"


def _followed_from_the_end(world: World) -> Iterator[str]:
    """A follower goes to the chain's end before it subscribes. One that does not receives its
    events again and meets the fence: where the bus holds them still, the end of a schedule shows
    nothing of it. They were paid for twice, and their batch was started late, or never.
    """
    for each in world.behind[:1]:
        yield f"land before advance: {each}"


def _ledger_balances(world: World, manifests: list[Manifest]) -> Iterator[str]:
    """Check that landed = applied + duplicate + quarantined for every batch and object."""
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
    full = set(database.full_tables())
    for spec in world.catalogue.objects.values():
        table = f"audit.{spec.table}_change"
        if table not in full:
            continue
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


_BENIGN = frozenset({"WorkerDraining", "WorkerShutdown", "RPCError"})
"""The error types of steps that make room for another one, and of calls that the SDK gave up."""


def _applied_whole(world: World) -> Iterator[str]:
    """The ledger counts as many new changes of a batch as the change log has of it."""
    database = world.parts.database
    ledger = database.rows("SELECT object, batch, applied FROM ops.ledger WHERE applied > 0")
    counted = {(name, batch): applied for name, batch, applied in ledger}
    logged: dict[tuple[str, str], int] = {}
    for spec in world.catalogue.objects.values():
        query = f"SELECT batch, count(*) FROM audit.{spec.table}_change GROUP BY batch"
        logged |= {(spec.name, batch): count for batch, count in database.rows(query)}
    for name, batch in sorted(counted.keys() | logged.keys()):
        told, there = counted.get((name, batch), 0), logged.get((name, batch), 0)
        if told != there:
            yield f"applied whole: the ledger has {told} changes of {name} in {batch}, the log {there}"
            return


def _errors_are_ours(world: World) -> Iterator[str]:
    """No step failed by an error that nobody has thought of."""
    for kind in sorted(world.server.failures.keys() - _known_codes() - _BENIGN):
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


def _one_effect(world: World) -> Iterator[str]:
    """A writeback changes the org once, and is known when it comes back. One that was being sent
    when an outage began may end as a dead letter whose outcome is unknown.
    """
    rows = world.parts.database.rows(
        "SELECT number, key, external_id, state, code, reason, echoed_at FROM writeback ORDER BY number"
    )
    if not rows:
        return
    held = world.org.org.store.connection.execute("SELECT body FROM events WHERE entity = 'Case'")
    events = [body.decode() for body in (*world.org.forgotten, *(body for (body,) in held))]
    for number, key, external_id, state, code, reason, echoed_at in rows:
        value = f'"written {key.removeprefix("k-")}"'
        effects = sum(value in body for body in events)
        if effects > 1:
            yield f"one effect: writeback {number} of {external_id} has changed the org {effects} times"
        if code == "unknown_outcome" and not _come_back(world):
            continue  # the events are gone that would tell, and it says so
        # Nobody else writes these records: nothing may be held, refused or superseded.
        if state != "done":
            yield f"one effect: writeback {number} of {external_id} is {state} ({reason})"
        elif echoed_at is None and _come_back(world):
            yield f"one effect: the change of writeback {number} has come back and is not known as ours"


def _come_back(world: World) -> bool:
    """True when every change of a writeback comes back: none was forgotten."""
    return not world.org.forgotten_through


def _limits(world: World) -> Iterator[str]:
    """No call goes beyond the org's quota. Where others have used it up at once, the first calls
    cannot be helped: nobody could know. After a refusal was heard each is one too many.
    """
    quota = world.org.quota
    if quota.unexcused:
        yield f"no token, no call: the org refused {quota.unexcused} calls as beyond its quota"
    for needless in islice(quota.needless_calls(), 1):
        yield f"no token, no call: {needless}"


def _audit_whole(world: World) -> Iterator[str]:
    """The audit log's chain holds, and no act is in it twice."""
    log = StormAudit(world.parts.database, CALM_FATE)
    for broken in log.verify()[:1]:
        yield f"audit whole: {broken}"
    twice = world.parts.database.rows(
        "SELECT act, target FROM audit_log GROUP BY at, act, by, target, detail HAVING count(*) > 1"
    )
    for act, target in twice[:1]:
        yield f"audit whole: {act} of {target} is on record twice"
