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
from activities.reconcile.verify_fold import _compare
from clients.retention.parts import RetentionParts
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql import apply as sql
from schemas.catalogue import Catalogue
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
from tests.support.builders.oracle import fold_events
from tests.support.builders.retention import EIGHT_YEARS_AGO, retention, run_at, within

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


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivery=deliveries(), seed=st.integers(0, 2**16), history=st.booleans())
def test_months_that_left_the_log_change_nothing(
    applier: Applier, kept: RetentionParts, delivery, seed: int, history: bool
) -> None:
    made, batches = delivery
    for event in made:
        event["ChangeEventHeader"]["entityName"] = "Kept__c" if history else "Latest__c"
    forget(applier)
    # Each example has an archive of its own.
    kept = retention_of(kept, seed)
    items = [staged(applier, [made[place] for place in places]) for places in batches]
    chance = random.Random(seed)
    chance.shuffle(items)
    items += chance.sample(items, chance.randint(0, len(items)))
    month = EIGHT_YEARS_AGO
    while items:
        size = chance.randint(1, 2)
        group, items = unique(items[:size]), items[size:]
        with time_machine.travel(within(month), tick=False):
            for result in applier.apply(group):
                assert result.landed == result.applied + result.duplicate + result.quarantined
        month = month.plus(1)
        if chance.random() < 0.7:
            # All months so far leave the warehouse.
            later = month.plus(kept.policy.warehouse_months).end + timedelta(days=9)
            run_at(kept, later, *STEPS)
        if chance.random() < 0.3:
            run_at(kept, within(month), Work.REFOLD)
    run_at(kept, within(month), Work.REFOLD)
    expected = fold_events(made)
    assert current(applier, history) == {key: versions[-1] for key, versions in as_rows(expected).items()}
    if history:
        assert versions_of(applier) == as_rows(expected)
    assert altered(applier, "Kept__c" if history else "Latest__c") == []


def altered(applier: Applier, name: str) -> list[Any]:
    """Findings of a reconciliation that do not follow from the log and the bases."""
    spec = applier.catalogue.object(name)
    with applier.warehouse.reading() as reading:
        ids = [row[0] for row in reading.fetch(f"SELECT record_id FROM {sql.current_table(spec)}")]
        return _compare(reading, spec, ids, protector(applier.catalogue)).altered


def forget(applier: Applier) -> None:
    empty(applier)
    with applier.warehouse.transaction() as transaction:
        for table in (sql.ARCHIVE, sql.REFOLD, sql.LEDGER):
            transaction.execute(f"DELETE FROM {table}")


def retention_of(kept: RetentionParts, seed: int) -> RetentionParts:
    org = f"{seed:05d}{random.SystemRandom().randint(0, 10**12):013d}"
    return replace(kept, org=org, archive=replace(kept.archive, org=org))
