"""Law 10: a value or a name that does not fit is isolated, named with its reason and counted; the
rest of its change lands.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from activities.apply.rebuild import rebuild_records
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import LEDGER, QUALITY, tables_of
from sandbox.org.events.changes import text_diff
from schemas.ids import ORIGIN
from schemas.ingest.messages import ApplyInput
from schemas.quality import Rule
from schemas.replay import ReplaySelection
from tests.support.builders.batches import Road
from tests.support.builders.bus import protector
from tests.support.builders.examples import examples
from tests.support.builders.odd_values import (
    CATALOGUE,
    COLUMNS,
    NOTHING,
    OBJECT,
    RECORDS,
    SECRET,
    TEXT,
    Change,
    State,
    Value,
    changes,
    findings,
    versions,
)
from tests.support.engines.replaying import ORG, Replays, checksum

pytestmark = pytest.mark.service

SPEC = CATALOGUE.object(OBJECT)
RECORD = RECORDS[0]


@pytest.fixture
def road(warehouse: PostgresWarehouse, store: ObjectStore) -> Road:
    warehouse.ensure_tables(CATALOGUE)
    return Road(store, warehouse, CATALOGUE)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Change], list[list[int]]]:
    """Changes, and batches of indexes into them: every change at least once, duplicates and
    disorder as drawn.
    """
    made = draw(changes())
    places = list(range(len(made))) + draw(st.lists(st.integers(0, len(made) - 1), max_size=5))
    if draw(st.booleans()):
        places = draw(st.permutations(places))
    edges = [0, *sorted(draw(st.lists(st.integers(0, len(places)), max_size=4))), len(places)]
    return made, [places[a:b] for a, b in pairwise(edges) if a < b]


@settings(
    max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(delivery=deliveries(), seed=st.integers(0, 2**16))
def test_every_field_is_the_orgs_value_or_is_named_as_unknown_with_one_open_row(
    road: Road, database: str, delivery: tuple[list[Change], list[list[int]]], seed: int
) -> None:
    made, batches = delivery
    road = empty(road)
    items = [asyncio.run(staged(road, [made[place] for place in places])) for places in batches]
    apply_somehow(road, list(items), random.Random(seed))
    expect(road, made)

    before = settled(database)
    road.applier(road.warehouse).apply(
        items
    )  # as a worker that was killed before it could say that it was done
    asyncio.run(Replays(road, database, CATALOGUE, random.Random(seed)).run())
    assert settled(database) == before

    with road.warehouse.transaction() as transaction:
        rebuild_records(transaction, SPEC, sorted(versions(made)))
    assert settled(database) == before, "the slow path gives what the fast one gave"


def apply_somehow(road: Road, items: list[ApplyInput], chance: random.Random) -> None:
    """Apply batches in any order, in groups of any size."""
    chance.shuffle(items)
    while items:
        size = chance.randint(1, 3)
        group, items = items[:size], items[size:]
        for result in road.applier(road.warehouse).apply(group):
            assert (result.quarantined, result.landed) == (0, result.applied + result.duplicate)


def expect(road: Road, made: Sequence[Change]) -> None:
    """Hold the warehouse against the fold of the changes, each of them delivered at least once."""
    made = sorted(made, key=lambda change: place_of(change))
    expected, broken = versions(made), findings(made)
    assert current(road) == {record: shown(states[-1]) for record, states in expected.items()}
    assert history(road) == {record: [shown(each) for each in states] for record, states in expected.items()}
    rows = quality(road)
    assert {key: seen for key, (seen, _) in rows.items()} == broken
    assert {key for key, (_, is_open) in rows.items() if is_open and key[0]} == {
        (record, field, rule.value)
        for record, states in expected.items()
        for field, rule in states[-1].unknown.items()
    }
    ((isolated,),) = ask(road, f"SELECT COALESCE(SUM(isolated), 0) FROM {LEDGER}")
    assert isolated == sum(broken.values())
    logged = ask(
        road, "SELECT record_id, isolated_fields FROM audit.odd_change WHERE isolated_fields IS NOT NULL"
    )
    assert sum(len(columns.split(",")) for _, columns in logged) == sum(
        count for key, count in broken.items() if key[0]
    )


def place_of(change: Change) -> tuple[int, int]:
    header = change.data()["payload"]["ChangeEventHeader"]
    return header["commitTimestamp"], header["commitNumber"]


def shown(state: State) -> tuple[dict[str, Any], frozenset[str]]:
    return {COLUMNS[name]: value for name, value in state.values.items()}, state.unknown_columns


def current(road: Road) -> dict[str, tuple[dict[str, Any], frozenset[str]]]:
    return dict(_rows(road, "curated.odd_current", "record_id"))


def history(road: Road) -> dict[str, list[tuple[dict[str, Any], frozenset[str]]]]:
    found: dict[str, list[tuple[dict[str, Any], frozenset[str]]]] = {}
    for record, row in _rows(road, "curated.odd_history", "record_id, version"):
        found.setdefault(record, []).append(row)
    return found


def _rows(road: Road, table: str, order: str) -> Iterator[tuple[str, tuple[dict[str, Any], frozenset[str]]]]:
    names = list(COLUMNS.values())
    query = f"SELECT record_id, unknown_fields, {', '.join(names)} FROM {table} ORDER BY {order}"
    secrets = protector(CATALOGUE)
    for record, unknown, *values in ask(road, query):
        row = dict(zip(names, values, strict=True))
        token = row[COLUMNS[SECRET]]
        row[COLUMNS[SECRET]] = None if token is None else secrets.decrypt(f"{OBJECT}.{SECRET}", token)
        yield record, (row, frozenset(unknown.split(",") if unknown else ()))


def quality(road: Road) -> dict[tuple[str, str, str], tuple[int, bool]]:
    """Record, field and rule -> how often, and whether it is open."""
    rows = ask(road, f"SELECT record_id, field, rule, seen, resolved_at, severity FROM {QUALITY}")
    found = {(record, field, rule): (seen, at is None) for record, field, rule, seen, at, _ in rows}
    assert len(found) == len(rows), "one row for a record, field and rule"
    assert {row[-1] for row in rows} <= {"isolate"}
    return found


def ask(road: Road, query: str) -> list[tuple[Any, ...]]:
    with road.warehouse.transaction() as transaction:
        return transaction.fetch(query)


def settled(dsn: str) -> dict[str, str]:
    """Digests of all but the ledger, whose counts of duplicates and rebuilt records are those of
    another order after a replay.
    """
    return {table: digest for table, digest in checksum(dsn).items() if table != LEDGER}


def empty(road: Road) -> Road:
    """The road with a lane of its own, and nothing in the tables."""
    with road.warehouse.transaction() as transaction:
        for table in (*tables_of(SPEC), LEDGER, QUALITY, "ops.reread"):
            transaction.execute(f"DELETE FROM {table}")
    return Road(road.store, road.warehouse, CATALOGUE)


async def staged(road: Road, some: Sequence[Change]) -> ApplyInput:
    # Each delivery has a replay id of its own, whatever the change's number: two batches never
    # start at one position.
    first = 0 if road.position == ORIGIN else int(road.position)
    events = [change.data() | {"event": {"replayId": first + n}} for n, change in enumerate(some, 1)]
    return (await road.stage(road.land(events)))[OBJECT]


async def send(road: Road, *some: Change) -> None:
    """One batch a change."""
    for change in some:
        road.applier(road.warehouse).apply([await staged(road, [change])])


def update(number: int, **values: Value) -> Change:
    return Change(number, "UPDATE", (RECORD,), values, is_stray=False)


def open_rules(road: Road) -> list[str]:
    return sorted(rule for (_, _, rule), (_, is_open) in quality(road).items() if is_open)


GOOD, BAD = Value("one", lands="one"), Value(7, breaks=Rule.WRONG_TYPE)
LONG = Value("x" * 11, breaks=Rule.TOO_LONG)


async def test_a_later_good_value_resolves_the_row_by_itself(road: Road) -> None:
    await send(road, update(1, Name=BAD))
    assert open_rules(road) == [Rule.WRONG_TYPE]
    await send(road, update(2, Open__c=Value(True, lands=True)))
    assert open_rules(road) == [Rule.WRONG_TYPE], "a change of another field answers nothing"
    last = update(3, Name=GOOD)
    await send(road, last)
    assert open_rules(road) == []
    ((answered_by,),) = ask(road, f"SELECT resolved_by FROM {QUALITY}")
    assert answered_by == ask(road, "SELECT batch FROM curated.odd_current")[0][0]


async def test_an_emptied_field_is_known_again(road: Road) -> None:
    await send(road, update(1, Name=BAD), update(2, Name=NOTHING))
    assert open_rules(road) == []
    assert current(road)[RECORD] == (dict.fromkeys(COLUMNS.values()), frozenset())


async def test_a_late_bad_value_does_not_reopen_what_a_later_good_one_has_answered(road: Road) -> None:
    await send(road, update(4, Name=GOOD), update(2, Name=BAD))
    assert open_rules(road) == []
    await send(road, update(1, Name=BAD), update(3, Name=LONG))
    assert open_rules(road) == []
    expect(road, [update(1, Name=BAD), update(2, Name=BAD), update(3, Name=LONG), update(4, Name=GOOD)])


async def test_a_late_good_value_does_not_answer_a_later_bad_one(road: Road) -> None:
    await send(road, update(3, Name=BAD), update(2, Name=GOOD))
    assert open_rules(road) == [Rule.WRONG_TYPE]
    expect(road, [update(2, Name=GOOD), update(3, Name=BAD)])


async def test_another_fault_of_the_same_field_takes_the_place_of_the_first(road: Road) -> None:
    await send(road, update(1, Name=BAD), update(2, Name=LONG))
    assert open_rules(road) == [Rule.TOO_LONG]
    await send(road, update(3, Name=BAD))
    assert open_rules(road) == [Rule.WRONG_TYPE]
    expect(road, [update(1, Name=BAD), update(2, Name=LONG), update(3, Name=BAD)])


async def test_a_deletion_answers_nothing_and_an_undeletion_says_all(road: Road) -> None:
    gone, back = (
        Change(number, kind, (RECORD,), {}, False) for number, kind in ((2, "DELETE"), (3, "UNDELETE"))
    )
    await send(road, update(1, Name=BAD), gone)
    assert open_rules(road) == [Rule.WRONG_TYPE]
    await send(road, back)
    assert open_rules(road) == []
    expect(road, [update(1, Name=BAD), gone, back])


@pytest.mark.parametrize("is_late", [False, True])
async def test_no_diff_answers_a_text_that_is_unknown(road: Road, is_late: bool) -> None:
    long, short = "a\n" * 30, "a\nb"
    too_long = update(1, **{TEXT: Value(long, breaks=Rule.TOO_LONG)})
    diff = update(2, **{TEXT: Value({"diff": text_diff(long, short)}, lands=short, is_diff=True)})
    await send(road, *((diff, too_long) if is_late else (too_long, diff)))
    assert open_rules(road) == [Rule.TOO_LONG]
    assert ask(road, "SELECT unknown_fields, is_complete FROM curated.odd_current") == [
        (COLUMNS[TEXT], False)
    ]
    emptied = update(3, **{TEXT: NOTHING})
    await send(road, emptied)
    assert open_rules(road) == []
    expect(road, [too_long, diff, emptied])


async def test_a_diff_against_a_text_that_came_late_is_good_again(road: Road) -> None:
    bad, emptied = update(1, **{TEXT: Value(False, breaks=Rule.WRONG_TYPE)}), update(2, **{TEXT: NOTHING})
    diff = update(3, **{TEXT: Value({"diff": text_diff("", "f")}, lands="f", is_diff=True)})
    await send(road, bad, diff)
    assert open_rules(road) == [Rule.WRONG_TYPE]
    await send(road, emptied)
    assert open_rules(road) == []
    expect(road, [bad, emptied, diff])


async def test_one_records_replay_counts_its_isolated_fields_once(road: Road, database: str) -> None:
    await send(road, update(1, Name=BAD), update(2, Grade__c=Value("Z", breaks=Rule.VALUES)))
    before = checksum(database)
    one = ReplaySelection(org=ORG, object=OBJECT, record=RECORD)
    await Replays(road, database, CATALOGUE).run(selection=one)
    assert checksum(database) == before


async def test_what_a_warehouse_lost_is_noted_again_when_it_is_made_again_from_raw(
    road: Road, database: str
) -> None:
    made = [
        update(1, Name=BAD, Open__c=Value(True, lands=True)),
        update(2, Name=LONG),
        update(3, Due__c=NOTHING),
    ]
    await send(road, *made)
    lane, road_ = road, empty(road)
    await Replays(lane, database, CATALOGUE, random.Random(1)).run()
    expect(road_, made)


async def test_a_text_that_a_diff_makes_too_long_is_unknown_with_one_open_row(
    road: Road, database: str
) -> None:
    long = 41 * "x"
    await send(road, update(1, **{TEXT: Value("a", lands="a")}))
    await send(road, update(2, Name=GOOD, **{TEXT: Value({"diff": text_diff("a", long)}, is_diff=True)}))
    assert ask(road, f"SELECT name, {COLUMNS[TEXT]}, unknown_fields FROM curated.odd_current") == [
        ("one", None, COLUMNS[TEXT])
    ]
    assert open_rules(road) == [Rule.TOO_LONG]
    before = settled(database)
    with road.warehouse.transaction() as transaction:
        rebuild_records(transaction, SPEC, [RECORD])
    assert settled(database) == before
    await send(road, update(3, **{TEXT: Value("b", lands="b")}))
    assert open_rules(road) == []
    assert ask(road, "SELECT unknown_fields FROM curated.odd_current") == [(None,)]
