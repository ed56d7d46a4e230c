"""Law 8 after a replay: what fits now leaves quarantine, is applied, and every batch's counts are
right again.
"""

import json
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.quality import Rule
from schemas.replay import QuarantineChoice, ReplaySelection
from tests.laws.test_law_4_applied_whole import FailingWarehouse, PowerCut, as_warehouse, cut_power
from tests.support.builders.batches import Road
from tests.support.builders.bus import BASE_MS, event, stamps
from tests.support.builders.catalogues import lenient, strict
from tests.support.engines.replaying import ORG, Replays, checksum
from transforms.ingest.decode_events import (
    AHEAD_OF_CLOCK,
    MISSING_REQUIRED,
    UNKNOWN_FIELD,
    UNKNOWN_OBJECT,
)

pytestmark = pytest.mark.service

CASES = [f"500{number:012d}AAA" for number in range(9)]
STRANGER = "a99000000000001AAA"
ANY = ReplaySelection(org=ORG, quarantine=QuarantineChoice())


FITS = {"type": "string"}
"""Surprise__c without the rule that its values break."""


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    opened = Road(store, warehouse, strict())
    warehouse.ensure_tables(opened.catalogue)
    return opened


def update(number: int, record_id: str, **fields: Any) -> dict[str, Any]:
    return event(number, fields, change_type="UPDATE", record_ids=[record_id])


async def send(road: Road) -> None:
    await road.send(
        [event(1, record_ids=CASES[:3]), event(2, {"Subject": "no status"}, record_ids=[CASES[3]])]
    )
    await road.send(
        [
            update(3, CASES[0], Surprise__c="s", Hidden__c="h", Status="Closed"),
            update(4, CASES[0], Subject="later"),
            update(5, CASES[1], Surprise__c="t", Hidden__c="i"),
            event(
                6, {"A__c": 5, "Secret__c": "x", **stamps()}, object_name="Stranger__c", record_ids=[STRANGER]
            ),
        ]
    )
    # A change that was delivered twice and refused twice is one change.
    await road.send([update(3, CASES[0], Surprise__c="s", Hidden__c="h", Status="Closed")])


def ledger(dsn: str) -> dict[tuple[str, str], tuple[int, ...]]:
    query = (
        b"""SELECT batch, object, landed, applied, duplicate, quarantined FROM ops.ledger ORDER BY batch"""
    )
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(query).fetchall()
    for row in rows:
        assert row[2] == row[3] + row[4] + row[5]
    return {(row[0].rpartition("/")[2], row[1]): row[2:] for row in rows}


def isolated(dsn: str) -> dict[tuple[str, str], int]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(b"SELECT batch, object, isolated FROM ops.ledger WHERE isolated > 0")
        return {(row[0].rpartition("/")[2], row[1]): row[2] for row in rows}


