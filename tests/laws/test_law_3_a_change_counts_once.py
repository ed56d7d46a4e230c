"""Law 3: any multiset of deliveries, in any order, cut anyhow, replayed at will, gives the fold of
the changes.
"""

import random
import uuid
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from activities.apply.applier import Applier
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql import apply as sql
from schemas.catalogue import Catalogue
from schemas.ingest.messages import ApplyInput, StagedObject
from schemas.ingest.raw import RAW_SCHEMA, Manifest
from schemas.tables import quoted
from tests.support.builders.examples import examples
from tests.support.builders.oracle import OracleVersion, fold_events
from transforms.ingest.stage_events import stage_objects

pytestmark = pytest.mark.service

FIELDS = {
    "Name": {"type": "string"},
    "Amount__c": {"type": "currency"},
    "Open__c": {"type": "boolean"},
    "Due__c": {"type": "date"},
    "Notes__c": {"type": "textarea", "length": 4000},
}
COLUMNS = ["name", "amount", "open", "due", "notes"]
CATALOGUE = Catalogue.model_validate(
    {
        "objects": {
            name: {"label": name, "key_prefix": "a0x", "history": history, "fields": FIELDS}
            for name, history in (("Kept__c", True), ("Latest__c", False))
        }
    }
)
VALUES = {
    "Name": st.one_of(st.none(), st.text(max_size=8).filter(lambda text: "\x00" not in text)),
    "Amount__c": st.one_of(st.none(), st.integers(-10_000, 10_000).map(lambda cents: cents / 100)),
    "Open__c": st.one_of(st.none(), st.booleans()),
    "Due__c": st.one_of(st.none(), st.sampled_from(["2026-01-31", "2026-02-28"])),
    "Notes__c": st.one_of(st.none(), st.sampled_from(["", "a,b", 'say "x"', "line\nline", "\\N", "\\."])),
}
BASE_MS = 1_790_000_000_000


@st.composite
def events(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The changes of a few records, several of them within one second, some of them merged into one
    event.
    """
    made = []
    for number in range(draw(st.integers(1, 14))):
        kind = draw(
            st.sampled_from(["CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE", "UNDELETE", "SNAPSHOT"])
        )
        names = (
            list(FIELDS)
            if kind in {"CREATE", "UNDELETE"}
            else draw(st.lists(st.sampled_from(list(FIELDS)), unique=True))
        )
        body = {name: draw(VALUES[name]) for name in names} if kind != "DELETE" else {}
        if kind != "UPDATE":
            body = {name: value for name, value in body.items() if value is not None}
        header = {
            "entityName": "Kept__c",
            "recordIds": draw(
                st.lists(st.sampled_from(["a0x01", "a0x02", "a0x03"]), min_size=1, max_size=2, unique=True)
            ),
            "changeType": kind,
            "commitTimestamp": BASE_MS + 1000 * draw(st.integers(0, 5)),
            "commitNumber": 1_000 + number,
            "sequenceNumber": draw(st.integers(1, 3)),
        }
        made.append({"ChangeEventHeader": header, **body})
    return made


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Events, and batches of indexes into them: every event at least once, duplicates and disorder
    as drawn.
    """
    made = draw(events())
    places = list(range(len(made))) + draw(st.lists(st.integers(0, len(made) - 1), max_size=6))
    if draw(st.booleans()):
        places = draw(st.permutations(places))
    cuts = sorted(draw(st.lists(st.integers(0, len(places)), max_size=5)))
    edges = [0, *cuts, len(places)]
    return made, [places[a:b] for a, b in pairwise(edges) if a < b]


@pytest.fixture
def applier(warehouse: PostgresWarehouse, store: ObjectStore) -> Applier:
    warehouse.ensure_tables(CATALOGUE)
    return Applier(warehouse, store, CATALOGUE)


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(delivery=deliveries(), seed=st.integers(0, 2**16), history=st.booleans())
def test_any_delivery_in_any_order_gives_the_fold(
    applier: Applier, delivery, seed: int, history: bool
) -> None:
    assert_folded(applier, delivery, seed, history)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivery=deliveries(), seed=st.integers(0, 2**16), history=st.booleans())
def test_every_kind_of_warehouse_gives_the_fold(
    any_warehouse: Warehouse, store: ObjectStore, delivery, seed: int, history: bool
) -> None:
    any_warehouse.ensure_tables(CATALOGUE)
    assert_folded(Applier(any_warehouse, store, CATALOGUE), delivery, seed, history)


