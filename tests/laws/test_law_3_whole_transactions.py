"""Law 3 over an org's own transactions: whatever its users did, merges, transfers and cascades
included, its events in any order, number and cut give the records that the org has.

The org is the sandbox's and tells its changes as Salesforce documents them: a merge is a delete
of the losers, an update of each child that moved and one of the winner (Apex Developer Guide,
"Triggers and Merge Statements"; Change Data Capture Developer Guide, "Change Event Message
Structure").
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import LEDGER, current_table, tables_of
from sandbox.org.schema.exact import loads
from sandbox.org.server.app import build_app
from sandbox.org.state.org import Org
from schemas.catalogue import Catalogue, FieldType, ObjectSpec, load_catalogue
from schemas.ids import ORIGIN
from schemas.tables import quoted
from tests.sandbox.org_in_process import new_org
from tests.support.builders.batches import Road
from tests.support.builders.examples import examples
from tests.support.builders.org_operations import OPERATIONS, Users, write_catalogue

pytestmark = pytest.mark.service


@dataclass
class Office:
    """An org with its users, and the road to the warehouse that its changes take."""

    org: Org
    road: Road

    def events(self) -> list[dict[str, Any]]:
        """Every event that the org has told, in its order."""
        rows, _ = self.org.bus.read(self.org.bus.purged_through, None, 10**6, 10**12)
        return [loads(row[3]) for row in rows]


@pytest.fixture
def office(tmp_path: Path, warehouse: PostgresWarehouse, store: ObjectStore) -> Iterator[Office]:
    path = write_catalogue(tmp_path)
    catalogue = load_catalogue(path)
    warehouse.ensure_tables(catalogue)
    org = new_org(tmp_path / "org", catalogue=path)
    build_app(org)  # a reset empties the tables of every API
    yield Office(org, Road(store, warehouse, catalogue))
    org.store.close()


@settings(
    max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(st.sampled_from(OPERATIONS), min_size=4, max_size=18),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    seed=st.integers(0, 2**16),
)
def test_the_events_of_whole_transactions_give_the_records_of_the_org(
    office: Office, names: list[str], cuts: list[int], seed: int
) -> None:
    chance = Random(seed)
    empty(office)
    users = Users(office.org, chance)
    for name in ("arrive", "arrive", *names):
        users.act(name)
    deliver(office, cuts, chance)
    assert held_by_warehouse(office) == held_by_org(office)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "arrive"])
def test_every_operation_tells_something_that_counts(office: Office, name: str) -> None:
    """The generator does each of them: a law over operations that are all refused holds
    anything.
    """
    users = Users(office.org, Random(5))
    before = ["delete"] * 4 if name == "undelete" else []
    for each in ("arrive", "arrive", "arrive", *before):
        users.act(each)
    told = office.org.bus.newest
    for _ in range(6):
        users.act(name)
    assert users.done[name] > 0
    assert office.org.bus.newest > told


def deliver(office: Office, cuts: Sequence[int], chance: Random) -> None:
    """Every event at least once, in any order, in batches of any size, some of them applied
    again.
    """
    events = office.events()
    events += chance.sample(events, min(3, len(events)))
    if chance.random() < 0.7:
        chance.shuffle(events)
    edges = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    items = [
        item for first, end in itertools.pairwise(edges) for item in staged(office.road, events[first:end])
    ]
    chance.shuffle(items)
    for item in [*items, *chance.sample(items, min(2, len(items)))]:
        [result] = office.road.applier(office.road.warehouse).apply([item])
        assert (result.quarantined, result.landed) == (0, result.applied + result.duplicate)


def staged(road: Road, events: Sequence[dict[str, Any]]) -> list[Any]:
    # A delivery has a replay id of its own, whatever the event's: no two batches begin at one
    # place.
    first = 0 if road.position == ORIGIN else int(road.position)
    sent = [event | {"event": {"replayId": first + n}} for n, event in enumerate(events, 1)]
    return list(asyncio.run(road.stage(road.land(sent))).values())


Held = dict[tuple[str, str], tuple[Any, ...]]
"""Object and record id -> whether it is deleted, and its fields' values."""


def held_by_org(office: Office) -> Held:
    found: Held = {}
    for name, spec in catalogue_of(office).objects.items():
        columns = ", ".join(f'"{field}"' for field in spec.fields)
        rows = office.org.store.connection.execute(f'SELECT Id, IsDeleted, {columns} FROM "{name}"')
        for record_id, is_deleted, *values in rows:
            found[name, record_id] = (bool(is_deleted), *map(in_time, spec.fields.values(), values))
    return found


def in_time(field: Any, value: Any) -> Any:
    if value is None or field.type not in (FieldType.DATETIME, FieldType.DATE):
        return value
    if field.type is FieldType.DATE:
        return date.fromisoformat(value)
    return datetime.fromisoformat(value).astimezone(UTC)


def held_by_warehouse(office: Office) -> Held:
    found: Held = {}
    for name, spec in catalogue_of(office).objects.items():
        columns = ", ".join(["record_id", "is_deleted", *(quoted(each) for each in columns_of(spec))])
        with office.road.warehouse.transaction() as transaction:
            for record_id, *row in transaction.fetch(f"SELECT {columns} FROM {current_table(spec)}"):
                found[name, record_id] = tuple(row)
    return found


def columns_of(spec: ObjectSpec) -> list[str]:
    return [spec.columns[name] for name in spec.fields]


def catalogue_of(office: Office) -> Catalogue:
    return office.road.catalogue


def empty(office: Office) -> None:
    """Nothing in the org or in the tables, and a lane of its own."""
    office.org.reset()
    with office.road.warehouse.transaction() as transaction:
        tables = [table for spec in catalogue_of(office).objects.values() for table in tables_of(spec)]
        for table in (*tables, LEDGER):
            transaction.execute(f"DELETE FROM {table}")
    office.road = Road(office.road.store, office.road.warehouse, catalogue_of(office))
