"""Groups of batches in a warehouse: what each change comes to in the log, in the state and in
history.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.apply.erased import erased_named
from activities.apply.token_keys import table_key
from clients.metrics.registry import REGISTRY
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import ERASED, insert_row
from schemas.errors import LedgerImbalanceError
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.ops_tables import ERASED_COLUMNS
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps
from tests.support.builders.catalogues import with_fields

pytestmark = pytest.mark.service

ADA, BOB, EVE = (f"00300000000000{number}AAA" for number in range(1, 4))
LAST_NAME = {
    "type": "string",
    "length": 80,
    "part_of": "Name",
    "pii": "personal",
    "required": True,
    "severity": {"required": "reject"},
}
HISTORY = "SELECT record_id, title, is_current FROM curated.contact_history ORDER BY change_order, record_id"
CURRENT = "SELECT record_id, title FROM curated.contact_current ORDER BY record_id"
LOG = "SELECT record_id, title FROM audit.contact_change ORDER BY change_order, record_id"


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    """A contact without a last name is refused."""
    return Road(store, warehouse, with_fields({"Contact": {"LastName": LAST_NAME}}))


def new(place: int, record_id: str, title: str = "new", **fields: Any) -> dict[str, Any]:
    body = {"Name": {"LastName": "Lund"}, "Title": title, **stamps(), **fields}
    return event(place, body, object_name="Contact", record_ids=[record_id])


def bad(place: int, record_id: str, title: str = "bad") -> dict[str, Any]:
    """It is refused."""
    return new(place, record_id, title, Name={"FirstName": "Ada"})


def update(place: int, record_id: str, **fields: Any) -> dict[str, Any]:
    return event(place, fields, object_name="Contact", change_type="UPDATE", record_ids=[record_id])


async def staged(road: Road, *batches: list[dict[str, Any]]) -> list[ApplyInput]:
    return [(await road.stage(road.land(each)))["Contact"] for each in batches]


async def applied(road: Road, *batches: list[dict[str, Any]]) -> list[ApplyResult]:
    """The batches, in one transaction."""
    return road.applier(road.warehouse).apply(await staged(road, *batches))


def rows(road: Road, query: str) -> list[tuple[Any, ...]]:
    with road.warehouse.reading() as reading:
        return list(reading.fetch(query))


def counts(results: list[ApplyResult]) -> list[tuple[int, int, int, int, int]]:
    return [(each.applied, each.duplicate, each.quarantined, each.rebuilt, each.isolated) for each in results]


async def test_records_that_are_new_and_records_that_are_known_are_folded_in_together(road: Road) -> None:
    await applied(road, [new(2, ADA, "a")])
    await applied(road, [update(3, ADA, Title="b"), new(4, BOB, "c"), update(5, BOB, Title="d")])
    assert rows(road, CURRENT) == [(ADA, "b"), (BOB, "d")]
    assert rows(road, HISTORY) == [(ADA, "a", False), (ADA, "b", True), (BOB, "c", False), (BOB, "d", True)]
    assert rows(road, LOG) == [(ADA, "a"), (ADA, "b"), (BOB, "c"), (BOB, "d")]


async def test_changes_that_are_late_are_folded_each_into_its_own_record(road: Road) -> None:
    await applied(
        road, [new(2, EVE, "e1"), new(3, ADA, "a1"), update(20, EVE, Title="e3"), update(21, ADA, Title="a3")]
    )
    late = [update(10, ADA, Title="a2"), new(11, BOB, "b"), update(12, EVE, Title="e2")]
    assert counts(await applied(road, late)) == [(3, 0, 0, 2, 0)]
    assert rows(road, CURRENT) == [(ADA, "a3"), (BOB, "b"), (EVE, "e3")]
    titles = [(EVE, "e1"), (ADA, "a1"), (ADA, "a2"), (BOB, "b"), (EVE, "e2"), (EVE, "e3"), (ADA, "a3")]
    assert [row[:2] for row in rows(road, HISTORY)] == titles
    assert {row[1] for row in rows(road, HISTORY) if row[2]} == {"a3", "b", "e3"}


async def test_a_change_that_comes_twice_is_logged_and_counted_once(road: Road) -> None:
    first = [new(2, ADA, "a"), update(3, ADA, Title="b")]
    results = await applied(road, first, [*first, new(4, BOB, "c"), new(4, BOB, "c")])
    assert counts(results) == [(2, 0, 0, 0, 0), (1, 3, 0, 0, 0)]
    assert rows(road, LOG) == [(ADA, "a"), (ADA, "b"), (BOB, "c")]
    assert rows(road, HISTORY) == [(ADA, "a", False), (ADA, "b", True), (BOB, "c", True)]


async def test_a_batch_that_the_ledger_has_is_answered_from_it_beside_one_that_is_new(road: Road) -> None:
    wide = "x" * 129
    known, other = await staged(
        road,
        [new(2, ADA, wide), new(3, BOB, wide), bad(4, EVE)],
        [update(5, ADA, Title="a")],
    )
    applier = road.applier(road.warehouse)
    before = applier.apply([known])
    assert counts(before) == [(2, 0, 1, 0, 2)]
    found = applier.apply([known, other])
    assert counts(found) == [*counts(before), (1, 0, 0, 0, 0)]
    assert found[0].last_changed_at == before[0].last_changed_at
    assert len(rows(road, LOG)) == 3


async def test_each_batch_of_a_group_counts_its_own_fields_that_do_not_fit(road: Road) -> None:
    wide = "x" * 129
    results = await applied(
        road, [new(2, ADA, wide)], [new(3, BOB)], [update(4, BOB, Title=wide), new(5, EVE, wide)]
    )
    assert [each.isolated for each in results] == [1, 0, 2]


async def test_a_group_of_refused_changes_alone_has_its_rows_and_no_commit(road: Road) -> None:
    [result] = await applied(road, [bad(2, ADA), bad(3, BOB)])
    assert (result.landed, result.applied, result.quarantined) == (2, 0, 2)
    assert rows(road, "SELECT record_id FROM ops.quarantine ORDER BY 1") == [(ADA,), (BOB,)]
    assert rows(road, LOG) == []
    assert rows(road, "SELECT landed, quarantined FROM ops.ledger") == [(2, 2)]


def erase(road: Road, *record_ids: str) -> None:
    with road.warehouse.transaction() as transaction:
        for each in record_ids:
            values = (each, "Contact", "ids-1", datetime.now(UTC))
            transaction.execute(insert_row(ERASED, ERASED_COLUMNS), values)


async def test_of_an_erased_record_no_value_is_written_whatever_was_staged_before(road: Road) -> None:
    events = [
        new(2, ADA, "Zq7"),
        new(3, BOB, "b"),
        bad(4, ADA, "Zq7"),
        bad(5, BOB, "b"),
    ]
    items = await staged(road, events)
    erase(road, ADA)
    assert counts(road.applier(road.warehouse).apply(items)) == [(2, 0, 2, 0, 0)]
    assert rows(road, CURRENT) == [(ADA, None), (BOB, "b")]
    assert rows(road, LOG) == [(ADA, None), (BOB, "b")]
    refused = {row[0]: row[1:] for row in rows(road, "SELECT record_id, event, detail FROM ops.quarantine")}
    assert "Zq7" not in refused[ADA][0]
    assert refused[ADA][1] == "the values of the record were erased"
    assert '"Title":"b"' in refused[BOB][0]
    assert "erased" not in refused[BOB][1]


def test_erased_records_are_found_among_more_than_one_statement_names(road: Road) -> None:
    named = [f"003{number:012d}AAA" for number in range(1_001)]
    erase(road, named[0], named[499], named[500], named[1_000], "003000000009999AAA")
    with road.warehouse.transaction() as transaction:
        found = erased_named(transaction, [*named, named[500]])
        assert found == {named[0], named[499], named[500], named[1_000]}
        assert erased_named(transaction, []) == frozenset()


def test_the_first_key_of_an_objects_tables_stays_its_key(road: Road) -> None:
    spec = road.catalogue.object("Contact")
    for usual in ("1", "2"):
        with road.warehouse.transaction() as transaction:
            assert table_key(transaction, spec, usual) == "1"


async def test_a_manifest_that_tells_of_other_changes_than_its_file_has_is_not_staged(road: Road) -> None:
    manifest = road.land([new(2, ADA), bad(3, BOB)])
    for landed, told in (
        ({"Contact": 3}, "landed 3 != applied 1 + duplicate 0 + quarantined 1"),
        ({"Contact": 2, "Case": 1}, "landed 1 != applied 0 + duplicate 0 + quarantined 0"),
        ({}, "landed 0 != applied 1 + duplicate 0 + quarantined 1"),
    ):
        with pytest.raises(LedgerImbalanceError) as caught:
            await road.stage(manifest.model_copy(update={"landed": landed}))
        assert told in str(caught.value), str(caught.value)


def observed() -> float:
    """Changes of contacts whose freshness was observed in this process."""
    labels = {"object": "Contact", "le": "+Inf"}
    return REGISTRY.get_sample_value("tidegate_change_freshness_seconds_bucket", labels) or 0.0


async def test_only_changes_that_are_new_are_observed_as_fresh(road: Road) -> None:
    first = [new(2, ADA), update(3, ADA, Title="b")]
    before, seen = observed(), []
    for batch in (first, [*first, new(4, BOB)], first, [bad(5, EVE)]):
        await applied(road, batch)
        seen.append(observed() - before)
    assert seen == [2, 3, 3, 3]