def assert_folded(applier: Applier, delivery: Any, seed: int, history: bool) -> None:
    made, batches = delivery
    for event in made:
        event["ChangeEventHeader"]["entityName"] = "Kept__c" if history else "Latest__c"
    empty(applier)
    items = [staged(applier, [made[place] for place in places]) for places in batches]
    chance = random.Random(seed)
    # Groups of any size, applied in any order, and some of them once more.
    chance.shuffle(items)
    items += chance.sample(items, chance.randint(0, len(items)))
    while items:
        size = chance.randint(1, 3)
        group, items = unique(items[:size]), items[size:]
        results = applier.apply(group)
        for result in results:
            assert result.landed == result.applied + result.duplicate + result.quarantined
    expected = fold_events(made)
    assert current(applier, history) == {key: versions[-1] for key, versions in as_rows(expected).items()}
    if history:
        assert versions_of(applier) == as_rows(expected)


def unique(items: list[ApplyInput]) -> list[ApplyInput]:
    return list({item.manifest.batch: item for item in items}.values())


def staged(applier: Applier, payloads: list[dict[str, Any]]) -> ApplyInput:
    now = datetime.now(UTC)
    rows = [
        {
            "position": str(place),
            "object": payload["ChangeEventHeader"]["entityName"],
            "changes": len(payload["ChangeEventHeader"]["recordIds"]),
            "received_at": now,
            "event": orjson.dumps({"payload": payload}).decode(),
        }
        for place, payload in enumerate(payloads, start=1)
    ]
    raw = pa.Table.from_pylist(rows, schema=RAW_SCHEMA)
    start = uuid.uuid4().hex
    ((name, (landed, changes, refused)),) = stage_objects(raw, CATALOGUE, batch=f"test/{start}").items()
    assert changes is not None
    assert not len(refused)
    sink = pa.BufferOutputStream()
    pq.write_table(changes, sink)
    key = f"staged/{start}"
    applier.store.put(key, sink.getvalue().to_pybytes())
    manifest = Manifest(
        org="o",
        lane="test",
        start=start,
        end="x",
        raw_key="none",
        raw_sha256="",
        raw_bytes=0,
        events=len(rows),
        landed={name: landed},
        first_received_at=now,
        last_received_at=now,
    )
    share = StagedObject(
        object=name, staged_key=key, refused_key=None, landed=landed, staged=len(changes), refused=0
    )
    return ApplyInput(manifest=manifest, staged=share)


def empty(applier: Applier) -> None:
    with applier.warehouse.transaction() as transaction:
        for spec in CATALOGUE.objects.values():
            for table in sql.tables_of(spec):
                transaction.execute(f"DELETE FROM {table}")


Row = tuple[Any, ...]


def as_rows(expected: dict[str, list[OracleVersion]]) -> dict[str, list[Row]]:
    return {
        key: [_row(n, version) for n, version in enumerate(versions, 1)] for key, versions in expected.items()
    }


def _row(number: int, version: OracleVersion) -> Row:
    values = [version.values.get(name) for name in FIELDS]
    return (*values, version.is_deleted, version.is_complete, number, version.valid_from, version.valid_to)


def current(applier: Applier, history: bool) -> dict[str, Row]:
    table = sql.current_table(CATALOGUE.object("Kept__c" if history else "Latest__c"))
    names = ", ".join([*map(quoted, COLUMNS), "is_deleted", "is_complete", "version", "changed_at"])
    with applier.warehouse.transaction() as transaction:
        rows = transaction.fetch(f"SELECT record_id, {names} FROM {table}")
    return {row[0]: (*_plain(row[1:-1]), _ms(row[-1]), None) for row in rows}


def versions_of(applier: Applier) -> dict[str, list[Row]]:
    names = ", ".join(
        [
            *map(quoted, COLUMNS),
            "is_deleted",
            "is_complete",
            "version",
            "valid_from",
            "valid_to",
            "is_current",
        ]
    )
    table = sql.history_table(CATALOGUE.object("Kept__c"))
    with applier.warehouse.transaction() as transaction:
        rows = transaction.fetch(f"SELECT record_id, {names} FROM {table} ORDER BY record_id, version")
    found: dict[str, list[Row]] = {}
    for row in rows:
        assert row[-1] is (row[-2] is None)
        found.setdefault(row[0], []).append((*_plain(row[1:-3]), _ms(row[-3]), _ms(row[-2])))
    return found


def _plain(values: Row) -> list[Any]:
    convert = {"amount": lambda value: float(value), "due": lambda value: value.isoformat()}
    fields = zip(COLUMNS, values, strict=False)
    return [
        convert[name](value) if name in convert and value is not None else value for name, value in fields
    ] + list(values[len(COLUMNS) :])


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
