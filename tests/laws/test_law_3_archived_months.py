"""Law 3 over the archive: months that leave the log change nothing of what a record has become,
whatever comes late.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings, strategies as st

from activities.apply.applier import Applier
from activities.erasure.scope import Scope, ScopeErasure
from activities.erasure.tables import EraseTables
from activities.reconcile.verify_fold import _compare
from clients.retention.parts import RetentionParts
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql import apply as sql
from schemas.catalogue import Catalogue
from schemas.ingest.messages import ApplyInput
from schemas.security.erasure import ErasureStep
from schemas.security.ids import erasure_scope_key
from schemas.security.retention import Work
from tests.laws.test_law_3_a_change_counts_once import (
    CATALOGUE as OPEN,
    as_rows,
    current,
    deliveries,
    empty,
    staged,
    unique,
    versions_of,
)
from tests.support.builders.bus import protector
from tests.support.builders.examples import examples
from tests.support.builders.oracle import fold_events
from tests.support.builders.retention import EIGHT_YEARS_AGO, retention, run_at, within
from transforms.retention.periods import Month

pytestmark = pytest.mark.service
STEPS = (Work.ARCHIVE, Work.VERIFY, Work.DROP)


@pytest.fixture
def applier(warehouse: PostgresWarehouse, store: ObjectStore) -> Applier:
    warehouse.ensure_tables(OPEN)
    return Applier(warehouse, store, OPEN)


@pytest.fixture
def kept(
    applier: Applier, s3_address: S3Address, database: str, warehouse: PostgresWarehouse
) -> Iterator[RetentionParts]:
    made = retention(s3_address, database, warehouse, Catalogue(objects=OPEN.objects))
    policy = made.policy.model_copy(update={"warehouse_months": 1})
    yield replace(made, policy=policy, stored=())
    made.close()


EXAMPLES = settings(
    max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@EXAMPLES
@given(delivery=deliveries(), seed=st.integers(0, 2**16), history=st.booleans())
def test_months_that_left_the_log_change_nothing(
    applier: Applier, kept: RetentionParts, delivery, seed: int, history: bool
) -> None:
    made, chance, kept, groups = begun(applier, kept, delivery, seed, history)
    for month, group in groups:
        month_goes_by(applier, kept, month, group, chance)
    run_at(kept, within(END), Work.REFOLD)
    expected = as_rows(fold_events(made))
    assert_folded(applier, expected, history)


@EXAMPLES
@given(delivery=deliveries(), seed=st.integers(0, 2**16), history=st.booleans())
def test_records_that_were_erased_meanwhile_are_folded_without_their_values(
    applier: Applier, kept: RetentionParts, delivery, seed: int, history: bool
) -> None:
    made, chance, kept, groups = begun(applier, kept, delivery, seed, history)
    place, gone = chance.randrange(len(groups)), chance.choice(["a0x01", "a0x02"])
    for number, (month, group) in enumerate(groups):
        month_goes_by(applier, kept, month, group, chance)
        if number == place:
            erase(applier, kept, gone, history)
    run_at(kept, within(END), Work.REFOLD)
    # What came behind the erasure's first pass goes with its second one.
    erase(applier, kept, gone, history)
    expected = as_rows(fold_events(made))
    if gone in expected:
        expected[gone] = [(None, *row[1:4], None, *row[5:]) for row in expected[gone]]
    assert_folded(applier, expected, history)


Groups = list[tuple[Month, list[ApplyInput]]]
END = EIGHT_YEARS_AGO.plus(30)
"""No example has so many groups."""


def begun(
    applier: Applier, kept: RetentionParts, delivery: Any, seed: int, history: bool
) -> tuple[list[dict[str, Any]], random.Random, RetentionParts, Groups]:
    """Events, chance, an archive of the example's own, and groups of batches, one a month."""
    made, batches = delivery
    for event in made:
        event["ChangeEventHeader"]["entityName"] = name_of(history)
    forget(applier)
    items = [staged(applier, [made[place] for place in places]) for places in batches]
    chance = random.Random(seed)
    chance.shuffle(items)
    items += chance.sample(items, chance.randint(0, len(items)))
    groups: Groups = []
    while items:
        size = chance.randint(1, 2)
        groups.append((EIGHT_YEARS_AGO.plus(len(groups)), unique(items[:size])))
        items = items[size:]
    return made, chance, retention_of(kept, seed), groups


def month_goes_by(
    applier: Applier, kept: RetentionParts, month: Month, group: list[ApplyInput], chance: random.Random
) -> None:
    """Apply a group; then months may leave, and records may be folded again."""
    with time_machine.travel(within(month), tick=False):
        for result in applier.apply(group):
            assert result.landed == result.applied + result.duplicate + result.quarantined
    if chance.random() < 0.7:
        # All months so far leave the warehouse.
        later = month.plus(1 + kept.policy.warehouse_months).end + timedelta(days=9)
        run_at(kept, later, *STEPS)
    if chance.random() < 0.3:
        run_at(kept, within(month.plus(1)), Work.REFOLD)


def assert_folded(applier: Applier, expected: dict[str, list[Any]], history: bool) -> None:
    assert current(applier, history) == {key: versions[-1] for key, versions in expected.items()}
    if history:
        assert versions_of(applier) == expected
    assert altered(applier, name_of(history)) == []


def erase(applier: Applier, kept: RetentionParts, record_id: str, history: bool) -> None:
    """The erasure's steps over tables and the archive."""
    key = protector(applier.catalogue)
    scope = Scope({name_of(history): (record_id,)}, (), None)
    written = ScopeErasure(kept.warehouse, kept.store, kept.catalogue, key)._written(scope)
    kept.store.put(erasure_scope_key(kept.org, "ids-1"), written)
    step = EraseTables(kept.warehouse, kept.store, kept.catalogue, key, lambda _: kept.warehouse)
    step._erase(ErasureStep(org=kept.org, key="ids-1"))
    kept.archive.keys.destroy([record_id])


def name_of(history: bool) -> str:
    """The object of an example."""
    return "Kept__c" if history else "Latest__c"


def altered(applier: Applier, name: str) -> list[Any]:
    """Findings of a reconciliation that do not follow from the log and the bases."""
    spec = applier.catalogue.object(name)
    with applier.warehouse.reading() as reading:
        ids = [row[0] for row in reading.fetch(f"SELECT record_id FROM {sql.current_table(spec)}")]
        return _compare(reading, spec, ids, protector(applier.catalogue)).altered


def forget(applier: Applier) -> None:
    empty(applier)
    with applier.warehouse.transaction() as transaction:
        for table in (sql.ARCHIVE, sql.REFOLD, sql.LEDGER, sql.ERASED, sql.OBJECT_COMMIT):
            transaction.execute(f"DELETE FROM {table}")


def retention_of(kept: RetentionParts, seed: int) -> RetentionParts:
    org = f"{seed:05d}{random.SystemRandom().randint(0, 10**12):013d}"
    return replace(kept, org=org, archive=replace(kept.archive, org=org))
