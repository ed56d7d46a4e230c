"""Locks of Redshift: which table, in which order, and what is said when the order is broken."""

import pyarrow as pa
import pytest

from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.redshift_locks import writes_to_ops
from clients.warehouse.sql.apply import LEDGER, RECORD_LIST
from schemas.tables import Column, Kind
from tests.unit.warehouse.test_redshift import FIND_LOCKS, Conversation, NotedStore, said, store, warehouse

__all__ = ["NotedStore", "said", "store", "warehouse"]


def locked(said: Conversation) -> list[str]:
    return [text.removeprefix("LOCK TABLE ") for text in said if text.startswith("LOCK")]


def test_an_object_is_locked_by_a_table_that_nobody_reads(
    warehouse: RedshiftWarehouse, said: Conversation
) -> None:
    with warehouse.transaction() as transaction:
        transaction.lock_object("thing")
    assert locked(said) == ["ops.lock_object_thing"]


def test_what_is_no_object_has_one_lock_of_all(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    for name in ("names", "drift", "Foreign__c; DROP"):
        with warehouse.transaction() as transaction:
            transaction.lock_object(name)
    assert set(locked(said)) == {"ops.lock_others"}


def test_an_object_that_another_process_made_is_found(
    warehouse: RedshiftWarehouse, said: Conversation
) -> None:
    with warehouse.transaction() as transaction:
        transaction.lock_object("late")
    said.answers["SELECT c.relname"] = [("lock_object_late",)]
    with warehouse.transaction() as transaction:
        transaction.lock_object("late")
    assert locked(said) == ["ops.lock_others", "ops.lock_object_late"]


def test_a_known_lock_is_not_looked_for_again(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    for _ in range(3):
        with warehouse.transaction() as transaction:
            transaction.lock_object("thing")
    assert said.count(FIND_LOCKS) == 1


def test_the_writes_to_ops_are_locked_once_and_last(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    rows = pa.table({"batch": ["b"]})
    with warehouse.transaction() as transaction:
        transaction.lock_object("thing")
        transaction.load("curated.thing_current", RECORD_LIST, pa.table({"record_id": ["a0x"]}))
        transaction.load(LEDGER, (Column("batch", Kind.TEXT, 255),), rows)
        transaction.execute("UPDATE ops.quality SET seen = 1")
    assert locked(said) == ["ops.lock_object_thing", "ops.lock_writes"]


def test_a_reader_locks_nothing(warehouse: RedshiftWarehouse, said: Conversation) -> None:
    with warehouse.reading() as reading:
        reading.stage("stage_named", RECORD_LIST, pa.table({"record_id": ["a0x"]}))
        reading.fetch("SELECT batch FROM ops.ledger")
    assert locked(said) == []


def test_no_object_is_locked_after_a_write_to_ops(warehouse: RedshiftWarehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM ops.checked")
        with pytest.raises(ValueError, match="Lock thing before the first write to ops"):
            transaction.lock_object("thing")


@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        ("INSERT INTO ops.hold (object) VALUES (%s)", True),
        ("UPDATE ops.ledger SET applied = 1", True),
        ("DELETE FROM ops.quarantine USING x", True),
        ("INSERT INTO audit.thing_change SELECT 1 FROM ops.ledger", False),
        ("SELECT 1 FROM ops.ledger", False),
    ],
)
def test_a_write_to_ops_is_recognised(statement: str, writes: bool) -> None:
    assert writes_to_ops(statement) is writes
