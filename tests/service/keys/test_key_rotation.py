"""A rotation on real parts: old values stay readable, equal values stay equal at every moment, and
a replay of what was landed under the first key gives the same rows.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.apply.applier import Applier
from activities.apply.rebuild import rebuild_records
from activities.apply.token_keys import table_forms
from activities.keys.reencrypt import Reencryption
from activities.keys.rotate import KeyRotation
from activities.reconcile.verify_fold import _compare
from clients.database.key_register import DataKeyRegister
from clients.storage.data_key import DataKeys, org_key_ring
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse import Warehouse
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import change_table, current_table, history_table
from schemas.security.keys import BeginRotationInput, ReencryptCounts, ReencryptInput
from tests.support.builders.batches import Road
from tests.support.builders.things import CATALOGUE, SPEC, THING, event
from transforms.pii import KeyRing, Protector, key_of

pytestmark = pytest.mark.service

EMAIL, BIRTH = "ada@example.org", "1990-04-01"
TABLES = (current_table(SPEC), history_table(SPEC), change_table(SPEC))


def record(number: int) -> str:
    return f"a0xTg{number:010d}AAA"


class Rotating:
    """One org whose key is rotated."""

    def __init__(self, store: ObjectStore, address: S3Address, warehouse: Warehouse, dsn: str) -> None:
        self.org = f"00D{uuid.uuid4().hex[:15]}"
        self.warehouse = warehouse
        self.store = store
        self.register = DataKeyRegister(dsn)
        self.register.ensure()
        self.keys = DataKeys(self.org, address, store)
        self.protector = self.process(address)
        self.reencryption = Reencryption(warehouse, CATALOGUE, self.protector, records_at_once=2)
        self.rotation = KeyRotation(self.keys, self.register, warehouse, CATALOGUE, self.protector)
        self.commit = 1

    def process(self, address: S3Address) -> Protector:
        """Another process of the same engine: it knows the keys that there are by now."""
        ring = org_key_ring(self.org, address, self.store, register=self.register)
        return Protector(ring, CATALOGUE)

    async def rotate(self, run: str = "run") -> str:
        request = BeginRotationInput(org=self.org, makes_key=True, run=run, by="ada")
        return (await ActivityEnvironment().run(self.rotation.begin_rotation, request)).key_id

    async def send(self, protector: Protector, *numbers: int, **body: Any) -> None:
        """Land and apply a change of some records, encrypted by one process."""
        events = [self.change(number, **body) for number in numbers]
        road = RotatingRoad(self.store, self.warehouse, CATALOGUE, protector=protector, by=self.protector)
        await road.send(events)

    def change(self, *numbers: int, **body: Any) -> dict[str, Any]:
        self.commit += 1
        values = {"Title__c": "t", "Email__c": EMAIL, "Birth__c": BIRTH} | body
        stamps = {"commitNumber": self.commit, "commitTimestamp": 1_790_000_000_000 + 1_000 * self.commit}
        kind = "UPDATE" if body else "CREATE"
        made = event(values, recordIds=[record(n) for n in numbers], changeType=kind, **stamps)
        return made | {"event": {"replayId": self.commit}}

    def tokens(self, table: str, column: str) -> dict[str, set[str]]:
        """Record -> tokens in a table."""
        found: dict[str, set[str]] = {}
        with self.warehouse.reading() as reading:
            for record_id, token in reading.fetch(f"SELECT record_id, {column} FROM {table}"):
                found.setdefault(record_id, set()).add(token)
        return found

    def keys_of(self, table: str, column: str = "email") -> set[str]:
        return {key_of(token) for tokens in self.tokens(table, column).values() for token in tokens if token}

    async def follow_up(self) -> ReencryptCounts:
        counts, after = ReencryptCounts(), ""
        while True:
            request = ReencryptInput(org=self.org, object=THING, after=after)
            done = await ActivityEnvironment().run(self.reencryption.reencrypt_log, request)
            counts, after = counts.plus(done.counts), done.after
            if done.is_done:
                return counts

    async def switch(self) -> ReencryptCounts:
        request = ReencryptInput(org=self.org, object=THING)
        return (await ActivityEnvironment().run(self.reencryption.reencrypt_tables, request)).counts

    def altered(self) -> list[str]:
        """Records whose curated rows do not follow from the change log."""
        ids = sorted(self.tokens(TABLES[0], "email"))
        with self.warehouse.transaction() as transaction:
            return [each.record_id for each in _compare(transaction, SPEC, ids, self.protector).altered]


class RotatingRoad(Road):
    """A road whose follower and applier are two processes."""

    def __init__(self, *parts: Any, protector: Protector, by: Protector) -> None:
        super().__init__(*parts)
        self.lands, self.applies = protector, by

    def protector(self) -> Protector:
        return self.lands

    def applier(self, warehouse: Any) -> Applier:
        return Applier(warehouse, self.store, self.catalogue, self.applies)


@pytest.fixture
def rotating(
    store: ObjectStore, s3_address: S3Address, warehouse: PostgresWarehouse, database: str
) -> Iterator[Rotating]:
    warehouse.ensure_tables(CATALOGUE)
    made = Rotating(store, s3_address, warehouse, database)
    yield made
    made.register.close()


def equal_emails(rotating: Rotating) -> None:
    """Every record has one e-mail address, so every row of a curated table has one token."""
    for table in TABLES[:2]:
        assert len({t for tokens in rotating.tokens(table, "email").values() for t in tokens}) == 1


async def test_equal_values_are_equal_at_every_moment_of_a_rotation(
    rotating: Rotating, s3_address: S3Address
) -> None:
    old = rotating.process(s3_address)
    await rotating.send(old, 1, 2, 3)
    assert await rotating.rotate() == "2"
    new = rotating.process(s3_address)
    await rotating.send(new, 4)
    await rotating.send(new, 1, Title__c="changed under the second key")
    equal_emails(rotating)
    assert rotating.keys_of(TABLES[0]) == {"1"}
    await rotating.switch()
    equal_emails(rotating)
    assert rotating.keys_of(TABLES[0]) == rotating.keys_of(TABLES[1]) == {"2"}
    # A follower that has not heard of the second key yet.
    await rotating.send(old, 5)
    await rotating.send(old, 2, Title__c="changed under the first key")
    equal_emails(rotating)
    assert rotating.altered() == []
    await rotating.follow_up()
    equal_emails(rotating)
    assert {
        key for table in TABLES for name in ("email", "birth") for key in rotating.keys_of(table, name)
    } == {"2"}
    assert rotating.altered() == []


async def test_a_record_is_folded_again_in_the_middle_of_a_rotation(
    rotating: Rotating, s3_address: S3Address
) -> None:
    await rotating.send(rotating.process(s3_address), 1, 2)
    await rotating.rotate()
    await rotating.switch()
    assert rotating.keys_of(TABLES[2]) == {"1"}
    with rotating.warehouse.transaction() as transaction:
        transaction.lock_object(SPEC.table)
        rebuild_records(transaction, SPEC, [record(1)], table_forms(transaction, SPEC, rotating.protector))
    equal_emails(rotating)
    assert rotating.keys_of(TABLES[0]) == {"2"}


async def test_values_open_before_while_and_after(rotating: Rotating, s3_address: S3Address) -> None:
    await rotating.send(rotating.process(s3_address), 1)

    def read() -> set[tuple[str, str]]:
        return {
            (
                rotating.protector.decrypt(f"{THING}.Email__c", email),
                rotating.protector.decrypt(f"{THING}.Birth__c", birth),
            )
            for table in TABLES
            for email, birth in zip(
                rotating.tokens(table, "email")[record(1)],
                rotating.tokens(table, "birth")[record(1)],
                strict=True,
            )
        }

    found = [read()]
    await rotating.rotate()
    found.append(read())
    await rotating.switch()
    found.append(read())
    await rotating.follow_up()
    found.append(read())
    assert found == 4 * [{(EMAIL, BIRTH)}]


async def test_what_is_done_is_not_done_again(rotating: Rotating, s3_address: S3Address) -> None:
    await rotating.send(rotating.process(s3_address), 1, 2, 3)
    await rotating.rotate()
    # an address in current and in history, of three records
    assert (await rotating.switch()).tokens == 6
    # two values in the log, a birth date in both tables
    assert (await rotating.follow_up()).tokens == 12
    assert ((await rotating.switch()).tokens, (await rotating.follow_up()).tokens) == (0, 0)


async def test_a_rotation_that_is_begun_again_makes_no_further_key(rotating: Rotating) -> None:
    assert [await rotating.rotate("a"), await rotating.rotate("a"), await rotating.rotate("b")] == [
        "2",
        "2",
        "3",
    ]
    assert [key.id for key in rotating.register.keys(rotating.org)] == ["1", "2", "3"]


async def test_a_key_that_a_killed_attempt_left_is_taken(rotating: Rotating) -> None:
    rotating.keys.make("2")
    assert await rotating.rotate() == "2"


async def test_every_record_of_a_merged_event_gets_tokens_of_its_own(
    rotating: Rotating, s3_address: S3Address
) -> None:
    road = RotatingRoad(
        rotating.store,
        rotating.warehouse,
        CATALOGUE,
        protector=rotating.process(s3_address),
        by=rotating.protector,
    )
    await road.send([rotating.change(1, 2, 3)])
    tokens = rotating.tokens(TABLES[0], "birth")
    assert len({token for each in tokens.values() for token in each}) == 3
    equal_emails(rotating)
    assert rotating.altered() == []


async def test_a_ring_without_a_register_is_the_same_ring(rotating: Rotating, s3_address: S3Address) -> None:
    await rotating.rotate()
    ring: KeyRing = org_key_ring(rotating.org, s3_address, rotating.store)
    assert ring.ids == rotating.process(s3_address).ring.ids == ("1", "2")