def reasons(dsn: str) -> list[tuple[str, str | None]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(b"SELECT reason, record_id FROM ops.quarantine ORDER BY 1, 2").fetchall()


async def test_what_a_clock_that_was_behind_took_for_a_time_to_come_is_applied_by_a_redrive(
    road: Road, database: str
):
    await road.send([event(1, record_ids=[CASES[0]])], received_ms=BASE_MS - 3_600_000)
    assert reasons(database) == [(AHEAD_OF_CLOCK, CASES[0])]
    counts = await Replays(road, database, strict()).run(selection=ANY)
    assert (counts.applied, counts.quarantined, counts.released) == (1, 0, 1)
    assert ledger(database) == {("origin", "Case"): (1, 1, 0, 0)}
    assert reasons(database) == []


async def test_changes_that_fit_after_a_catalogue_change_are_applied_and_accounted_for(
    road: Road, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    times = committed(database)
    assert ledger(database)["2", "Case"] == (3, 1, 0, 2)
    replays = Replays(road, database, lenient(Surprise__c=FITS))
    warehouse.ensure_tables(replays.catalogue)
    counts = await replays.run(selection=ANY)
    assert (counts.applied, counts.quarantined, counts.released) == (3, 1, 4)
    assert ledger(database) == {
        ("origin", "Case"): (4, 3, 0, 1),
        ("2", "Case"): (3, 3, 0, 0),
        ("2", "Stranger__c"): (1, 1, 0, 0),
        ("6", "Case"): (1, 0, 1, 0),
    }
    assert isolated(database) == {("2", "Case"): 2}, "the field that is still unknown"
    assert reasons(database) == [(MISSING_REQUIRED, CASES[3])]
    assert committed(database) == times
    with psycopg.connect(database) as connection:
        query = b"SELECT record_id, status, subject, surprise FROM curated.case_current ORDER BY 1"
        assert connection.execute(query).fetchall()[:2] == [
            (CASES[0], "Closed", "later", "s"),
            (CASES[1], "New", "Case 1", "t"),
        ]
    before = checksum(database)
    counts = await replays.run()
    assert (counts.applied, counts.released) == (0, 0)
    assert checksum(database) == before


def committed(dsn: str) -> list[tuple[Any, ...]]:
    query = b"SELECT batch, object, committed_at, first_changed_at FROM ops.ledger ORDER BY 1, 2"
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


async def test_a_replay_asks_for_what_no_reading_has_answered_and_asks_once(
    road: Road, warehouse: PostgresWarehouse, database: str
):
    await road.send(
        [event(1, record_ids=CASES[:2])]
        + [event(2 + n, {}, change_type="GAP_UPDATE", record_ids=[CASES[n]]) for n in range(2)]
    )
    replays = Replays(road, database, road.catalogue)

    def do(statement: str) -> None:
        with warehouse.transaction() as transaction:
            transaction.execute(statement)

    def asked() -> list[tuple[str, ...]]:
        with warehouse.transaction() as transaction:
            return transaction.fetch(
                "SELECT record_id FROM ops.reread WHERE closed_at IS NULL ORDER BY record_id"
            )

    assert asked() == [(CASES[0],), (CASES[1],)]
    before = checksum(database)
    await replays.run()
    assert checksum(database) == before, "what is on the list is not asked for twice"
    # One was answered; of the other nobody knows any more that it was asked for.
    do("DELETE FROM ops.reread")
    do(f"UPDATE ops.quarantine SET resolved_at = quarantined_at WHERE record_id = '{CASES[0]}'")
    await replays.run(selection=ANY)
    assert asked() == [(CASES[1],)]
    # A warehouse that lost everything asks for everything.
    for table in ("ops.reread", "ops.quarantine", "ops.ledger"):
        do(f"DELETE FROM {table}")
    await replays.run()
    assert asked() == [(CASES[0],), (CASES[1],)]
    do("UPDATE ops.quarantine SET resolved_at = quarantined_at")
    assert await replays.found(ANY, 3) == [], "what was answered does not wait"


async def test_what_was_hidden_while_it_was_unknown_is_as_protected_as_the_catalogue_says(
    road: Road, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    replays = Replays(road, database, lenient(Surprise__c=FITS, Hidden__c=FITS | {"pii": "sensitive"}))
    warehouse.ensure_tables(replays.catalogue)
    await replays.run()
    with psycopg.connect(database) as connection:
        row = connection.execute(b"SELECT a, secret FROM curated.stranger_current").fetchone()
        assert row is not None
        assert row[0] == 5
        assert row[1].startswith("tg1.")
        hidden = connection.execute(b"SELECT hidden FROM curated.case_current").fetchall()
    assert {value for (value,) in hidden if value is not None and not value.startswith("tg2.")} == set()
    assert sum(value is not None for (value,) in hidden) == 2


async def test_a_field_that_became_personal_is_not_made_again_in_clear(
    road: Road, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    subject = {"type": "string", "pii": "personal"}
    replays = Replays(road, database, lenient(Subject=subject))
    counts = await replays.run(shadow="private")
    assert counts.applied == 8 - 3
    with psycopg.connect(database) as connection:
        rows = connection.execute(b"SELECT subject FROM shadow_private_curated.case_current").fetchall()
    assert rows
    assert all(value.startswith("tg1.") for (value,) in rows)


async def test_a_change_that_was_applied_stays_so_when_the_catalogue_would_refuse_it_today(
    road: Road, database: str
):
    await send(road)
    before = checksum(database)
    narrowed = strict(Subject={"type": "string", "values": ["none"], "severity": {"values": "reject"}})
    counts = await Replays(road, database, narrowed).run()
    assert counts.applied == 0
    # The one that was refused for its status is refused for its subject now.
    assert {table for table, digest in checksum(database).items() if digest != before[table]} == {
        "ops.quarantine"
    }
    assert sum(row[3] for row in ledger(database).values()) == 5


async def test_only_the_chosen_rows_are_redriven(road: Road, warehouse: PostgresWarehouse, database: str):
    await send(road)
    replays = Replays(road, database, lenient(Surprise__c=FITS))
    warehouse.ensure_tables(replays.catalogue)
    chosen = QuarantineChoice(reason=UNKNOWN_OBJECT)
    await replays.run(selection=ReplaySelection(org=ORG, object="Stranger__c", quarantine=chosen))
    assert [reason for reason, _ in reasons(database)] == [MISSING_REQUIRED] + [Rule.VALUES] * 3
    one = QuarantineChoice(batch=f"{road.lane}/6")
    await replays.run(selection=ReplaySelection(org=ORG, quarantine=one))
    assert [reason for reason, _ in reasons(database)] == [MISSING_REQUIRED] + [Rule.VALUES] * 2
    # The first delivery finds what the second brought.
    await replays.run(selection=ReplaySelection(org=ORG, object="Case", record=CASES[0]))
    assert ledger(database)["2", "Case"] == (3, 1, 1, 1)
    assert reasons(database) == [(MISSING_REQUIRED, CASES[3]), (Rule.VALUES, CASES[1])]


async def test_what_an_older_release_refused_for_a_field_that_it_did_not_know_is_redriven_by_that_reason(
    road: Road, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE ops.quarantine SET reason = 'unknown_field', detail = 'Case.Surprise__c is not in the catalogue' "
            "WHERE reason = 'values'"
        )
    replays = Replays(road, database, lenient(Surprise__c=FITS))
    chosen = QuarantineChoice(reason=UNKNOWN_FIELD)
    counts = await replays.run(selection=ReplaySelection(org=ORG, object="Case", quarantine=chosen))
    assert (counts.applied, counts.released) == (2, 3)
    assert [reason for reason, _ in reasons(database)] == [MISSING_REQUIRED, UNKNOWN_OBJECT]


async def test_no_clear_value_of_what_is_unknown_reaches_quarantine(road: Road, database: str):
    await send(road)
    await Replays(road, database, road.catalogue).run()
    with psycopg.connect(database) as connection:
        rows = connection.execute(b"SELECT event FROM ops.quarantine WHERE reason = 'values'").fetchall()
    assert {json.loads(event)["payload"]["Hidden__c"][:4] for (event,) in rows} == {"tg1."}


async def test_a_redrive_that_fails_at_any_step_leaves_everything_as_it_was_and_the_next_one_finishes_it(
    road: Road, warehouse: PostgresWarehouse, database: str
):
    await send(road)
    calm = Replays(road, database, lenient(Surprise__c=FITS))
    warehouse.ensure_tables(calm.catalogue)
    before = checksum(database)
    steps, counts = 0, None
    while counts is None:
        failing = FailingWarehouse(warehouse, steps + 1, cut_power)
        broken = replace(calm, road=replace(road, warehouse=as_warehouse(failing)))
        one = ReplaySelection(org=ORG, lane=road.lane, object="Case")
        try:
            counts = await broken.run(selection=one, most=10)
        except PowerCut:
            steps += 3
            assert checksum(database) == before, f"left something at step {steps}"
    assert steps >= 20, "the sweep is meant to cover every statement and load"
    assert (counts.applied, counts.released) == (2, 3)
    assert ledger(database)["2", "Case"] == (3, 3, 0, 0)
