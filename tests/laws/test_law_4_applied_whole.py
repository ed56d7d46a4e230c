"""Law 4: change log, current, history, quarantine and ledger of a batch are committed together or
not at all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from clients.storage.objects import ObjectStore
from clients.warehouse import Load, Transaction, Warehouse
from clients.warehouse.postgres import PostgresWarehouse
from sandbox import postgres
from schemas.catalogue import Catalogue
from schemas.errors import UnavailableError
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.tables import Column
from tests.support.builders.batches import Road, contents
from tests.support.builders.bus import event, stamps
from tests.support.builders.catalogues import with_fields

pytestmark = pytest.mark.service

KNOWN, LATE, FRESH = "003000000000001AAA", "003000000000002AAA", "003000000000003AAA"
TOUCHED = {
    "audit.contact_change",
    "curated.contact_current",
    "curated.contact_history",
    "ops.quarantine",
    "ops.quality",
    "ops.ledger",
}


class PowerCut(Exception):  # noqa: N818
    """The error of the scripted failure."""


class FailingWarehouse:
    """A warehouse whose transactions fail when one of their steps is done, the last one before the
    commit.
    """

    def __init__(self, inner: Warehouse, fails_at: int, how: Callable[[Transaction], None]) -> None:
        self._inner = inner
        self._fails_at = fails_at
        self._how = how
        self.steps = 0

    @contextmanager
    def transaction(self) -> Iterator["FailingWarehouse"]:
        with self._inner.transaction() as transaction:
            # A turn that is repeated fails again.
            self._transaction, self.steps = transaction, 0
            yield self

    def reading(self) -> AbstractContextManager[Transaction]:
        return self._inner.reading()

    def _step(self, do: Callable[[], Any]) -> Any:
        answer = do()
        self.steps += 1
        if self.steps == self._fails_at:
            self._how(self._transaction)
        return answer

    def lock_object(self, table: str) -> None:
        self._step(lambda: self._transaction.lock_object(table))

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        return int(self._step(lambda: self._transaction.execute(statement, parameters)))

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self._step(lambda: self._transaction.fetch(statement, parameters)))

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        self._step(lambda: self._transaction.stage(name, columns, rows))

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        self._step(lambda: self._transaction.load(table, columns, rows))

    def export(self, query: str) -> Iterator[list[tuple[Any, ...]]] | None:
        return self._transaction.export(query)

    def load_all(self, loads: Sequence[Load]) -> None:
        self._step(lambda: self._transaction.load_all(loads))

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        return self._inner.ensure_tables(catalogue)

    def existing_columns(self) -> Mapping[str, Set[str]]:
        return self._inner.existing_columns()

    def reclaim(self, tables: Sequence[str], *, rewrite: bool = False) -> None:
        self._inner.reclaim(tables, rewrite=rewrite)

    def with_copy(self) -> Sequence[Warehouse]:
        return (as_warehouse(self),)

    def close(self) -> None:
        self._inner.close()


def cut_power(transaction: Transaction) -> None:
    raise PowerCut


def kill_session(transaction: Transaction) -> None:
    transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def contact(replay_id: int, record_id: str, change_type: str, **fields: Any) -> dict[str, Any]:
    return event(replay_id, fields, object_name="Contact", change_type=change_type, record_ids=[record_id])


def whole_contact(title: str) -> dict[str, Any]:
    return {"Name": {"LastName": "Lund"}, "Title": title, **stamps()}


def catalogue() -> Catalogue:
    """A contact without a last name is refused."""
    rule = {"required": True, "severity": {"required": "reject"}}
    return with_fields(
        {
            "Contact": {
                "LastName": {"type": "string", "length": 80, "part_of": "Name", "pii": "personal"} | rule
            }
        }
    )


def before() -> list[dict[str, Any]]:
    return [
        contact(2, KNOWN, "CREATE", **whole_contact("a")),
        contact(5, LATE, "CREATE", **whole_contact("b")),
    ]


async def the_group(road: Road) -> list[ApplyInput]:
    """Two batches that take every path: new, in order, out of order, duplicate, refused, and with
    fields that do not fit.
    """
    first = [
        contact(10, FRESH, "CREATE", **whole_contact("c")),
        contact(11, KNOWN, "UPDATE", Title="d"),
        contact(12, KNOWN, "UPDATE", Title="e" * 129),
        contact(13, "003000000000004AAA", "CREATE", Title="a last name is missing"),
    ]
    second = [
        contact(3, LATE, "CREATE", **whole_contact("earlier than what is applied")),
        contact(2, KNOWN, "CREATE", **whole_contact("a")),
        contact(14, FRESH, "UPDATE", Nonsense__c="not in the catalogue"),
        contact(15, FRESH, "DELETE"),
    ]
    manifests = [road.land(first), road.land(second)]
    return [(await road.stage(manifest))["Contact"] for manifest in manifests]


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse, catalogue())
    warehouse.ensure_tables(opened.catalogue)
    return opened


@pytest.fixture
def reader(database: str) -> Iterator[PostgresWarehouse]:
    """Looks at the tables with a session of its own, which no failure ends."""
    opened = PostgresWarehouse(database)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("how", "error", "stride"),
    [
        pytest.param(cut_power, PowerCut, 1, id="raise"),
        pytest.param(kill_session, UnavailableError, 3, id="kill"),  # a new session is slow
    ],
)
async def test_a_failure_at_any_step_leaves_nothing_and_the_next_try_everything(
    road: Road,
    warehouse: PostgresWarehouse,
    reader: PostgresWarehouse,
    how: Callable[[Transaction], None],
    error: type[Exception],
    stride: int,
):
    await road.send(before())
    group = await the_group(road)
    untouched = contents(reader, road.catalogue)
    steps = 0
    results: list[ApplyResult] = []
    while not results:
        failing = FailingWarehouse(warehouse, steps + 1, how)
        try:
            results = road.applier(as_warehouse(failing)).apply(group)
        except error:
            steps += stride
            assert contents(reader, road.catalogue) == untouched, f"left something at step {steps}"
    assert steps > 20, "the sweep is meant to cover every statement and load"
    now = contents(reader, road.catalogue)
    assert {table for table, rows in now.items() if rows != untouched.get(table)} == TOUCHED
    assert [(r.landed, r.applied, r.duplicate, r.quarantined) for r in results] == [
        (4, 3, 0, 1),
        (4, 3, 1, 0),
    ]


async def test_what_failed_before_gives_the_same_rows_as_what_never_failed(
    road: Road, warehouse: PostgresWarehouse, store: ObjectStore, postgres_port: int
):
    await road.send(before())
    group = await the_group(road)
    with pytest.raises(PowerCut):
        road.applier(as_warehouse(FailingWarehouse(warehouse, 21, cut_power))).apply(group)
    road.applier(warehouse).apply(group)
    with other_database(postgres_port) as other:
        calm = Road(store, other, road.catalogue, lane=road.lane)
        other.ensure_tables(calm.catalogue)
        first = next(iter((await calm.stage(calm.land(before()))).values()))
        calm.applier(other).apply([first])
        calm.applier(other).apply(group)
        expected = contents(other, road.catalogue, clock=False)
    found = contents(warehouse, road.catalogue, clock=False)
    found.pop("ops.ledger"), expected.pop("ops.ledger")  # holds the raw file's name, which differs
    assert found == expected


async def test_a_batch_in_the_ledger_is_not_applied_again(road: Road, warehouse: PostgresWarehouse):
    await road.send(before())
    group = await the_group(road)
    first = road.applier(warehouse).apply(group)
    after = contents(warehouse, road.catalogue)
    assert road.applier(warehouse).apply(group) == first
    assert road.applier(warehouse).apply(group[:1]) == first[:1]
    assert contents(warehouse, road.catalogue) == after


def as_warehouse(failing: FailingWarehouse) -> Warehouse:
    return failing


@contextmanager
def other_database(port: int) -> Iterator[PostgresWarehouse]:
    with psycopg.connect(postgres.dsn(port, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE calm")
        opened = PostgresWarehouse(postgres.dsn(port, "calm"))
        try:
            yield opened
        finally:
            opened.close()
            connection.execute("DROP DATABASE calm WITH (FORCE)")
